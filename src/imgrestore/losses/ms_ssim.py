"""Multi-scale structural dissimilarity, 1 - MS-SSIM."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import avg_pool2d

from imgrestore.losses.contract import Loss
from imgrestore.losses.structure import Colour, in_colour, similarity
from imgrestore.parts.part import Field
from imgrestore.parts.registry import register_loss

_EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_WINDOW, _SIGMA = 11, 1.5
_LEAST_FACTOR = 1e-4


@register_loss
class MsSsim(Loss):
    """Multi-scale structural dissimilarity: 1 - MS-SSIM over five scales.

    Contrast times structure at four scales and the whole similarity at the coarsest, each averaged over the image,
    raised to 0.0448, 0.2856, 0.3001, 0.2363 and 0.1333, and multiplied: Z. Wang, E. P. Simoncelli and A. C. Bovik,
    "Multi-Scale Structural Similarity for Image Quality Assessment", Asilomar 2003, doi:10.1109/ACSSC.2003.1292216.
    Paper 000 (Kim & Jo, Fourier autoencoder), eq. 14, weighs it by 0.64 against the pixel loss, on grey images. Lies in
    [0, 1].

    Before the power the factors are raised to at least 1e-4: a negative number, as early training has them, has no real
    power, and at 0 the slope is infinite. Between the scales 2x2 pixels are averaged, at the end of an odd side fewer.

    Attributes:
        colour: ``"grey"`` compares luma alone.
        scales: How many of the scales count, from the finest on, for images too small for five; their exponents are
            enlarged to the sum of all five.
    """

    colour: Colour = "rgb"
    scales: int = Field(len(_EXPONENTS), ge=1, le=len(_EXPONENTS))

    @property
    def least_side(self) -> int:
        """What the halvings leave one window of: 161 for five scales, 11 for one."""
        return ((_WINDOW - 1) << (self.scales - 1)) + 1

    def __call__(self, restored: Tensor, gt: Tensor) -> Tensor:
        """Return the mean over channels and batch."""
        self.check_side(gt)
        restored, gt = in_colour(restored, self.colour), in_colour(gt, self.colour)
        exponents = _EXPONENTS[: self.scales]
        missing = sum(_EXPONENTS) / sum(exponents)
        score = restored.new_ones(restored.shape[:2])
        for scale, exponent in enumerate(exponents, start=1):
            whole, contrast = similarity(restored, gt, _WINDOW, _SIGMA)
            factor = (whole if scale == self.scales else contrast).mean((2, 3))
            score = score * factor.clamp_min(_LEAST_FACTOR) ** (exponent * missing)
            restored, gt = (avg_pool2d(image, 2, ceil_mode=True) for image in (restored, gt))
        return 1 - score.mean()
