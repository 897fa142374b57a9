"""Mean squared error."""

from __future__ import annotations

from torch import Tensor

from imgrestore.parts import Part
from imgrestore.registry import register_loss


@register_loss
class Mse(Part):
    """Mean squared error over all pixels and channels: what PSNR measures."""

    def __call__(self, restored: Tensor, gt: Tensor) -> Tensor:
        """Return mean (restored - gt)^2."""
        return (restored - gt).square().mean()
