"""Spatial frequency loss over a bank of Laplacians of Gaussians."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from imgrestore.losses.contract import Loss
from imgrestore.parts.part import Field
from imgrestore.parts.registry import register_loss

SIGMAS = (0.8, 1.6, 3.2)
"""Scales of the bank in pixels, from the highest band down."""

Channels = Literal["sum", "per-channel"]
"""Whether the sum of the channels is filtered, or each of them."""

_Weight = Annotated[float, Field(ge=0)]


@register_loss
class SflLog(Loss):
    """Spatial frequency loss: squared error of three bands that a bank of Laplacians of Gaussians cuts out.

    Sum over the bands b of weights[b] mean (h_b * (restored - gt))^2, with scales of 0.8, 1.6 and 3.2 pixels, whose
    filters peak at 0.28, 0.14 and 0.07 cycles per pixel. Paper 003 (Ichimura, spatial frequency loss, arXiv:1806.02336)
    adds it to the squared error, without which the brightness is free: a Laplacian does not see it.

    The paper's images lie in [-1, 1], where squared errors are four times those in [0, 1], and its pixel loss adds up
    the three channels that ``mse`` averages: its total is 12 times ``mse`` plus 4 times this.

    Attributes:
        weights: Weight of each band, from the highest down.
        channel_mode: ``"sum"`` filters the sum of the channels, as the paper's layer does, and is blind to chroma;
            ``"per-channel"`` filters each and adds up the errors.
    """

    weights: tuple[_Weight, _Weight, _Weight] = (100.0, 10.0, 10.0)
    channel_mode: Channels = "sum"

    @property
    def sees_brightness(self) -> bool:
        """No: the filters sum to 0."""
        return False

    def __call__(self, restored: Tensor, gt: Tensor) -> Tensor:
        """Return the weighted sum over the bands of the mean over positions and batch, summed over the channels."""
        bands = band_errors(restored - gt, self.channel_mode).mean(0)
        return (bands * torch.tensor(self.weights).to(bands)).sum()


def band_errors(difference: Tensor, channel_mode: Channels) -> Tensor:
    """Return how much of a difference of images (N, C, H, W) each band of the bank holds.

    Returns:
        (N, 3) from the highest band down: squares of what passes, mean over positions, summed over the channels.
    """
    if channel_mode == "sum":
        difference = difference.sum(1, keepdim=True)
    return torch.stack([_filtered(difference, sigma).square().sum(1).mean((1, 2)) for sigma in SIGMAS], 1)


def laplacian_of_gaussian(sigma: float) -> Tensor:
    """Return the scale-normalised Laplacian of a Gaussian as a float64 filter that sums to 0.

    (r^2 - 2 sigma^2) / (2 pi sigma^4) exp(-r^2 / (2 sigma^2)), of peak gain 2 / e at every scale, on a square of the
    next odd side from 8 sigma: 6 sigma would cut off enough to let brightness through.

    Args:
        sigma: Scale in pixels.
    """
    radius = math.ceil(8 * sigma) // 2
    offset = torch.arange(-radius, radius + 1, dtype=torch.float64)
    square = offset[:, None].square() + offset.square()
    values = (square - 2 * sigma**2) / (2 * math.pi * sigma**4) * torch.exp(-square / (2 * sigma**2))
    return values - values.mean()


def _filtered(images: Tensor, sigma: float) -> Tensor:
    """Filter every channel of (N, C, H, W), whose border pixels go on for ever."""
    kernel = laplacian_of_gaussian(sigma).to(images)
    border = [len(kernel) // 2] * 4
    planes = pad(images, border, mode="replicate").flatten(0, 1)
    return conv2d(planes[None], kernel.expand(len(planes), 1, -1, -1), groups=len(planes)).view_as(images)
