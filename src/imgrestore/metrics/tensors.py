"""The metrics of :mod:`~imgrestore.metrics.protocols`, computed where the images are: quick enough for a training run.

They differ from those by the rounding of float32 alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from imgrestore.metrics import batches
from imgrestore.metrics.protocols import Protocol

_METRICS = {"psnr": batches.psnr, "ssim": batches.ssim, "ms_ssim": batches.ms_ssim}


def measure(restored: Tensor, gt: Tensor, protocol: Protocol, border: int, metrics: Sequence[str]) -> dict[str, float]:
    """Return metrics of an image by their names.

    Args:
        restored: (3, H, W) in [0, 1], on any device.
        gt: Ground truth, same shape, on the same device.
        protocol: See :data:`~imgrestore.metrics.protocols.PROTOCOLS`.
        border: Pixels cropped on every side under protocol ``y``.
        metrics: Names of :data:`~imgrestore.metrics.protocols.METRICS`.
    """
    pair = [_prepared(image, protocol, border)[None] for image in (restored, gt)]
    return {name: float(_METRICS[name](*pair)) for name in metrics}


def _prepared(image: Tensor, protocol: Protocol, border: int) -> Tensor:
    levels = (image.clamp(0, 1) * 255).round()
    if protocol == "rgb":
        return levels / 255
    red, green, blue = levels
    luma: Tensor = ((65.481 * red + 128.553 * green + 24.966 * blue) / 255 + 16)[None] / 255
    if border and min(luma.shape[-2:]) > 2 * border:
        luma = luma[:, border:-border, border:-border]
    return luma
