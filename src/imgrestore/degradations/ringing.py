"""Ringing of a sharp low-pass filter."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import Tensor

from imgrestore.degradations.blur import Blur, centred_grid, normalised
from imgrestore.degradations.streams import Streams
from imgrestore.parts.part import Field, Range, within
from imgrestore.parts.registry import register_degradation

_REACH = 10
"""Pixels from the middle of the kernel to its edge."""


@register_degradation
class Ringing(Blur):
    """Ringing: ripples beside edges, left by a filter that cuts off high frequencies at once.

    ``k(r) = cutoff J1(cutoff r) / (2 pi r)``, the ideal round low-pass filter (J1 is the Bessel function of the first
    kind), on 21 x 21 pixels; clipped, as the ripples leave [0, 1]. Over-sharpening and compression leave such ripples.
    Formula and range of X. Wang et al., "Real-ESRGAN", ICCVW 2021, arXiv:2107.10833.
    """

    cutoff: Annotated[Range, within(0.1, math.pi)] = Field(
        (math.pi / 3, math.pi), description="highest frequency kept, in radians per pixel"
    )

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return the filtered images, same shape."""
        return super().degrade(image, streams).clamp(0, 1)

    def kernels(self, streams: Streams) -> Tensor:
        """Draw filters."""
        cutoff = streams.uniform(self.cutoff)[:, None, None]
        x, y = centred_grid(_REACH, cutoff)
        radius = torch.hypot(x, y).clamp_min(1e-3)  # J1(z) / z is even: the middle is right to the last digit
        return normalised(cutoff * torch.special.bessel_j1(cutoff * radius) / (2 * math.pi * radius))
