"""Brightening."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.streams import Streams
from imgrestore.parts.part import Field, Range, within
from imgrestore.parts.registry import register_degradation


@register_degradation
class Brighten(Degradation):
    """Overexposure: every value multiplied by a factor above one and clipped.

    ``min(1, factor image)``. By default ``factor = 1 + p`` with p in [0.3, 0.6], the proportions of "DL-IQIWA: Image
    quality improvement with autoencoders" (DTU, 2021). What is clipped is lost: highlights can be guessed, not
    restored.
    """

    factor: Annotated[Range, within(1, 16)] = Field((1.3, 1.6), description="what values are multiplied by")

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return the brighter images."""
        return (streams.uniform(self.factor, 1, 1, 1).to(image) * image).clamp(0, 1)
