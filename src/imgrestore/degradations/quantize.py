"""Rounding to the levels of an image file."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.streams import Streams
from imgrestore.parts.part import Field
from imgrestore.parts.registry import register_degradation


@register_degradation
class Quantize(Degradation):
    """Clipping to [0, 1] and rounding to ``2**bits`` levels, as an image file does.

    ``round(image (2^bits - 1)) / (2^bits - 1)``, usually the last step: files hold no fractions.
    """

    random: ClassVar[bool] = False

    bits: int = Field(8, ge=1, le=16, description="bits per sample")

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return the image with every sample on one of the levels."""
        levels = 2**self.bits - 1
        rounded: Tensor = (image.clamp(0, 1) * levels).round() / levels
        return rounded
