"""Black and white."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.streams import Streams
from imgrestore.image.color import luma
from imgrestore.parts.part import Field
from imgrestore.parts.registry import register_degradation


@register_degradation
class Binarise(Degradation):
    """Black and white and nothing between: one where luma exceeds a threshold, else zero.

    In all channels alike; a grey image is its own luma (ITU-R BT.601). Meant as a transform of ground truth, such as
    handwritten digits for a network with a Bernoulli likelihood. Not random, unlike drawing each pixel with its grey
    value as probability.
    """

    random: ClassVar[bool] = False

    threshold: float = Field(0.5, ge=0, le=1, description="luma above which a pixel is white")

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return the images in black and white."""
        return (luma(image) > self.threshold).to(image).repeat(1, image.shape[1], 1, 1)
