"""Measuring methods on pairs of low-quality image and ground truth."""

from __future__ import annotations

import math
import os
import re
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
from imgrestore.degradations.blur import Blur
from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.downsample import Downsample
from imgrestore.degradations.gaussian import Gaussian
from imgrestore.degradations.quantize import Quantize
from imgrestore.degradations.streams import Streams
from imgrestore.errors import InputError, RecipeError, UsageError
from imgrestore.evaluation.classical import told
from imgrestore.evaluation.report import Report, Score
from imgrestore.image import scaled_size
from imgrestore.image.resampling import resize
from imgrestore.metrics import METRICS, Protocol, all_metrics
from imgrestore.parts.part import check
from imgrestore.recipes.files import toml_value

Restore = Callable[[Tensor], Tensor]
"""Takes a low-quality image (3, h, w) to a restored one (3, H, W)."""


@dataclass(frozen=True)
class Pair:
    """A low-quality image and what it should become.

    Attributes:
        name: What tables call it.
        load: Gives the two as float RGB (3, h, w) and (3, H, W) in [0, 1]; called when they are needed.
        scale: H / h.
        degradations: What made the low-quality image, where it is known.
    """

    name: str
    load: Callable[[], tuple[Tensor, Tensor]]
    scale: int
    degradations: Sequence[Degradation] = ()

    @classmethod
    def degraded(
        cls, name: str, pixels: Callable[[], NDArray[np.uint8]], degradations: Sequence[Degradation], scale: int
    ) -> Pair:
        """Make a pair from ground truth: cropped to multiples of ``scale``, degraded with a seed of its name.

        Beyond the edges of an image a blur finds nothing and takes the image mirrored there. What is partly made of
        that, as far inside as the kernel reaches, is cut off both images; only blurs inside a combination (``one-of``,
        ``regional``) leave it.

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
            lq, reach = _degraded(gt, degradations, seeded(name))
            if (lq.shape[1] * scale, lq.shape[2] * scale) != (height, width):
                sizes = f"{width}x{height} become {lq.shape[2]}x{lq.shape[1]}"
                raise UsageError(f"the degradations do not shrink by the model's scale of {scale}: {sizes}")
            margin = math.ceil(reach / scale)
            if 2 * margin >= min(lq.shape[1:]):
                raise InputError(f"{name}: too small, a blur that reaches {reach} pixels leaves nothing of it")
            return _without_border(lq, margin), _without_border(gt, margin * scale)

        return cls(name, load, scale, tuple(degradations))


def seeded(name: str) -> Streams:
    """Return the source of everything random in the pair of this name, whatever folder and format it comes from."""
    return Streams.seeded(zlib.crc32(os.fsencode(Path(name).stem)))


def _degraded(gt: Tensor, degradations: Sequence[Degradation], streams: Streams) -> tuple[Tensor, int]:
    """Degrade an image (3, H, W) and tell how many of its pixels from the edge blurs have reached beyond it."""
    lq, reach = gt[None], 0
    for degradation in degradations:
        following = streams.copy().fork()
        if isinstance(degradation, Blur) and bool(degradation.chosen(following)):
            kernel = degradation.kernels(following)
            reach += kernel.shape[-1] // 2 * (gt.shape[-1] // lq.shape[-1])
        lq = degradation(lq, streams)
    return lq[0], reach


def _without_border(image: Tensor, margin: int) -> Tensor:
    return image[:, margin : image.shape[1] - margin, margin : image.shape[2] - margin]


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


STANDARD_SIGMA = {"denoise": 25.0, "deblur": 2.0}
"""Noise that models of a task are measured on when none is named, in levels of 255."""

STANDARD_BLUR = "gaussian-blur:sigma=1.6"
"""Blur that models are measured on when none is named."""


def standard_protocol(task: str) -> Protocol:
    """Return the protocol that models of a task are measured under when none is named."""
    return "y" if task == "upscale" else "rgb"


def standard_degradations(task: str, scale: int, sigma: float | None = None) -> list[Degradation]:
    """Return what makes test images out of ground truth when no low-quality images are given.

    Upscaling: the literature's bicubic degradation, rounded to 8 bits. Denoising: white Gaussian noise, not clipped and
    not rounded. Deblurring: a Gaussian blur of sigma 1.6 pixels, and a little of such noise.

    Args:
        task: What the model is for.
        scale: Its enlargement.
        sigma: Standard deviation of the noise in levels of 255; by default :data:`STANDARD_SIGMA`, else none.

    Raises:
        UsageError: There is no such task, or no such noise.
    """
    happening: dict[str, list[Degradation]] = {
        "upscale": [Downsample(scale=scale), Quantize()],
        "denoise": [],
        "deblur": [parse_degradation(STANDARD_BLUR)],
    }
    if task not in happening:
        raise UsageError(f"the task {task!r} has no standard degradation", hint="give low-quality images with --lq")
    return [*happening[task], *white_noise(STANDARD_SIGMA.get(task) if sigma is None else sigma)]


def white_noise(sigma: float | None) -> list[Degradation]:
    """Return white Gaussian noise of ``sigma`` levels of 255, neither clipped nor rounded, or nothing for None."""
    if sigma is None:
        return []
    if not 0 <= sigma <= 255:
        raise UsageError(f"--sigma must be between 0 and 255, got {sigma:g}")
    return [Gaussian(sigma=(sigma / 255, sigma / 255))]


def parse_degradation(text: str) -> Degradation:
    """Read a degradation as the command line takes it: ``kind`` or ``kind:setting=value,setting=value``.

    Settings and values are those of recipes: ``camera-shake:size=[13,27],linear=true``.

    Raises:
        RecipeError: There is no such degradation or setting, or it cannot have that value.
    """
    kind, _, settings = text.partition(":")
    table: dict[str, Any] = {"kind": kind.strip()}
    for setting in re.split(r",(?![^\[]*\])", settings) if settings.strip() else []:
        key, equals, value = setting.partition("=")
        if not equals:
            raise RecipeError(
                f"--degrade {text}: {setting!r} is not setting=value", hint="for example gaussian-blur:sigma=1.6"
            )
        table[key.strip()] = toml_value(value)
    return check(Degradation, table, f"--degrade {text}: ")  # type: ignore[type-abstract]


def baselines(scale: float) -> dict[str, Restore]:
    """Return what every table is measured against: interpolation, or for 1x tasks the unprocessed input."""
    if scale == 1:
        return {"input": lambda lq: lq}

    def enlarged(kernel: str) -> Restore:
        return lambda lq: resize(lq, scaled_size(lq.shape[-1], lq.shape[-2], scale)[::-1], kernel)

    return {"nearest": enlarged("nearest"), "bicubic": enlarged("bicubic")}


def classical_methods(pair: Pair) -> dict[str, Restore]:
    """Return the classical methods for a pair, each told what a blind model has to find out; see :func:`told`."""
    return dict(told(pair.degradations, seeded(pair.name)))


def evaluate(
    methods: Mapping[str, Restore], pairs: Iterable[Pair], protocol: Protocol, metrics: Sequence[str] = tuple(METRICS)
) -> Iterator[Score]:
    """Measure every method on every pair.

    Args:
        methods: By the names tables use.
        pairs: What to measure on.
        protocol: See :data:`imgrestore.metrics.PROTOCOLS`; its border is the pair's scale.
        metrics: Names of metrics; see :func:`imgrestore.metrics.all_metrics`.

    Yields:
        One score per pair, method and metric.
    """
    known = all_metrics()
    for pair in pairs:
        lq, gt = pair.load()
        for method, restore in methods.items():
            restored = restore(lq)
            for metric in metrics:
                value = known[metric](restored, gt, protocol, pair.scale)
                yield Score(method, pair.name, metric, value)


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
