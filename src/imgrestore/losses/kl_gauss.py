"""Divergence of a Gaussian code from the standard normal distribution."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from torch import Tensor

from imgrestore.losses.contract import Loss
from imgrestore.parts.registry import register_loss

_LARGEST = 20.0


@register_loss
class KlGauss(Loss):
    """Divergence of the code from N(0, I): (mean^2 + exp(logvar) - 1 - logvar) / 2.

    D. P. Kingma and M. Welling, "Auto-Encoding Variational Bayes", ICLR 2014, arXiv:1312.6114, appendix B.
    Beyond logvar = 20 the exponential goes on as a straight line, so that a code that explodes is pulled back by a
    finite gradient.

    Attributes:
        reduction: ``"sum"`` adds up the latent dimensions, in nats per image, as there and in papers 002 and 004;
            ``"mean"`` averages them, as the code of paper 001 does.
    """

    needs: ClassVar[tuple[str, ...]] = ("mean", "logvar")

    reduction: Literal["sum", "mean"] = "sum"

    @property
    def sees_brightness(self) -> bool:
        """No: it looks at the code alone."""
        return False

    def __call__(self, restored: Tensor, gt: Tensor, *, mean: Tensor, logvar: Tensor) -> Tensor:
        """Return the mean over the batch; ``mean`` and ``logvar`` are (N, D)."""
        divergence = divergences(mean, logvar)
        return divergence.mean() if self.reduction == "mean" else divergence.sum() / len(divergence)


def divergences(mean: Tensor, logvar: Tensor) -> Tensor:
    """Return the divergence of every latent dimension in nats, (N, D)."""
    growth = torch.expm1(logvar.clamp(max=_LARGEST)) + math.exp(_LARGEST) * torch.relu(logvar - _LARGEST)
    return (mean.square() + growth - logvar) / 2
