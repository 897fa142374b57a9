"""Unsharp masking: the sharpening that every photo editor has, and what deblurring has to beat. No weights."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

from imgrestore.models.contract import RestorationModel
from imgrestore.parts.registry import register_model


class UnsharpMask(RestorationModel):
    """``lq + amount (lq - blurred lq)``, with a round Gaussian cut off at three standard deviations."""

    def __init__(self, sigma: float, amount: float) -> None:
        """Take the Gaussian's standard deviation in pixels, and how much of the difference is added."""
        super().__init__()
        self.amount = amount
        self.halo = math.ceil(3 * sigma)
        weights = [math.exp(-0.5 * (offset / sigma) ** 2) for offset in range(-self.halo, self.halo + 1)]
        self.weights = [weight / sum(weights) for weight in weights]

    def forward(self, lq: Tensor) -> Tensor:
        """Sharpen (N, C, H, W); beyond the edges, the outermost pixels go on."""
        wider = pad(lq, (self.halo,) * 4, mode="replicate")
        return lq + self.amount * (lq - self._smoothed(self._smoothed(wider, 2), 3))

    def _smoothed(self, image: Tensor, axis: int) -> Tensor:
        """Smooth along one axis, by sums that round alike wherever a tile begins."""
        length = image.shape[axis] - 2 * self.halo
        smooth = torch.zeros_like(image.narrow(axis, 0, length))
        for offset, weight in enumerate(self.weights):
            smooth.add_(image.narrow(axis, offset, length), alpha=weight)
        return smooth


@register_model(task="deblur", default_scale=1, scales=(1,), trained=False)
def unsharp(scale: float = 1, sigma: float = 2.5, amount: float = 1.0) -> UnsharpMask:
    """Unsharp mask, the classical sharpening; its one setting was chosen on blurred training photos."""
    return UnsharpMask(sigma, amount)
