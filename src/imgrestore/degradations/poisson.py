"""Photon noise."""

from __future__ import annotations

from typing import Annotated, Literal

from torch import Tensor

from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.streams import Streams
from imgrestore.image.color import luma
from imgrestore.parts.part import Field, Range, within
from imgrestore.parts.registry import register_degradation


@register_degradation
class Poisson(Degradation):
    """Photon noise: each sample is a count of photons, and white is ``peak`` of them.

    ``clip(Poisson(peak image) / peak)``, of variance ``image / peak`` before clipping. ``1 / sqrt(peak)``, the standard
    deviation of white, is drawn evenly, so that weak and strong noise are equally frequent. ``colour = "grey"`` adds
    the noise of luma to all channels. Counts of sRGB values, as in most literature; for the light itself see
    ``shot-read``.
    """

    peak: Annotated[Range, within(1, 1e6)] = Field((50, 1000), description="photons of a white sample")
    colour: Literal["rgb", "grey"] = Field("rgb", description="noise for each channel, or the same in all channels")

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return the noisy images, same shape."""
        peak = streams.uniform((self.peak[1] ** -0.5, self.peak[0] ** -0.5), 1, 1, 1).to(image) ** -2
        exposed = (image if self.colour == "rgb" else luma(image)).clamp(0, 1)
        photons = streams.poisson(exposed * peak).to(image)
        return (image + photons / peak - exposed).clamp(0, 1)
