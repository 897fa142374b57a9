"""Blur by a square."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from imgrestore.degradations.blur import Blur, box_kernels
from imgrestore.degradations.streams import Streams
from imgrestore.parts.part import Field, Range, within
from imgrestore.parts.registry import register_degradation


@register_degradation
class BoxBlur(Blur):
    """Box blur: the mean of a square around each pixel.

    ``k(x, y) = 1 / size^2`` where |x| and |y| are below size / 2. The size need not be whole or odd: pixels at the
    border of the square count as far as they are covered, so size 4 is centred too.
    """

    size: Annotated[Range, within(1, 101)] = Field((3, 9), description="side of the square in pixels")

    def kernels(self, streams: Streams) -> Tensor:
        """Draw squares."""
        return box_kernels(streams.uniform(self.size), self.size[1])
