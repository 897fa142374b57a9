"""Negative peak signal-to-noise ratio."""

from __future__ import annotations

from torch import Tensor

from imgrestore.losses.contract import Loss
from imgrestore.parts.part import Field
from imgrestore.parts.registry import register_loss


@register_loss
class Psnr(Loss):
    """Negative PSNR in dB: mean over the batch of 10 log10(MSE + epsilon), peak 1.

    Each image counts by its logarithm, so a batch is not ruled by its worst image. Paper 004 (DTU, image quality
    improvement with autoencoders), losses; it gives -10 log10(1 / MSE) of the whole batch and no guard. ``epsilon`` is
    ours: it bounds the loss from below, at -80 dB by default, and the gradient where an image is exact.
    """

    epsilon: float = Field(1e-8, ge=1e-12)

    def __call__(self, restored: Tensor, gt: Tensor) -> Tensor:
        """Return the mean over the images."""
        error = (restored - gt).square().mean((1, 2, 3))
        return 10 * (error + self.epsilon).log10().mean()
