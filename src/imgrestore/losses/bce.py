"""Binary cross-entropy of pixels."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from imgrestore.losses.contract import Loss
from imgrestore.parts.registry import register_loss

_EPSILON = 1e-6


@register_loss
class Bce(Loss):
    """Binary cross-entropy of pixels: -gt log(restored) - (1 - gt) log(1 - restored).

    The likelihood of the usual variational autoencoder: D. P. Kingma and M. Welling, "Auto-Encoding Variational
    Bayes", ICLR 2014, arXiv:1312.6114, appendix C.1; papers 002 and 004 try it. Its least value is the entropy of the
    ground truth, which is 0 for black and white pixels only. Meant for models that end in a sigmoid: ``restored`` is
    clamped to [1e-6, 1 - 1e-6], outside of which the gradient is 0.

    Attributes:
        reduction: ``"mean"`` averages pixels and channels; ``"sum"`` adds them up, in nats per image, which is the
            scale on which ``kl-gauss`` has the weight 1.
    """

    reduction: Literal["mean", "sum"] = "mean"

    def __call__(self, restored: Tensor, gt: Tensor) -> Tensor:
        """Return the mean over the batch of each image's mean or sum."""
        chance = restored.clamp(_EPSILON, 1 - _EPSILON)
        entropy = -(gt * chance.log() + (1 - gt) * (-chance).log1p())
        return entropy.mean() if self.reduction == "mean" else entropy.sum() / len(entropy)
