"""Charbonnier loss."""

from __future__ import annotations

from torch import Tensor

from imgrestore.losses.contract import Loss
from imgrestore.parts.part import Field
from imgrestore.parts.registry import register_loss


@register_loss
class Charbonnier(Loss):
    """Absolute error rounded off at zero: mean sqrt((restored - gt)^2 + epsilon^2).

    Its least value is ``epsilon``. W.-S. Lai et al., "Deep Laplacian Pyramid Networks for Fast and Accurate
    Super-Resolution", CVPR 2017, arXiv:1704.03915.
    """

    epsilon: float = Field(1e-3, ge=1e-6)

    def __call__(self, restored: Tensor, gt: Tensor) -> Tensor:
        """Return the mean over all pixels and channels."""
        return ((restored - gt).square() + self.epsilon**2).sqrt().mean()
