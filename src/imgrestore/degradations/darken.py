"""Darkening."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.streams import Streams
from imgrestore.parts.part import Field, Range, within
from imgrestore.parts.registry import register_degradation


@register_degradation
class Darken(Degradation):
    """Darkening: every value multiplied by a factor below one.

    ``factor image``. By default ``factor = 1 - p`` with p in [0.3, 0.6], the proportions of "DL-IQIWA: Image quality
    improvement with autoencoders" (DTU, 2021).
    """

    factor: Annotated[Range, within(0, 1)] = Field((0.4, 0.7), description="what values are multiplied by")

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return the darker images."""
        return streams.uniform(self.factor, 1, 1, 1).to(image) * image
