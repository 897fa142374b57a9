"""Blur of a straight motion."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import Tensor

from imgrestore.degradations.blur import Blur, path_kernels
from imgrestore.degradations.streams import Streams
from imgrestore.parts.part import Field, Range, within
from imgrestore.parts.registry import register_degradation

_POINTS = 4
"""Points drawn for each pixel of the longest line."""


@register_degradation
class MotionBlur(Blur):
    """Blur of a straight, even motion during the exposure.

    The kernel is a line of ``length`` pixels through the middle, exact to fractions of a pixel: the image is seen at
    evenly spaced positions along it, each interpolated bilinearly. Set ``linear`` for the streaks that bright points
    draw.
    """

    length: Annotated[Range, within(0, 200)] = Field((3, 20), description="way travelled in pixels")
    angle: Annotated[Range, within(-360, 360)] = Field(
        (0, 180), description="degrees, counter-clockwise from horizontal"
    )

    def kernels(self, streams: Streams) -> Tensor:
        """Draw lines."""
        length = streams.uniform(self.length)
        angle = torch.deg2rad(streams.uniform(self.angle))
        points = max(1, math.ceil(_POINTS * self.length[1]))
        along = (torch.arange(points, device=length.device) + 0.5) / points - 0.5
        way = length[:, None] * torch.stack([angle.cos(), -angle.sin()], dim=1)
        return path_kernels(along[:, None] * way[:, None, :], self.length[1] / 2)
