"""JPEG artefacts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
import torch
from torch import Tensor

from imgrestore.degradations import opencv
from imgrestore.degradations.canvas import canvas_of, filling
from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.jpeg_codec import BLOCK, SUBSAMPLINGS, Subsampling, through_file
from imgrestore.degradations.streams import Streams
from imgrestore.parts.part import Field, Range, within
from imgrestore.parts.registry import register_degradation


@register_degradation
class Jpeg(Degradation):
    """JPEG compression: blocks of 8 pixels, ripples beside edges, colours that bleed.

    Encoded and decoded at a quality of the IJG scale, rounded to a whole number. ``subsampling`` says how much colour
    the file keeps: all of it ("4:4:4"), one sample of two beside each other ("4:2:2") or one of four ("4:2:0", as most
    files), or any of these for each image ("random"). Blocks begin at the top left corner of the image, unless it was
    ``cropped`` after the file was made: then a corner of it, anywhere within a block, has been cut off. For files made
    twice, whose blocks do not meet, let a ``jpeg`` follow one that was cropped. G. K. Wallace, "The JPEG Still Picture
    Compression Standard", IEEE Trans. Consumer Electronics 38(1), 1992, doi:10.1109/30.125072. On the CPU computed by
    OpenCV, which is many times as fast there; on a GPU step by step for the whole batch, within a grey level of it.
    """

    quality: Annotated[Range, within(1, 100)] = Field((30, 95), description="quality of the file")
    subsampling: Literal["4:4:4", "4:2:2", "4:2:0", "random"] = Field("4:2:0", description="colour samples kept")
    cropped: float = Field(0.0, ge=0, le=1, description="share of the images whose blocks begin anywhere")

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return what the files hold."""
        quality = streams.uniform(self.quality).round()
        among = tuple(SUBSAMPLINGS) if self.subsampling == "random" else (self.subsampling,)
        number = streams.integers(len(among))
        corners = streams.integers(BLOCK, 2) * streams.happens(self.cropped)[:, None] if self.cropped else None
        return save(image, quality, among, number, corners)


def save(
    image: Tensor,
    quality: Tensor,
    among: Sequence[Subsampling],
    number: Tensor,
    corners: Tensor | None = None,
    sizes: Tensor | None = None,
) -> Tensor:
    """Do what :func:`.jpeg_codec.through_file` does, on the CPU by OpenCV."""
    if image.is_cuda:
        return through_file(image, quality, among, number, corners, sizes)
    sizes = filling(canvas_of(image), image) if sizes is None else sizes
    corners = torch.zeros_like(sizes) if corners is None else corners
    drawn = [*zip(quality.int().tolist(), number.tolist(), corners.tolist(), sizes.tolist(), strict=True)]

    def change(i: int, picture: opencv.Picture) -> opencv.Picture:
        level, name, (top, left), (height, width) = drawn[i]
        part = picture[:height, :width]
        if top or left:
            part = np.pad(part, ((top, 0), (left, 0), (0, 0)), mode="symmetric")
        picture[:height, :width] = opencv.jpeg(np.ascontiguousarray(part), level, among[name])[top:, left:]
        return picture

    return opencv.each_picture(image, change)
