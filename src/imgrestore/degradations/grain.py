"""Grain of film."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.correlated_noise import correlated_noise
from imgrestore.degradations.streams import Streams
from imgrestore.image.color import luma
from imgrestore.parts.part import Field, Range, within
from imgrestore.parts.registry import register_degradation

_BLUE_STRONGER, _BLUE_COARSER = 1.4, 1.3
"""The layer that records blue is the fastest of a colour film, so its grains are the largest."""

_FOG = 0.03
"""Share of grains in the clearest film, and of gaps in the densest: no tone is free of grain."""


@register_degradation
class Grain(Degradation):
    """Film grain: correlated noise, strongest in mid-tones, of one plane or of three.

    ``clip(x + 2 sigma sqrt(x (1 - x)) n)``, with x between 0.03 and 0.97 in the root: where grains cover a share x of
    the film, what is covered varies by x (1 - x), as in the Boolean model of A. Newson et al., "A Stochastic Film Grain
    Model for Resolution-Independent Rendering", Computer Graphics Forum 36(8), 2017, doi:10.1111/cgf.13159. ``n`` is
    normal and correlates by ``exp(-(d / size)^2)`` over d pixels. A share of the images, and grey ones, have a single
    plane, which follows luma and changes it alone, as in black-and-white film. The others have one for each channel,
    that of blue 1.4 times as strong and 1.3 times as coarse; ``crosstalk`` of each shows in the two others, as dyes
    absorb more than their colour and scanners mix them, which leaves the grain less colourful.
    """

    sigma: Annotated[Range, within(0, 1)] = Field(
        (0.0, 30 / 255), description="standard deviation in middle grey, on the [0, 1] scale"
    )
    size: Annotated[Range, within(0, 16)] = Field(
        (0.5, 2.5), description="distance in pixels over which correlation falls to 1 / e"
    )
    one_plane: float = Field(0.5, ge=0, le=1, description="share of the images with one plane for all channels")
    crosstalk: Annotated[Range, within(0, 1)] = Field(
        (0.0, 0.4), description="how much of each plane shows in the others, before scaling back"
    )

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return the grainy images, same shape."""
        sigma, size, mixed = (streams.uniform(bounds, 1, 1, 1) for bounds in (self.sigma, self.size, self.crosstalk))
        one_plane = streams.happens(self.one_plane)[:, None, None, None]
        channels, height, width = image.shape[1:]
        blur = (size[..., 0, 0] / 2).repeat(1, channels)
        blur[:, 2:] *= _BLUE_COARSER
        planes = correlated_noise(streams, (channels, height, width), blur, self.size[1] / 2 * _BLUE_COARSER)
        tone = image
        if channels == 3:
            others = planes.sum(dim=1, keepdim=True) - planes
            colour = (planes + mixed * others) / (1 + 2 * mixed**2).sqrt()
            colour[:, 2:] *= _BLUE_STRONGER
            planes, tone = torch.where(one_plane, planes[:, :1], colour), torch.where(one_plane, luma(image), image)
        covered = tone.clamp(_FOG, 1 - _FOG)
        amplitude = 2 * (covered * (1 - covered)).sqrt()
        return (image + amplitude * (sigma * planes).to(image)).clamp(0, 1)
