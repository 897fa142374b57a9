"""Scratches."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import Tensor

from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.streams import Streams
from imgrestore.degradations.strokes import WIDEST, lines_drawn, paths, presence, tones, waver
from imgrestore.parts.part import Field, Range, within
from imgrestore.parts.registry import register_degradation

_SWAY = 0.05
"""How far the direction of a scratch wanders, in radians."""

_FADE = 12.0
"""Pixels over which a scratch begins and ends."""


@register_degradation
class Scratches(Degradation):
    """Scratches of film and prints: thin lines, almost straight, partly transparent, some of them broken.

    Bright in some images (a scratched negative, or the paper under a print) and dark in others; of any direction or, as
    on cine film that ran past a grain of dirt, nearly upright and in the upper half of the lengths. Their strength
    changes along them; a share is interrupted in many places. Drawn with smooth edges at any position. The line
    scratches of A. C. Kokaram, "Motion Picture Restoration", Springer, 1998, doi:10.1007/978-1-4471-3485-5, and those
    of prints.
    """

    density: Annotated[Range, within(0, 100)] = Field((0.2, 3), description="scratches on every 100 x 100 pixels")
    length: Annotated[Range, within(1, 4000)] = Field(
        (20, 300), description="pixels, log-even, of those that are not upright"
    )
    width: Annotated[Range, within(0.1, WIDEST)] = Field((0.7, 2.0), description="pixels, drawn for each")
    opacity: Annotated[Range, within(0, 1)] = Field((0.15, 0.9), description="how much they hide, drawn for each")
    upright: float = Field(0.4, ge=0, le=1, description="share of the images in which they are nearly vertical")
    bent: float = Field(0.2, ge=0, description="standard deviation of the turn along those that are not, in radians")
    broken: float = Field(0.3, ge=0, le=1, description="share of the scratches that are interrupted")
    bright: float = Field(0.5, ge=0, le=1, description="share of the images in which they are bright")

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return the scratched images, same shape."""
        size = image.shape[2], image.shape[3]
        present = presence(streams, self.density, size)
        lines = present.shape[1]
        length = streams.log_uniform(self.length, lines)
        width, opacity = streams.uniform(self.width, lines), streams.uniform(self.opacity, lines)
        upright = streams.happens(self.upright)[:, None]
        length = torch.where(upright, (length * self.length[1]).sqrt(), length)
        share = torch.linspace(0, 1, math.ceil(self.length[1]) + 1, device=streams.device)
        along = share * length[..., None]

        start = torch.where(
            upright, math.pi / 2 + 0.02 * streams.normal(lines), math.pi * streams.uniform((0, 1), lines)
        )
        turn = torch.where(upright, 0.02, self.bent) * streams.normal(lines)
        sway = torch.where(upright, 0.3, 1) * _SWAY * streams.uniform((0, 1), lines)
        heading = start[..., None] + turn[..., None] * share + sway[..., None] * waver(streams, lines, (20, 200), along)

        strength = 0.8 + 0.2 * waver(streams, lines, (6, 120), along)
        gaps = 0.5 + 1.5 * waver(streams, lines, (8, 400), along)
        strength = torch.where(streams.uniform((0, 1), lines)[..., None] < self.broken, gaps, strength)
        ends = torch.minimum(along, length[..., None] - along) / _FADE
        strength = torch.minimum(strength, ends + 0.1).clamp(0, 1) * (opacity * present)[..., None]

        path = paths(streams, size, heading, length)
        opaque = lines_drawn(path, width, strength, size)
        return torch.lerp(image, tones(streams, self.bright, image.shape[1]).to(image), opaque.to(image))
