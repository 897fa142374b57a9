"""Mean squared error."""

from __future__ import annotations

from torch import Tensor

from imgrestore.losses.contract import Loss
from imgrestore.parts.registry import register_loss


@register_loss
class Mse(Loss):
    """Mean squared error: mean (restored - gt)^2.

    What PSNR measures. Its minimiser is the mean of all plausible images, which is blurred where they disagree.
    """

    def __call__(self, restored: Tensor, gt: Tensor) -> Tensor:
        """Return the mean over all pixels and channels."""
        return (restored - gt).square().mean()
