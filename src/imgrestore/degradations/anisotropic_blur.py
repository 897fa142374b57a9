"""Blur by an oblong Gaussian."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from imgrestore.degradations.blur import Blur, gaussian_kernels
from imgrestore.degradations.streams import Streams
from imgrestore.parts.part import Field, Range, within
from imgrestore.parts.registry import register_degradation


@register_degradation
class AnisotropicBlur(Blur):
    """Gaussian blur of two widths, turned by an angle.

    ``k(x, y) ~ exp(-(u^2 / sigma_x^2 + v^2 / sigma_y^2) / 2)`` with u along the angle and v across it, cut off at 4
    sigma. A first guess at any real lens or motion: K. Zhang et al., "Learning a Single Convolutional Super-Resolution
    Network for Multiple Degradations", CVPR 2018, arXiv:1712.06116.
    """

    sigma_x: Annotated[Range, within(0, 50)] = Field((0.5, 4.0), description="standard deviation along, in pixels")
    sigma_y: Annotated[Range, within(0, 50)] = Field((0.5, 4.0), description="standard deviation across, in pixels")
    angle: Annotated[Range, within(-360, 360)] = Field(
        (0, 180), description="degrees, counter-clockwise from horizontal"
    )

    def kernels(self, streams: Streams) -> Tensor:
        """Draw Gaussians."""
        sigma_x, sigma_y = streams.uniform(self.sigma_x), streams.uniform(self.sigma_y)
        angle = torch.deg2rad(streams.uniform(self.angle))
        return gaussian_kernels(sigma_x, sigma_y, angle, max(self.sigma_x[1], self.sigma_y[1]))
