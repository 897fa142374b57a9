"""Gaussian noise as the paper on colourful noise made it."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.streams import Streams
from imgrestore.parts.part import Field, Range, within
from imgrestore.parts.registry import register_degradation


@register_degradation
class ColourGauss(Degradation):
    """Colourful noise: strong Gaussian noise in every channel, clipped to [0, 1].

    ``clip(image + std n)`` with n ~ N(0, 1) for each sample. "DL-IQIWA: Image quality improvement with autoencoders"
    (DTU, 2021) describes what ``colour-replace`` does; its code adds this noise, and evaluates with std = 0.2,
    unclipped.
    """

    std: Annotated[Range, within(0, 1)] = Field((0.2, 0.2), description="standard deviation on the [0, 1] scale")
    clip: bool = Field(True, description="clip the result to [0, 1]")

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return the noisy images, same shape."""
        noisy = image + streams.uniform(self.std, 1, 1, 1).to(image) * streams.normal(*image.shape[1:]).to(image)
        return noisy.clamp(0, 1) if self.clip else noisy
