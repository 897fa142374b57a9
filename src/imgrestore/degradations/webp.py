"""WebP artefacts."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from imgrestore.degradations import opencv
from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.streams import Streams
from imgrestore.parts.part import Field, Range, within
from imgrestore.parts.registry import register_degradation


@register_degradation
class Webp(Degradation):
    """WebP compression: smooth blocks, washed-out texture, colours that bleed.

    Encoded and decoded at a quality rounded to a whole number; colour is always kept for one pixel of four only. RFC
    9649, "WebP Image Format", 2024. Computed by OpenCV on the CPU.
    """

    quality: Annotated[Range, within(1, 100)] = Field((30, 95), description="quality of the file")

    @property
    def needs_cpu(self) -> bool:
        """Always: OpenCV computes on the CPU."""
        return True

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return what the files hold."""
        quality = [round(drawn) for drawn in streams.uniform(self.quality).tolist()]
        return opencv.each_picture(image, lambda i, picture: opencv.webp(picture, quality[i]))
