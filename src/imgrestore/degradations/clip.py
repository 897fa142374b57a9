"""Clipping to what a file can hold."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.streams import Streams
from imgrestore.parts.registry import register_degradation


@register_degradation
class Clip(Degradation):
    """Clipping to [0, 1]: nothing is darker than black or brighter than white.

    ``min(1, max(0, image))``: what a file does to noise that leaves the range, without rounding it (see ``quantize``).
    """

    random: ClassVar[bool] = False

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return the clipped images."""
        return image.clamp(0, 1)
