"""Amplitude and phase of the whole spectrum."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from imgrestore.losses.spectral import SpectralLoss
from imgrestore.parts.registry import register_loss


@register_loss
class Dft(SpectralLoss):
    """Distance of whole spectra in amplitude and phase: ``stft`` with one window, the image.

    Paper 002 (Dalal, VAE with STFT loss, arXiv:2401.03166) compares its loss with this one, its code by setting the
    window to the image's 28 pixels. Nothing is multiplied by a window unless ``window`` says so: on a whole image it
    would hide the border. Frequency 0 then has the weight 0, so that another loss has to see the brightness.
    """

    window: Literal["hann", "sqrt-hann", "none"] = "none"

    @property
    def least_side(self) -> int:
        """What leaves more than one frequency in each quadrant."""
        return 4

    def __call__(self, restored: Tensor, gt: Tensor) -> Tensor:
        """Return the sum over channels and frequencies, averaged over the batch."""
        self.check_side(gt)
        return self.compare(restored, gt).mean()
