"""Rotation."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.streams import Streams
from imgrestore.parts.part import Field, Range, within
from imgrestore.parts.registry import register_degradation


@register_degradation
class Rotate(Degradation):
    """Rotation about the middle at the same size, bilinear, with mirrored surroundings in the corners.

    Meant as a transform of ground truth: the rotated copies in the data of Y. Yang et al. (2020; later
    arXiv:2104.00253), whose interpolation and border are not known.
    """

    angle: Annotated[Range, within(-360, 360)] = Field((0, 360), description="degrees, counter-clockwise")

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return the turned images, same size."""
        height, width = image.shape[-2:]
        angle = streams.uniform(self.angle)
        return turned(image.float(), angle, range(height), range(width)).to(image)


def turned(image: Tensor, angle: Tensor, rows: range, columns: range) -> Tensor:
    """Turn images about their middle and return a part of the result, which is all that is computed.

    Args:
        image: (N, C, H, W), float.
        angle: (N,), degrees, counter-clockwise.
        rows: The rows wanted; those outside of the image are mirrored, as the corners are.
        columns: The columns wanted.

    Returns:
        (N, C, rows, columns).
    """
    height, width = image.shape[-2:]
    angle = torch.deg2rad(angle).to(image.device)[:, None, None]
    down = torch.arange(rows.start, rows.stop, device=image.device)[:, None] + 0.5 - height / 2
    across = torch.arange(columns.start, columns.stop, device=image.device) + 0.5 - width / 2
    x, y = (angle.cos() * across - angle.sin() * down), (angle.sin() * across + angle.cos() * down)
    grid = torch.stack([2 * x / width, 2 * y / height], dim=-1)
    return grid_sample(image, grid.to(image), "bilinear", padding_mode="reflection", align_corners=False)
