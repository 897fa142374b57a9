"""Blur of an unsteady hand."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import Tensor

from imgrestore.degradations.blur import Blur, path_kernels
from imgrestore.degradations.streams import Streams
from imgrestore.parts.part import Field, Range, within
from imgrestore.parts.registry import register_degradation

_POINTS = 400
"""Points of a path."""


@register_degradation
class CameraShake(Blur):
    """Blur of an unsteady hand: a random path of the camera during the exposure.

    The camera moves at an even speed whose direction wanders (Brownian motion, ``tremor`` radians over the exposure)
    and turns back at once, more or less, when it jerks (``jerks`` times on average). The path is scaled to a square of
    ``size`` pixels, moved so that its centre of mass is the middle, and drawn with bilinear weights. After the random
    walk of G. Boracchi, A. Foi, "Modeling the Performance of Image Restoration From Motion Blur", IEEE TIP 21(8), 2012,
    doi:10.1109/TIP.2012.2192126, without its pull towards the start. Set ``linear`` for the traces of bright points.
    """

    size: Annotated[Range, within(0, 100)] = Field((5, 25), description="longer side of the path's frame in pixels")
    tremor: Annotated[Range, within(0, 100)] = Field((1, 6), description="wandering of the direction in radians")
    jerks: Annotated[Range, within(0, 100)] = Field((0, 2), description="expected number of sudden turns")

    def kernels(self, streams: Streams) -> Tensor:
        """Draw paths."""
        size, tremor, jerks = (streams.uniform(bounds) for bounds in (self.size, self.tremor, self.jerks))
        start, chance, turn = streams.uniform((0, 1), 3, _POINTS).unbind(1)
        wander = streams.normal(_POINTS)
        jerk = (chance < jerks[:, None] / _POINTS) * (math.pi + turn - 0.5)
        steps = wander * tremor[:, None] / math.sqrt(_POINTS) + jerk
        heading = 2 * math.pi * start[:, :1] + steps.cumsum(dim=1)
        path = torch.stack([heading.cos(), heading.sin()], dim=2).cumsum(dim=1)
        frame = (path.amax(dim=1) - path.amin(dim=1)).amax(dim=1).clamp_min(1e-6)
        path = (path - path.mean(dim=1, keepdim=True)) * (size / frame)[:, None, None]
        return path_kernels(path, self.size[1])
