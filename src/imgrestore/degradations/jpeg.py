"""JPEG artefacts."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from torch import Generator, Tensor

from imgrestore.degradations import opencv
from imgrestore.degradations.contract import Degradation, Picture, each_picture, integer, uniform
from imgrestore.parts import Field, Range, within
from imgrestore.registry import register_degradation

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

    def degrade(self, image: Tensor, generator: Generator) -> Tensor:
        """Return what the files hold."""
        quality = [round(drawn) for drawn in uniform(len(image), self.quality, generator).tolist()]

        def change(i: int, picture: Picture) -> Picture:
            top, left = self._corner(generator)
            larger = np.pad(picture, ((top, 0), (left, 0), (0, 0)), mode="symmetric")
            sampling = self.subsampling
            if sampling == "random":
                sampling = "4:4:4" if integer(2, generator) else "4:2:0"
            return opencv.jpeg(larger, quality[i], sampling)[top:, left:]

        return each_picture(image, change)

    def _corner(self, generator: Generator) -> tuple[int, int]:
        """Return how many rows and columns were cut off."""
        if not self.cropped or float(uniform(1, (0, 1), generator)) >= self.cropped:
            return 0, 0
        return integer(_BLOCK, generator), integer(_BLOCK, generator)
