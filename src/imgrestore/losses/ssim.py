"""Structural dissimilarity, 1 - SSIM."""

from __future__ import annotations

from torch import Tensor

from imgrestore.losses.contract import Loss
from imgrestore.losses.structure import Colour, in_colour, similarity
from imgrestore.parts.part import Field
from imgrestore.parts.registry import register_loss


@register_loss
class Ssim(Loss):
    """Structural dissimilarity: 1 - SSIM, averaged over the positions of a Gaussian window.

    Z. Wang et al., IEEE TIP 13, 2004, doi:10.1109/TIP.2003.819861, as its authors and TensorFlow take it: a window of
    11x11 pixels, inside the image only. Paper 002 (Dalal, VAE with STFT loss, arXiv:2401.03166) adds it to its spectral
    loss; eqs. 1 and 2 print "+ SSIM", which would minimise the similarity. Lies in [0, 2].

    Attributes:
        window: Side of the window in pixels.
        sigma: Standard deviation of the window in pixels.
        colour: ``"rgb"`` compares the channels one by one; ``"grey"`` their luma alone, as paper 000 (Kim & Jo, Fourier
            autoencoder) does.
    """

    window: int = Field(11, ge=2)
    sigma: float = Field(1.5, ge=0.1)
    colour: Colour = "rgb"

    @property
    def least_side(self) -> int:
        """One window."""
        return self.window

    def __call__(self, restored: Tensor, gt: Tensor) -> Tensor:
        """Return the mean over positions, channels and batch."""
        self.check_side(gt)
        restored, gt = in_colour(restored, self.colour), in_colour(gt, self.colour)
        whole, _ = similarity(restored, gt, self.window, self.sigma)
        return 1 - whole.mean()
