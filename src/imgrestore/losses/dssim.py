"""Structural dissimilarity on a scale from 0 to 1."""

from __future__ import annotations

from torch import Tensor

from imgrestore.losses.contract import Loss
from imgrestore.losses.structure import reflected_similarity
from imgrestore.parts.part import Field
from imgrestore.parts.registry import register_loss


@register_loss
class Dssim(Loss):
    """Structural dissimilarity from 0 to 1: (1 - SSIM) / 2 at every pixel, the border included.

    Images go on by reflection, and every pixel's value is clamped to [0, 1]: the SSIM loss of the kornia library
    (E. Riba et al., WACV 2020, arXiv:1910.02190), with which paper 004 (DTU, image quality improvement with
    autoencoders) trains under a window of 5 pixels. The channels are compared one by one.

    Attributes:
        window: Side of the Gaussian window in pixels.
        sigma: Standard deviation of the window in pixels.
    """

    window: int = Field(5, ge=2)
    sigma: float = Field(1.5, ge=0.1)

    @property
    def least_side(self) -> int:
        """What reflection needs: one pixel more than it continues."""
        return self.window // 2 + 1

    def __call__(self, restored: Tensor, gt: Tensor) -> Tensor:
        """Return the mean over pixels, channels and batch."""
        self.check_side(gt)
        whole = reflected_similarity(restored, gt, self.window, self.sigma)
        return ((1 - whole) / 2).clamp(0, 1).mean()
