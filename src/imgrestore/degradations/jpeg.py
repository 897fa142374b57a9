"""JPEG artefacts."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from torch import Tensor

from imgrestore.degradations import opencv
from imgrestore.degradations.contract import Degradation, Picture, each_picture
from imgrestore.parts import Field, Range, within
from imgrestore.registry import register_degradation
from imgrestore.streams import Streams

_BLOCK = 16
"""Pixels after which everything repeats: a block of colours at half resolution."""


@register_degradation
class Jpeg(Degradation):
    """JPEG compression: blocks of 8 pixels, ripples beside edges, colours that bleed.

    Encoded and decoded at a quality of the IJG scale, rounded to a whole number. ``subsampling`` says how much colour
    the file keeps: all of it ("4:4:4"), one sample of four ("4:2:0", as most files), or either for each image
    ("random"). G. K. Wallace, "The JPEG Still Picture Compression Standard", IEEE Trans. Consumer Electronics 38(1),
    1992, doi:10.1109/30.125072. Computed by OpenCV on the CPU. Blocks begin at the top left corner of the image, unless
    it was ``cropped`` after the file was made: then a corner of it, anywhere within a block, has been cut off.
    """

    quality: Annotated[Range, within(1, 100)] = Field((30, 95), description="quality of the file")
    subsampling: Literal["4:4:4", "4:2:0", "random"] = Field("4:2:0", description="colour samples kept")
    cropped: float = Field(0.0, ge=0, le=1, description="share of the images whose blocks begin anywhere")

    @property
    def needs_cpu(self) -> bool:
        """Always: OpenCV computes on the CPU."""
        return True

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return what the files hold."""
        quality = streams.uniform(self.quality).round().int().tolist()
        full = streams.happens({"4:4:4": 1.0, "4:2:0": 0.0, "random": 0.5}[self.subsampling]).tolist()
        corners = (streams.integers(_BLOCK, 2) * streams.happens(self.cropped)[:, None]).tolist()

        def change(i: int, picture: Picture) -> Picture:
            top, left = corners[i]
            larger = np.pad(picture, ((top, 0), (left, 0), (0, 0)), mode="symmetric")
            return opencv.jpeg(larger, quality[i], "4:4:4" if full[i] else "4:2:0")[top:, left:]

        return each_picture(image, change)
