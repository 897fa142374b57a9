"""Measuring methods on pairs of low-quality image and ground truth."""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imgrestore.codecs import find_images, read_image
from imgrestore.datasets.pairs import match_names
from imgrestore.degradations.contract import Degradation, degrade
from imgrestore.degradations.downsample import Downsample
from imgrestore.degradations.gaussian import Gaussian
from imgrestore.degradations.quantize import Quantize
from imgrestore.errors import InputError, UsageError
from imgrestore.filters import resize
from imgrestore.image import scaled_size
from imgrestore.metrics import METRICS, Protocol
from imgrestore.report import Report, Score

Method = Callable[[Tensor], Tensor]
"""Takes a low-quality image (3, h, w) to a restored one (3, H, W)."""


@dataclass(frozen=True)
class Pair:
    """A low-quality image and what it should become.

    Attributes:
        name: What tables call it.
        load: Gives the two as float RGB (3, h, w) and (3, H, W) in [0, 1]; called when they are needed.
        scale: H / h.
    """

    name: str
    load: Callable[[], tuple[Tensor, Tensor]]
    scale: int

    @classmethod
    def degraded(
        cls, name: str, pixels: Callable[[], NDArray[np.uint8]], degradations: Sequence[Degradation], scale: int
    ) -> Pair:
        """Make a pair from ground truth: cropped to multiples of ``scale``, degraded with a seed of its name.

        Args:
            name: What tables call it.
            pixels: Gives the uint8 RGB ground truth (H, W, 3).
            degradations: Applied in order.
            scale: How many times smaller they make an image.
        """

        def load() -> tuple[Tensor, Tensor]:
            photo = pixels()
            height, width = (side // scale * scale for side in photo.shape[:2])
            if not height or not width:
                raise InputError(f"{name}: too small to be shrunk {scale} times")
            gt = to_tensor(photo)[:, :height, :width]
            generator = torch.Generator().manual_seed(zlib.crc32(os.fsencode(Path(name).stem)))
            return degrade(gt[None], degradations, generator)[0], gt

        return cls(name, load, scale)


def to_tensor(pixels: NDArray[np.uint8]) -> Tensor:
    """Turn uint8 RGB (H, W, 3) into float (3, H, W) in [0, 1]."""
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255


def degraded_pairs(folder: Path, degradations: Sequence[Degradation], scale: int) -> list[Pair]:
    """Return a pair for every image below a folder of ground truth.

    Raises:
        InputError: The folder is missing or holds no image.
    """
    paths = find_images(folder)
    if not paths:
        raise InputError(f"{folder}: holds no image", hint="--data takes a folder of ground-truth images")
    return [
        Pair.degraded(str(path.relative_to(folder)), lambda path=path: read_image(path).rgb8(), degradations, scale)  # type: ignore[misc]
        for path in paths
    ]


def paired_folders(lq_folder: Path, gt_folder: Path, scale: int) -> list[Pair]:
    """Match low-quality images and ground truth by their names, never by their order.

    A low-quality image ``sub/photo.png`` belongs to the ground truth ``sub/photo.*``; endings such as ``x4`` or ``_lq``
    on either side are not guessed at.

    Raises:
        InputError: A folder is missing, or an image has no or more than one counterpart.
    """
    lq, gt = (match_names(folder) for folder in (lq_folder, gt_folder))
    for stem in sorted(lq.keys() ^ gt.keys()):
        has, lacks = (lq_folder, gt_folder) if stem in lq else (gt_folder, lq_folder)
        raise InputError(f"{has}: {stem} has no counterpart in {lacks}", hint="pairs are matched by file name")
    if not lq:
        raise InputError(f"{lq_folder}: holds no image")
    return [Pair(stem, lambda s=stem: _load_pair(lq[s], gt[s], scale), scale) for stem in sorted(lq)]  # type: ignore[misc]


def _load_pair(lq_path: Path, gt_path: Path, scale: int) -> tuple[Tensor, Tensor]:
    lq, gt = (to_tensor(read_image(path).rgb8()) for path in (lq_path, gt_path))
    if (lq.shape[1] * scale, lq.shape[2] * scale) != tuple(gt.shape[1:]):
        sizes = f"{lq.shape[2]}x{lq.shape[1]} against {gt.shape[2]}x{gt.shape[1]}"
        raise InputError(f"{lq_path}: {sizes} is not a factor of {scale}", hint="--scale states the factor")
    return lq, gt


def standard_degradations(task: str, scale: int, sigma: float = 25.0) -> list[Degradation]:
    """Return what makes test images out of ground truth when no low-quality images are given.

    Upscaling: the literature's bicubic degradation, rounded to 8 bits. Denoising: white Gaussian noise, not clipped and
    not rounded.

    Args:
        task: What the model is for.
        scale: Its enlargement.
        sigma: Standard deviation of the noise in levels of 255.

    Raises:
        UsageError: The task has no standard yet, or there is no such noise.
    """
    if task == "denoise":
        if not 0 <= sigma <= 255:
            raise UsageError(f"--sigma must be between 0 and 255, got {sigma:g}")
        return [Gaussian(sigma=(sigma / 255, sigma / 255))]
    if task != "upscale":
        raise UsageError(f"the task {task!r} has no standard degradation", hint="give low-quality images with --lq")
    return [Downsample(scale=scale), Quantize()]


def baselines(scale: float) -> dict[str, Method]:
    """Return what every table is measured against: interpolation, or for 1x tasks the unprocessed input."""
    if scale == 1:
        return {"input": lambda lq: lq}

    def enlarged(kernel: str) -> Method:
        return lambda lq: resize(lq, scaled_size(lq.shape[-1], lq.shape[-2], scale)[::-1], kernel)

    return {"nearest": enlarged("nearest"), "bicubic": enlarged("bicubic")}


def evaluate(
    methods: Mapping[str, Method], pairs: Iterable[Pair], protocol: Protocol, metrics: Sequence[str] = tuple(METRICS)
) -> Iterator[Score]:
    """Measure every method on every pair.

    Args:
        methods: By the names tables use.
        pairs: What to measure on.
        protocol: See :data:`imgrestore.metrics.PROTOCOLS`; its border is the pair's scale.
        metrics: Names of :data:`imgrestore.metrics.METRICS`.

    Yields:
        One score per pair, method and metric.
    """
    for pair in pairs:
        lq, gt = pair.load()
        for method, restore in methods.items():
            restored = restore(lq)
            for metric in metrics:
                value = METRICS[metric](restored, gt, protocol, pair.scale)
                yield Score(method, pair.name, metric, value)


def measure(
    methods: Mapping[str, Method], pairs: Iterable[Pair], protocol: Protocol, metrics: Sequence[str] = tuple(METRICS)
) -> Report:
    """Measure every method on every pair and gather the scores."""
    return Report(list(evaluate(methods, pairs, protocol, metrics)), protocol)


def card_score(report: Report, method: str, data: str, images: int) -> dict[str, Any]:
    """Return a method's means, beside those of the baselines, as a card keeps them.

    Args:
        report: The measurement.
        method: Name of the method in the report.
        data: Name of the data set.
        images: How many images it has.
    """
    score: dict[str, Any] = {"data": data, "images": images, "protocol": report.protocol}
    for metric in report.metrics:
        for name, key in ((method, metric), *((b, f"{b}_{metric}") for b in ("input", "nearest", "bicubic"))):
            value = report.mean(name, metric)
            if math.isfinite(value):
                score[key] = round(value, 4)
    return score
