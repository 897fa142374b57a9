"""Blur by a round Gaussian."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from imgrestore.degradations.blur import Blur, gaussian_kernels
from imgrestore.degradations.streams import Streams
from imgrestore.parts.part import Field, Range, within
from imgrestore.parts.registry import register_degradation


@register_degradation
class GaussianBlur(Blur):
    """Gaussian blur, the same in all directions.

    ``k(x, y) ~ exp(-(x^2 + y^2) / (2 sigma^2))``, cut off at 4 sigma. The default range is that of X. Wang et al.,
    "Real-ESRGAN", ICCVW 2021, arXiv:2107.10833.
    """

    sigma: Annotated[Range, within(0, 50)] = Field((0.2, 3.0), description="standard deviation in pixels")

    def kernels(self, streams: Streams) -> Tensor:
        """Draw Gaussians."""
        sigma = streams.uniform(self.sigma)
        return gaussian_kernels(sigma, sigma, torch.zeros_like(sigma), self.sigma[1])
