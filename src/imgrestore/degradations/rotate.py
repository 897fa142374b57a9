"""Rotation."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Generator, Tensor
from torch.nn.functional import affine_grid, grid_sample

from imgrestore.degradations.contract import Degradation, uniform
from imgrestore.parts import Field, Range, within
from imgrestore.registry import register_degradation


@register_degradation
class Rotate(Degradation):
    """Rotation about the middle at the same size, bilinear, with mirrored surroundings in the corners.

    Meant as a transform of ground truth: the rotated copies in the data of Y. Yang et al. (2020; later
    arXiv:2104.00253), whose interpolation and border are not known.
    """

    angle: Annotated[Range, within(-360, 360)] = Field((0, 360), description="degrees, counter-clockwise")

    def degrade(self, image: Tensor, generator: Generator) -> Tensor:
        """Return the turned images, same size."""
        height, width = image.shape[-2:]
        angle = torch.deg2rad(uniform(len(image), self.angle, generator)).to(image.device)
        cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
        rows = [cos, -sin * height / width, zero, sin * width / height, cos, zero]  # positions in halves of the image
        grid = affine_grid(torch.stack(rows, dim=1).view(-1, 2, 3), list(image.shape), align_corners=False)
        turned = grid_sample(image.float(), grid, "bilinear", padding_mode="reflection", align_corners=False)
        return turned.to(image)
