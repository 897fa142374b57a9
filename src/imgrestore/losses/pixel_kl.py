"""Pixel-wise logarithmic ratio, as paper 001 uses it."""

from __future__ import annotations

from torch import Tensor

from imgrestore.losses.contract import Loss
from imgrestore.parts.registry import register_loss

_EPSILON = 1e-7


@register_loss
class PixelKl(Loss):
    """Logarithmic ratio of pixels: gt log(gt / restored), both clipped to [1e-7, 1].

    Summed over the channels, averaged over pixels and batch: the "KL" that paper 001 (Yang & Zheng, multi-filter
    autoencoder) adds to the squared error. Taken pixel by pixel it is no divergence: it can be negative, its least
    value is at white whatever the ground truth, and its gradient -gt / restored only ever brightens. For anything but
    that paper use ``pixel-kl-generalised``. The gradient is 0 where ``restored`` is clipped.
    """

    def __call__(self, restored: Tensor, gt: Tensor) -> Tensor:
        """Return the mean over pixels and batch of the sum over the channels."""
        restored, gt = restored.clamp(_EPSILON, 1), gt.clamp(_EPSILON, 1)
        return (gt * (gt / restored).log()).sum(1).mean()
