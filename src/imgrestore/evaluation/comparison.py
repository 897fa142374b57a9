"""Restoring one photo by several methods and finding where they differ."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from imgrestore.codecs import read_image
from imgrestore.engine.restorer import Restorer
from imgrestore.errors import InputError, UsageError
from imgrestore.evaluation.evaluate import Pair, baselines, standard_degradations, to_tensor
from imgrestore.image import scaled_size
from imgrestore.metrics.protocols import Protocol, psnr, ssim


@dataclass(frozen=True)
class Subject:
    """A photo to compare methods on.

    Attributes:
        name: File name.
        lq: What the methods are given, (3, h, w) in [0, 1].
        gt: Ground truth (3, H, W), or None.
    """

    name: str
    lq: Tensor
    gt: Tensor | None

    @classmethod
    def load(cls, photo: Path, truth: Path | None, degrade: bool, task: str, scale: float) -> Subject:
        """Read a photo, and its ground truth or what takes its place.

        Args:
            photo: The photo.
            truth: Its ground truth, or None.
            degrade: Take the photo as ground truth and degrade it for ``task``.
            task: Task of the models.
            scale: Enlargement of the models.

        Raises:
            InputError: A file cannot be read, or the sizes do not fit.
            UsageError: ``degrade`` with a scale that is not whole.
        """
        pixels = read_image(photo).rgb8()
        if degrade:
            if not float(scale).is_integer():
                raise UsageError("--degrade needs a whole scale")
            pair = Pair.degraded(photo.name, lambda: pixels, standard_degradations(task, int(scale)), int(scale))
            lq, gt = pair.load()
            return cls(photo.name, lq, gt)
        lq = to_tensor(pixels)
        if truth is None:
            return cls(photo.name, lq, None)
        gt = to_tensor(read_image(truth).rgb8())
        if tuple(gt.shape[1:]) != (round(lq.shape[1] * scale), round(lq.shape[2] * scale)):
            raise InputError(f"{truth}: {gt.shape[2]}x{gt.shape[1]} is not {scale:g} times {photo}")
        return cls(photo.name, lq, gt)


@dataclass(frozen=True)
class Comparison:
    """Results of several methods on one photo.

    Attributes:
        name: File name of the photo.
        panels: Pictures (3, H, W) in [0, 1] by method, all of one size; ground truth last if there is one.
        boxes: Top, left and side of the places to zoom into, in pixels of the results.
        scores: Figures by method, empty without ground truth.
    """

    name: str
    panels: dict[str, Tensor]
    boxes: list[tuple[int, int, int]]
    scores: dict[str, str] = field(default_factory=dict)


def compare_photo(
    subject: Subject,
    restorers: Mapping[str, Restorer],
    scale: float,
    crops: int,
    crop_size: int,
    protocol: Protocol = "rgb",
) -> Comparison:
    """Restore a photo by the baselines and by every restorer.

    Args:
        subject: The photo.
        restorers: By name.
        scale: Enlargement.
        crops: How many places to zoom into.
        crop_size: Side of such a place in pixels of the result.
        protocol: How figures are taken, as :func:`imgrestore.evaluation.evaluate.evaluate` takes them.
    """
    size = scaled_size(subject.lq.shape[2], subject.lq.shape[1], scale)
    methods = {**baselines(scale), **{name: restorer.restore_tensor for name, restorer in restorers.items()}}
    panels = {name: method(subject.lq).clamp(0, 1) for name, method in methods.items()}
    scores = {}
    if subject.gt is not None:
        scores = {name: _figures(panel, subject.gt, protocol, scale) for name, panel in panels.items()}
    telling = [panel for name, panel in panels.items() if name != "nearest" or len(panels) == 2]
    boxes = most_different(telling, crops, min(crop_size, *size))
    if subject.gt is not None:
        panels["ground truth"] = subject.gt
    return Comparison(subject.name, panels, boxes, scores)


def _figures(panel: Tensor, gt: Tensor, protocol: Protocol, scale: float) -> str:
    border = math.ceil(scale)
    taken = f"{psnr(panel, gt, protocol, border):.2f} dB  SSIM {ssim(panel, gt, protocol, border):.3f}"
    return f"{taken} (y)" if protocol == "y" else taken


def most_different(panels: list[Tensor], count: int, side: int) -> list[tuple[int, int, int]]:
    """Find the squares on which pictures differ most, without overlap.

    Returns:
        Top, left and side of at most ``count`` squares, the most different first.
    """
    if not count:
        return []
    spread = torch.stack(panels).std(dim=0, correction=0).mean(dim=0)
    means = avg_pool2d(spread[None, None], side, stride=max(1, side // 4))[0, 0]
    step = max(1, side // 4)
    boxes: list[tuple[int, int, int]] = []
    for index in means.flatten().argsort(descending=True, stable=True).tolist():
        top, left = (index // means.shape[1]) * step, (index % means.shape[1]) * step
        if all(abs(top - t) >= side or abs(left - x) >= side for t, x, _ in boxes):
            boxes.append((top, left, side))
        if len(boxes) == count:
            break
    return boxes
