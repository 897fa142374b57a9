"""Dust and hairs."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import Tensor

from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.streams import Streams
from imgrestore.degradations.strokes import WIDEST, lines_drawn, painted, paths, presence, tones, waver
from imgrestore.parts.part import Field, Range, within
from imgrestore.parts.registry import register_degradation

_BUMPS = ((2, 0.25), (3, 0.15), (5, 0.1))
"""Waves around the rim of a speck, and how far each moves it in and out, as a share of the radius."""

_REACH = 1 + sum(share for _, share in _BUMPS)


@register_degradation
class Dust(Degradation):
    """Dust on film, prints and scanners: specks of irregular shape and hairs, bright or dark.

    Bright where dust lay on a negative, dark on prints and slides. The rim of a speck is a circle with three waves of
    random phase, more or less sharp; hairs are thin lines that curl. Both are drawn with smooth edges at any position.
    Blotches ("dirt and sparkle") and hairs are described by A. C. Kokaram, "Motion Picture Restoration", Springer,
    1998, doi:10.1007/978-1-4471-3485-5.
    """

    specks: Annotated[Range, within(0, 100)] = Field((0.5, 10), description="specks on every 100 x 100 pixels")
    size: Annotated[Range, within(0.5, 32)] = Field((1, 6), description="their diameter in pixels, its inverse even")
    hairs: Annotated[Range, within(0, 100)] = Field((0, 1), description="hairs on every 100 x 100 pixels")
    length: Annotated[Range, within(1, 1000)] = Field((10, 80), description="of hairs in pixels, drawn log-evenly")
    width: Annotated[Range, within(0.1, WIDEST)] = Field((0.8, 1.8), description="of hairs in pixels")
    opacity: Annotated[Range, within(0, 1)] = Field((0.5, 1.0), description="how much each of them hides")
    bright: float = Field(0.5, ge=0, le=1, description="share of the images in which they are bright")

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return the dusty images, same shape."""
        size = image.shape[2], image.shape[3]
        opaque = torch.maximum(self._specks(size, streams), self._hairs(size, streams))
        return torch.lerp(image, tones(streams, self.bright, image.shape[1]).to(image), opaque.to(image))

    def _specks(self, size: tuple[int, int], streams: Streams) -> Tensor:
        present = presence(streams, self.specks, size)
        most = present.shape[1]
        opacity = streams.uniform(self.opacity, most) * present
        radius = 0.5 / streams.uniform((1 / self.size[1], 1 / self.size[0]), most)[..., None, None]
        softness = streams.log_uniform((1, 4), most)[..., None, None]
        place = streams.uniform((0, 1), most, 2)
        row, column = place[..., 0] * size[0] - 0.5, place[..., 1] * size[1] - 0.5
        reach = math.ceil(_REACH * self.size[1] / 2 + 1)
        window = torch.arange(-reach, reach + 1, device=streams.device)
        rows, columns = row.round()[..., None, None] + window[:, None], column.round()[..., None, None] + window
        down, across = rows - row[..., None, None], columns - column[..., None, None]
        angle = torch.atan2(down, across)
        phase = streams.uniform((0, 2 * math.pi), most, len(_BUMPS), 1, 1)
        rim = 1 + sum(share * (k * angle + phase[:, :, i]).cos() for i, (k, share) in enumerate(_BUMPS))
        covered = ((radius * rim - torch.hypot(down, across)) / softness + 0.5).clamp(0, 1)
        return painted(rows.expand_as(covered), columns.expand_as(covered), covered * opacity[..., None, None], size)

    def _hairs(self, size: tuple[int, int], streams: Streams) -> Tensor:
        present = presence(streams, self.hairs, size)
        most = present.shape[1]
        opacity = streams.uniform(self.opacity, most) * present
        width, length = streams.uniform(self.width, most), streams.log_uniform(self.length, most)
        share = torch.linspace(0, 1, math.ceil(self.length[1]) + 1, device=streams.device)
        start, turn = streams.uniform((0, 2 * math.pi), most, 1), 0.9 * streams.normal(most, 1)
        curl = waver(streams, most, (0.5, 2), share.expand(len(streams), most, -1))
        heading = start + turn * share + 0.4 * curl
        path = paths(streams, size, heading, length)
        return lines_drawn(path, width, opacity[..., None].expand(path.shape[:-1]), size)
