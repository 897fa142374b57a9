"""Absolute error of the spectrum."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.fft import fft2

from imgrestore.losses.contract import Loss
from imgrestore.parts.registry import register_loss


@register_loss
class FftL1(Loss):
    """Absolute error of the spectrum: mean over its bins, under the orthonormal transform.

    S.-J. Cho et al., "Rethinking Coarse-to-Fine Approach in Single Image Deblurring" (MIMO-UNet), ICCV 2021,
    arXiv:2108.05054, where the transform is not normalised (sqrt(H W) times as large) and the weight is 0.1.

    Attributes:
        on: ``"complex"`` averages the errors of the real and the imaginary parts, as there; ``"amplitude"`` compares
            the amplitudes alone, and so does not mind where a texture lies.
    """

    on: Literal["complex", "amplitude"] = "complex"

    def __call__(self, restored: Tensor, gt: Tensor) -> Tensor:
        """Return the mean over bins, channels and batch."""
        if self.on == "complex":
            error = torch.view_as_real(fft2(restored - gt, norm="ortho"))
        else:
            error = fft2(restored, norm="ortho").abs() - fft2(gt, norm="ortho").abs()
        return error.abs().mean()
