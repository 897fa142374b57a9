"""Thin lines and small spots drawn into images, at a cost that depends on their size alone."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from imgrestore.degradations.streams import Streams

WIDEST = 2.5
"""The widest stroke in pixels that is drawn whole."""

_ACROSS = 2
"""Pixels to either side of the middle of a stroke that it may cover."""

_WAVES = 3


def paths(streams: Streams, size: tuple[int, int], heading: Tensor, length: Tensor) -> Tensor:
    """Draw where lines of changing direction run, each with its middle anywhere in the image.

    Args:
        streams: Source of the places.
        size: Height and width of the image.
        heading: Directions along the lines (N, lines, points) in radians, from the right towards the bottom.
        length: Their lengths (N, lines) in pixels, at most as many as there are points.

    Returns:
        Columns and rows of their points (N, lines, points, 2), pixels being centred at whole numbers.
    """
    points = heading.shape[-1]
    steps = torch.stack([heading.cos(), heading.sin()], dim=-1) * (length / points)[..., None, None]
    path = steps.cumsum(dim=2)
    place = streams.uniform((0, 1), heading.shape[1], 2)
    height, width = size
    middle = torch.stack([place[..., 0] * width, place[..., 1] * height], dim=-1) - 0.5
    return path - path[:, :, points // 2, None] + middle[:, :, None]


def presence(streams: Streams, density: tuple[float, float], size: tuple[int, int]) -> Tensor:
    """Draw how many of something are in each image.

    Args:
        streams: Source of the numbers.
        density: From how many to how many there may be on every 100 x 100 pixels.
        size: Height and width of the image.

    Returns:
        (N, most) bool, true for those that are there.
    """
    area = size[0] * size[1] / 1e4
    most = math.ceil(density[1] * area)
    number = (streams.uniform(density) * area + streams.uniform()).floor()
    return torch.arange(most, device=streams.device) < number[:, None]


def waver(streams: Streams, lines: int, wavelengths: tuple[float, float], along: Tensor) -> Tensor:
    """Draw values that wander along lines: sums of sines of random phase, of mean 0 and variance 1.

    Args:
        streams: Source of phases and wavelengths.
        lines: Lines in each image.
        wavelengths: From which to which, drawn log-evenly, in the unit of ``along``.
        along: Positions (N, lines, points).

    Returns:
        (N, lines, points).
    """
    frequency = 1 / streams.log_uniform(wavelengths, lines, _WAVES, 1)
    phase = streams.uniform((0, 1), lines, _WAVES, 1)
    waves = (2 * math.pi * (along[:, :, None] * frequency + phase)).sin()
    return waves.sum(dim=2) * math.sqrt(2 / _WAVES)


def lines_drawn(path: Tensor, width: Tensor, opacity: Tensor, size: tuple[int, int]) -> Tensor:
    """Draw lines with smooth edges; where they cross, the more opaque one is seen.

    At every point the pixels across the line, in the direction of the axis that it is steeper to, are covered as far
    as a straight line of that slope would cover them.

    Args:
        path: Columns and rows of points (N, lines, points, 2), neighbours at most a pixel apart.
        width: (N, lines) in pixels, up to :data:`WIDEST`.
        opacity: (N, lines, points), 0 where nothing is drawn.
        size: Height and width of the image.

    Returns:
        How opaque each pixel is, (N, 1, H, W), 0 to 1.
    """
    step = torch.diff(path, dim=2)
    step = torch.cat([step, step[:, :, -1:]], dim=2)
    flat = step[..., 0].abs() >= step[..., 1].abs()
    along, across = _swapped(path, flat)
    d_along, d_across = _swapped(step, flat)
    slope = d_across / torch.where(d_along == 0, 1, d_along)
    pixel = along.round()
    middle = across + slope * (pixel - along)
    beside = middle.round()[..., None] + torch.arange(-_ACROSS, _ACROSS + 1, device=path.device)
    distance = (beside - middle[..., None]).abs() / (1 + slope.square()).sqrt()[..., None]
    width = width[..., None, None]
    covered = torch.minimum((width / 2 + 0.5 - distance).clamp(0, 1), width) * opacity[..., None]
    pixel = pixel[..., None].expand_as(beside)
    flat = flat[..., None]
    return painted(torch.where(flat, beside, pixel), torch.where(flat, pixel, beside), covered, size)


def painted(row: Tensor, column: Tensor, opacity: Tensor, size: tuple[int, int]) -> Tensor:
    """Put opaque pixels into empty images, the most opaque of those that fall on the same place.

    Args:
        row: Whole numbers (N, …); what lies outside of the image is left out.
        column: Likewise.
        opacity: Likewise, 0 to 1.
        size: Height and width of the image.

    Returns:
        (N, 1, H, W).
    """
    height, width = size
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    place = (row.long() * width + column.long()).where(inside, height * width).flatten(1)
    empty = opacity.new_zeros(len(opacity), height * width + 1)
    return empty.scatter_reduce(1, place, opacity.flatten(1), "amax")[:, :-1].view(-1, 1, height, width)


def tones(streams: Streams, bright: float, channels: int) -> Tensor:
    """Draw for each image whether its damage is bright (in a share of them) or dark, and its colour (N, C, 1, 1)."""
    depth = streams.uniform((0, 0.25), 1, 1, 1)
    tone = torch.where(streams.happens(bright)[:, None, None, None], 1 - depth, depth)
    return (tone + 0.03 * streams.normal(channels, 1, 1)).clamp(0, 1)


def _swapped(points: Tensor, flat: Tensor) -> tuple[Tensor, Tensor]:
    """Return the coordinates along the axis that lines follow more closely, and those along the other."""
    column, row = points.unbind(-1)
    return torch.where(flat, column, row), torch.where(flat, row, column)
