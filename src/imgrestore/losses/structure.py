"""Structural similarity, shared by the losses that build on it.

Z. Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", IEEE TIP 13, 2004,
doi:10.1109/TIP.2003.819861, eq. 13. With the means m, variances v and covariance c of two windows x and y it is

    (2 mx my + C1) / (mx^2 + my^2 + C1)  *  (2 c + C2) / (vx + vy + C2)

and, since 2 mx my = mx^2 + my^2 - (mx - my)^2 and 2 c = vx + vy - v(x - y), the same as

    (1 - (mx - my)^2 / (mx^2 + my^2 + C1))  *  (1 - v(x - y) / (vx + vy + C2))

which is computed here: it needs one filter less, and equal images score exactly 1.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from imgrestore.image.color import luma

Colour = Literal["rgb", "grey"]
"""Whether the colour channels are compared one by one, or their luma alone."""

_C1 = 0.01**2
_C2 = 0.03**2


def in_colour(image: Tensor, colour: Colour) -> Tensor:
    """Return (N, C, H, W) as it is, or its luma (N, 1, H, W)."""
    return image if colour == "rgb" else luma(image)


def similarity(restored: Tensor, gt: Tensor, window: int, sigma: float) -> tuple[Tensor, Tensor]:
    """Compare two batches under a Gaussian window.

    Args:
        restored: (N, C, H, W), nominally in [0, 1].
        gt: Ground truth, same shape.
        window: Side of the window in pixels.
        sigma: Its standard deviation in pixels.

    Returns:
        The similarity and its second factor, contrast times structure, both (N, C, H - window + 1, W - window + 1) and
        at most 1: positions at which the window lies inside the image.
    """
    difference = restored - gt
    mean, shift, energy, error = _gaussian(
        torch.cat([restored, difference, restored.square() + gt.square(), difference.square()], 1), window, sigma
    ).chunk(4, 1)
    means = mean.square() + (mean - shift).square()
    # A variance as the difference of two moments may round to below zero.
    spread = (energy - means).clamp_min(0) + _C2
    contrast = 1 - (error - shift.square()).clamp_min(0) / spread
    return (1 - shift.square() / (means + _C1)) * contrast, contrast


def reflected_similarity(restored: Tensor, gt: Tensor, window: int, sigma: float) -> Tensor:
    """Return the similarity at every pixel, (N, C, H, W), of images that go on by reflection."""
    before, after = (window - 1) // 2, window // 2
    border = (before, after, before, after)
    return similarity(pad(restored, border, mode="reflect"), pad(gt, border, mode="reflect"), window, sigma)[0]


def _gaussian(maps: Tensor, window: int, sigma: float) -> Tensor:
    """Average under a Gaussian, channel by channel: on CUDA grouped convolutions, unlike others, never use TF32."""
    offset = torch.arange(window, dtype=maps.dtype, device=maps.device) - (window - 1) / 2
    profile = torch.exp(-offset.square() / (2 * sigma**2))
    profile = profile / profile.sum()
    channels = maps.shape[1]
    return conv2d(maps, torch.outer(profile, profile).expand(channels, 1, -1, -1), groups=channels)
