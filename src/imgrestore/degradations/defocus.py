"""Blur of a lens out of focus."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from imgrestore.degradations.blur import Blur, disc_kernels
from imgrestore.degradations.streams import Streams
from imgrestore.parts.part import Field, Range, within
from imgrestore.parts.registry import register_degradation


@register_degradation
class Defocus(Blur):
    """Blur of a lens out of focus: every point becomes a disc.

    ``k(x, y) = 1 / (pi radius^2)`` where ``x^2 + y^2 < radius^2``, the circle of confusion of geometric optics; pixels
    at its rim count as far as they are covered. M. Potmesil, I. Chakravarty, "A Lens and Aperture Camera Model for
    Synthetic Image Generation", SIGGRAPH 1981, doi:10.1145/965161.806818. Set ``linear`` for bright points that keep
    their glow.
    """

    radius: Annotated[Range, within(0, 50)] = Field((1.0, 6.0), description="radius of the disc in pixels")

    def kernels(self, streams: Streams) -> Tensor:
        """Draw discs."""
        return disc_kernels(streams.uniform(self.radius).clamp_min(0.1), max(0.1, self.radius[1]))
