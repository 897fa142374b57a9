"""Pixels of random colours."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from imgrestore.degradations.contract import Degradation, struck_pixels
from imgrestore.degradations.streams import Streams
from imgrestore.parts.part import Field, Range, within
from imgrestore.parts.registry import register_degradation


@register_degradation
class ColourReplace(Degradation):
    """Colourful impulses: random pixels replaced by random colours.

    ``floor(amount H W)`` times a pixel is drawn with replacement and takes a colour drawn evenly from the RGB cube, so
    a share of ``1 - exp(-amount)`` changes: 0.26 of the pixels for amount = 0.3, 0.45 for 0.6. The "colourful" noise of
    "DL-IQIWA: Image quality improvement with autoencoders" (DTU, 2021) as its text describes it, with its proportions.
    """

    amount: Annotated[Range, within(0, 8)] = Field((0.3, 0.6), description="draws per pixel")

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return the images with their new pixels."""
        replaced = streams.uniform((0, 1), *image.shape[1:]).to(image)
        return torch.where(struck_pixels(image, self.amount, streams), replaced, image)
