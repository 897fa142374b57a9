"""Focal frequency loss."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.fft import fft2

from imgrestore.losses.contract import Loss
from imgrestore.parts.part import Field
from imgrestore.parts.registry import register_loss


@register_loss
class FocalFrequency(Loss):
    """Squared error of the spectrum, weighted by how hard each frequency is: mean of (e / max e)^alpha e^2.

    e is the amplitude of the spectrum of restored - gt under the orthonormal transform, max e its largest value in the
    same channel of the same image; the weight is a constant for the gradient. L. Jiang et al., "Focal Frequency Loss
    for Image Reconstruction and Synthesis", ICCV 2021, arXiv:2012.12821.

    Attributes:
        alpha: How much the well restored frequencies are played down; 0 gives the mean squared error.
    """

    alpha: float = Field(1.0, ge=0)

    def __call__(self, restored: Tensor, gt: Tensor) -> Tensor:
        """Return the mean over frequencies, channels and batch."""
        spectrum = fft2(restored - gt, norm="ortho")
        error = torch.view_as_real(spectrum).square().sum(-1)
        hardest = error.detach().amax((2, 3), keepdim=True).clamp_min(torch.finfo(error.dtype).tiny)
        weight = (error.detach() / hardest) ** (self.alpha / 2)
        return (weight * error).mean()
