"""Squared plus weighted absolute error."""

from __future__ import annotations

from torch import Tensor

from imgrestore.losses.contract import Loss
from imgrestore.parts.part import Field
from imgrestore.parts.registry import register_loss


@register_loss
class WeightedPixel(Loss):
    """Squared plus weighted absolute error: mean d^2 + l1_weight mean |d|, with d = restored - gt.

    Paper 004 (DTU, image quality improvement with autoencoders): the loss of its poster and of its best model, with
    the weight 100; the text of the paper does not mention it.
    """

    l1_weight: float = Field(100.0, ge=0)

    def __call__(self, restored: Tensor, gt: Tensor) -> Tensor:
        """Return the weighted sum of two means over all pixels and channels."""
        difference = restored - gt
        return difference.square().mean() + self.l1_weight * difference.abs().mean()
