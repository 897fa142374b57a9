"""Generalised Kullback-Leibler divergence of pixels."""

from __future__ import annotations

from torch import Tensor

from imgrestore.losses.contract import Loss
from imgrestore.parts.registry import register_loss

_EPSILON = 1e-7


@register_loss
class PixelKlGeneralised(Loss):
    """Generalised Kullback-Leibler divergence of pixels: gt log(gt / restored) - gt + restored.

    Both are raised to at least 1e-7; summed over the channels, averaged over pixels and batch. Unlike ``pixel-kl`` it
    is never negative and 0 only for equal images; errors in dark places count for more, as they do under photon noise.
    D. D. Lee and H. S. Seung, "Algorithms for Non-negative Matrix Factorization", NIPS 2000. The gradient is 0 where
    ``restored`` is below 1e-7, so the model should end in a sigmoid.
    """

    def __call__(self, restored: Tensor, gt: Tensor) -> Tensor:
        """Return the mean over pixels and batch of the sum over the channels."""
        restored, gt = restored.clamp_min(_EPSILON), gt.clamp_min(_EPSILON)
        return (gt * (gt / restored).log() - gt + restored).sum(1).mean()
