"""Salt-and-pepper noise."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from imgrestore.degradations.contract import Degradation, struck_pixels
from imgrestore.degradations.streams import Streams
from imgrestore.parts.part import Field, Range, within
from imgrestore.parts.registry import register_degradation


@register_degradation
class SaltPepper(Degradation):
    """Salt and pepper: random pixels turned black or white.

    ``floor(amount H W)`` times a pixel is drawn with replacement, and all its channels become 0 or 1 by the toss of a
    fair coin; so a share of ``1 - exp(-amount)`` changes: 0.26 of the pixels for amount = 0.3, 0.45 for 0.6. Drawing
    and proportions as in "DL-IQIWA: Image quality improvement with autoencoders" (DTU, 2021), whose code defaults to
    0.25.
    """

    amount: Annotated[Range, within(0, 8)] = Field((0.3, 0.6), description="draws per pixel")

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return the images with their black and white pixels."""
        struck = struck_pixels(image, self.amount, streams)
        white = (streams.uniform((0, 1), 1, *image.shape[2:]) < 0.5).to(image)
        return torch.where(struck, white, image)
