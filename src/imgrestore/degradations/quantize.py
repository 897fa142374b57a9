"""Rounding to the levels of an image file."""

from __future__ import annotations

from torch import Generator, Tensor

from imgrestore.parts import Field, Part
from imgrestore.registry import register_degradation


@register_degradation
class Quantize(Part):
    """Clip to [0, 1] and round to ``2**bits`` levels, as an image file does. Not random."""

    bits: int = Field(8, ge=1, le=16)

    def __call__(self, image: Tensor, generator: Generator) -> Tensor:
        """Return the image with every sample on one of the levels."""
        levels = 2**self.bits - 1
        rounded: Tensor = (image.clamp(0, 1) * levels).round() / levels
        return rounded
