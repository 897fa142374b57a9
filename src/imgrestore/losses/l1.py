"""Mean absolute error."""

from __future__ import annotations

from torch import Tensor

from imgrestore.losses.contract import Loss
from imgrestore.parts.registry import register_loss


@register_loss
class L1(Loss):
    """Mean absolute error: mean |restored - gt|.

    Its minimiser is the median of all plausible images instead of their mean, so it blurs less than the squared error
    and forgives outliers: H. Zhao et al., "Loss Functions for Image Restoration with Neural Networks", IEEE TCI 3,
    2017, arXiv:1511.08861. The gradient of a pixel that is exact is 0.
    """

    def __call__(self, restored: Tensor, gt: Tensor) -> Tensor:
        """Return the mean over all pixels and channels."""
        return (restored - gt).abs().mean()
