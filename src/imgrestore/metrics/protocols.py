"""Image quality metrics and the protocols under which they are taken.

All work on float RGB images (3, H, W) in [0, 1] and return plain numbers. Identical images have a PSNR of infinity. The
border of protocol ``y`` is not cropped from images that consist of nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_msssim import ms_ssim as _ms_ssim
from skimage.metrics import mean_squared_error, structural_similarity
from torch import Tensor

from imgrestore.parts import registry
from imgrestore.parts.registry import register_metric

Protocol = Literal["y", "rgb"]

PROTOCOLS: dict[Protocol, str] = {
    "y": "BT.601 luma in [16, 235], border of `scale` pixels cropped, both images rounded to 8 bits",
    "rgb": "all channels, no crop, both images rounded to 8 bits",
}
"""What each protocol means, in words."""

_SSIM_WINDOW = 11
_MS_SSIM_SIDE = (_SSIM_WINDOW - 1) * 2**4 + 1


@register_metric
def psnr(restored: Tensor, gt: Tensor, protocol: Protocol = "rgb", border: int = 0) -> float:
    """Return the peak signal-to-noise ratio in dB (peak 255; infinity for identical images).

    Args:
        restored: (3, H, W) in [0, 1].
        gt: Ground truth, same shape.
        protocol: ``"y"`` or ``"rgb"``, see :data:`PROTOCOLS`.
        border: Pixels cropped on every side under protocol ``y``.
    """
    a, b = _prepare(restored, gt, protocol, border)
    error = float(mean_squared_error(a, b))
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


@register_metric
def ssim(restored: Tensor, gt: Tensor, protocol: Protocol = "rgb", border: int = 0) -> float:
    """Return the structural similarity: Gaussian window of 11 pixels, sigma 1.5, mean over pixels and channels.

    Z. Wang et al., IEEE TIP 13, 2004, as scikit-image computes it. NaN for images smaller than the window.
    """
    a, b = _prepare(restored, gt, protocol, border)
    if min(a.shape[:2]) < _SSIM_WINDOW:
        return math.nan
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return float(structural_similarity(a, b, data_range=255, channel_axis=-1, **options))  # type: ignore[no-untyped-call]


@register_metric
def ms_ssim(restored: Tensor, gt: Tensor, protocol: Protocol = "rgb", border: int = 0) -> float:
    """Return the multi-scale structural similarity over five scales.

    Z. Wang et al., Asilomar 2003, as pytorch-msssim computes it (negative contrast terms count as zero). NaN for images
    whose shorter side is below 161 pixels, on which five scales do not exist.
    """
    a, b = _prepare(restored, gt, protocol, border)
    if min(a.shape[:2]) < _MS_SSIM_SIDE:
        return math.nan
    tensors = [torch.from_numpy(np.ascontiguousarray(x)).permute(2, 0, 1)[None].double() for x in (a, b)]
    return float(_ms_ssim(*tensors, data_range=255))


SMALLEST_SIDES = {"psnr": 1, "ssim": _SSIM_WINDOW, "ms_ssim": _MS_SSIM_SIDE}
"""Shorter side, in pixels, of the smallest images on which each metric exists."""

Metric = Callable[[Tensor, Tensor, Protocol, int], float]
"""Takes the restored image, its ground truth, the protocol and the border, as :func:`psnr` does."""

METRICS: Mapping[str, Metric] = {"psnr": psnr, "ssim": ssim, "ms_ssim": ms_ssim}
"""Our own metrics by name."""


def all_metrics() -> Mapping[str, Metric]:
    """Return our own metrics and those of plugins by name."""
    return {**METRICS} | {name: metric for name, metric in registry.loaded("metric").items() if name not in METRICS}


def _prepare(
    restored: Tensor, gt: Tensor, protocol: Protocol, border: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if restored.shape != gt.shape:
        raise ValueError(f"images differ in shape: {tuple(restored.shape)} and {tuple(gt.shape)}")
    images = []
    for image in (restored, gt):
        pixels = (image.detach().cpu().double().clamp(0, 1) * 255).round().permute(1, 2, 0).numpy()
        if protocol == "y":
            red, green, blue = (pixels[..., i] for i in range(3))
            pixels = ((65.481 * red + 128.553 * green + 24.966 * blue) / 255 + 16)[..., None]
            if border and min(pixels.shape[:2]) > 2 * border:
                pixels = pixels[border:-border, border:-border]
        images.append(pixels)
    return images[0], images[1]
