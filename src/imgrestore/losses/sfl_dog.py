"""Spatial frequency loss over differences of Gaussians."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor

from imgrestore.losses.contract import Loss
from imgrestore.parts.part import Field
from imgrestore.parts.registry import register_loss


@register_loss
class SflDog(Loss):
    """Spatial frequency loss over octaves: squared error of the differences of successive Gaussian blurs.

    Sum over the bands b of mean ((g_b - g_(b+1)) * (restored - gt))^2, the blur g_b having the standard deviation
    base radix^b; each channel by itself, all bands alike. N. Ichimura's later form of the loss of paper 003
    (arXiv:1806.02336), which weighs the bands by statistics of the training data instead. It does not see brightness.

    Attributes:
        bands: Number of bands.
        base: Standard deviation of the finest blur in pixels.
        radix: Ratio of successive standard deviations.
    """

    bands: int = Field(7, ge=1, le=12)
    base: float = Field(0.6, ge=0.3, le=8)
    radix: float = Field(2.0, ge=1.1, le=4)

    @property
    def sees_brightness(self) -> bool:
        """No: two blurs of a constant do not differ."""
        return False

    def __call__(self, restored: Tensor, gt: Tensor) -> Tensor:
        """Return the sum over bands and channels of the mean over positions and batch."""
        difference = restored - gt
        blurs = [_blurred(difference, self.base * self.radix**band) for band in range(self.bands + 1)]
        return torch.stack([(fine - coarse).square().sum(1).mean() for fine, coarse in pairwise(blurs)]).sum()


def _blurred(images: Tensor, sigma: float) -> Tensor:
    """Blur (..., H, W), whose border pixels go on for ever; a product of matrices, so wide blurs cost no more."""
    rows, columns = (_blur_matrix(side, sigma).to(images) for side in images.shape[-2:])
    return rows @ images @ columns.T


def _blur_matrix(side: int, sigma: float) -> Tensor:
    """Return the (side, side) matrix of a one-dimensional Gaussian blur; its rows sum to 1."""
    radius = math.ceil(4 * sigma)
    offset = torch.arange(-radius, radius + 1)
    profile = torch.exp(-offset.double().square() / (2 * sigma**2))
    sources = (torch.arange(side)[:, None] + offset).clamp(0, side - 1)
    matrix = torch.zeros(side, side, dtype=torch.float64)
    return matrix.scatter_add_(1, sources, (profile / profile.sum()).expand(side, -1))
