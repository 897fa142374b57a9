"""Log-cosh loss."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn.functional import softplus

from imgrestore.losses.contract import Loss
from imgrestore.parts import Field, register_loss


@register_loss
class LogCosh(Loss):
    """Logarithm of the hyperbolic cosine of the error: squared where it is small, absolute where it is large.

    Mean of ``log(cosh(sharpness (restored - gt))) / sharpness``.
    """

    sharpness: float = Field(10.0, gt=0)

    def __call__(self, restored: Tensor, gt: Tensor) -> Tensor:
        """Return the mean over all pixels and channels."""
        error = self.sharpness * (restored - gt)
        return (error + softplus(-2 * error) - math.log(2)).mean() / self.sharpness
