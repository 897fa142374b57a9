"""Resizing there and back."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from imgrestore.degradations.canvas import canvas_of, filling, resize_each, room, scaled
from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.downsample import Kernel
from imgrestore.degradations.streams import Streams
from imgrestore.parts.part import Field, Range, within
from imgrestore.parts.registry import register_degradation


@register_degradation
class RandomResize(Degradation):
    """Resizing by a random factor and back to the size before, each with a random kernel.

    What a picture goes through that somebody scaled for a message or a page and somebody else scaled up again. Kernels
    are antialiased when shrinking (except ``nearest``) and centred; overshoot at edges is clipped. One part of the
    random pipeline of K. Zhang et al., "Designing a Practical Degradation Model for Deep Blind Image Super-Resolution",
    ICCV 2021, arXiv:2103.14006.
    """

    factor: Annotated[Range, within(1 / 16, 16)] = Field((0.25, 1.5), description="factor of the first resizing")
    kernels: tuple[Kernel, ...] = Field(
        ("nearest", "bilinear", "bicubic", "lanczos"), min_length=1, description="kernels to draw from, each time anew"
    )

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return the images at their own size."""
        whole = filling(canvas_of(image), image)
        between = scaled(whole, streams.uniform(self.factor))
        canvas = room(between, canvas_of(image), self.factor[1])
        there = resize_each(image, whole, between, canvas, self.kernels, self._kernel(streams))
        return resize_each(there, between, whole, canvas_of(image), self.kernels, self._kernel(streams))

    def _kernel(self, streams: Streams) -> Tensor:
        return streams.integers(len(self.kernels))
