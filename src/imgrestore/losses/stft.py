"""Amplitude and phase of local spectra."""

from __future__ import annotations

from torch import Tensor

from imgrestore.losses.spectral import SpectralLoss
from imgrestore.parts.part import Field
from imgrestore.parts.registry import register_loss


@register_loss
class Stft(SpectralLoss):
    """Distance of local spectra in amplitude and phase: a short-time Fourier transform of the image.

    Sum over windows, channels and frequencies of W (0.1 |difference of amplitudes| + 0.9 |difference of phases|), mean
    over the batch. Paper 002 (Dalal, VAE with STFT loss, arXiv:2401.03166), whose runs weigh it by 0.0015 beside
    ``ssim``. The defaults follow the paper's equations, but for the angle between two phases in place of the difference
    of two angles; its code compares one quadrant of frequencies under the weighting ``outer``, without a window.
    ``floor`` is ours: the gradient of a phase is 1 / amplitude, which has no bound.

    The sum grows with the image: 16 windows on 28 x 28, so at other sizes the weight goes down as the number of windows
    goes up. Rows and columns at the end that do not fill a stride are not seen.

    Attributes:
        size: Side of a window in pixels.
        stride: Distance of two windows in pixels.
    """

    size: int = Field(16, ge=4)
    stride: int = Field(4, ge=1)

    @property
    def least_side(self) -> int:
        """One window."""
        return self.size

    def __call__(self, restored: Tensor, gt: Tensor) -> Tensor:
        """Return the sum over windows, channels and frequencies, averaged over the batch."""
        return self.each(restored, gt).mean()

    def each(self, restored: Tensor, gt: Tensor) -> Tensor:
        """Return the sum over windows, channels and frequencies for every image, (N,)."""
        self.check_side(gt)
        return self.compare(self._windows(restored), self._windows(gt))

    def _windows(self, image: Tensor) -> Tensor:
        """Cut (N, C, H, W) into windows, (N, C, rows, columns, size, size)."""
        return image.unfold(2, self.size, self.stride).unfold(3, self.size, self.stride)
