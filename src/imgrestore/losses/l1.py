"""Mean absolute error."""

from __future__ import annotations

from torch import Tensor

from imgrestore.parts import Part
from imgrestore.registry import register_loss


@register_loss
class L1(Part):
    """Mean absolute error over all pixels and channels; sharper than the squared error, insensitive to outliers."""

    def __call__(self, restored: Tensor, gt: Tensor) -> Tensor:
        """Return mean |restored - gt|."""
        return (restored - gt).abs().mean()
