"""Penalty on the weights of the network."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from imgrestore.losses.contract import Loss
from imgrestore.parts.part import Field
from imgrestore.parts.registry import register_loss


@register_loss
class L1L2(Loss):
    """Penalty on the network's weights: l1 sum |w| + l2 sum w^2.

    The elastic net over all weight tensors, summed and not averaged: H. Zou and T. Hastie, J. R. Statist. Soc. B 67,
    2005, doi:10.1111/j.1467-9868.2005.00503.x. Paper 001 (Yang & Zheng, multi-filter autoencoder) declares 0.01 for
    both, and its training step leaves the term out. With 0.01 the penalty of that network is some 200 at the start,
    beside 1 to 20 for everything else, so runs that want it want it far smaller.

    Attributes:
        l1: Factor of the sum of absolute weights.
        l2: Factor of the sum of squared weights.
    """

    needs: ClassVar[tuple[str, ...]] = ("kernels",)

    l1: float = Field(0.01, ge=0)
    l2: float = Field(0.01, ge=0)

    @property
    def sees_brightness(self) -> bool:
        """No: it looks at the weights alone."""
        return False

    def __call__(self, restored: Tensor, gt: Tensor, *, kernels: Tensor) -> Tensor:
        """Return the penalty; ``kernels`` holds every weight of the network in one vector."""
        return self.l1 * kernels.abs().sum() + self.l2 * kernels.square().sum()
