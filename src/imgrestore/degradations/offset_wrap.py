"""An offset in 8-bit arithmetic that overflows."""

from __future__ import annotations

from torch import Tensor

from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.streams import Streams
from imgrestore.parts.part import Field
from imgrestore.parts.registry import register_degradation


@register_degradation
class OffsetWrap(Degradation):
    """Noisy brightening that overflows: bright samples of an 8-bit image wrap around to dark ones.

    ``(x + floor(mean + std n)) mod 256`` for each sample x of the image rounded to 0 … 255, with n ~ N(0, 1). The first
    code of Y. Yang et al. (2020; later arXiv:2104.00253) draws N(100, 10) as an unsigned byte, halves it and adds it as
    another: ``floor(floor(100 + 10 n) / 2) = floor(50 + 5 n)``, the default here. Without wrapping, an image too dark
    to clip is left with 14.2 dB: the mean square of the offset is ``49.5^2 + 5^2 + 1/12``.
    """

    mean: float = Field(50, ge=0, le=255, description="mean of the offset in grey levels of 255, before rounding down")
    std: float = Field(5, ge=0, le=255, description="standard deviation of the offset in grey levels of 255")
    wrap: bool = Field(True, description="start again at black beyond white; if false, stay white")

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return the shifted images, on 8-bit levels."""
        offset = (self.mean + self.std * streams.normal(*image.shape[1:]).to(image)).floor()
        shifted = (image.clamp(0, 1) * 255).round() + offset
        return (shifted.remainder(256) if self.wrap else shifted.clamp(0, 255)) / 255
