"""What is measured of an image and its result, cell by cell, before a network judges whether the result is plausible.

Levels are of 255. Means over a cell come first (:func:`moments`), so that those of a neighbourhood are means of them;
:func:`described` turns either into numbers of like size: logarithms of amplitudes, correlations, ratios.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from imgrestore.image.color import luma

CELL = 32
"""Side of a cell in pixels."""

MARGIN = 4
"""Pixels around a cell that its filters see."""

_BLOCK = 8
_FAINT = 0.1
"""Added before logarithms, in levels."""

_LARGEST_JUMP = 20.0
"""Jumps beyond this many levels are edges of what is shown, not of blocks."""

_LAGS = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (0, 4), (4, 0))
_FINE_LAGS = _LAGS[:5]
_COLOUR_LAGS = ((0, 1), (1, 0), (0, 3), (3, 0))
_MEASURED = [3, 2, 1, 4, 3, 2, 12, 4, 2, 1, len(_LAGS), len(_FINE_LAGS), len(_COLOUR_LAGS), 10, 16, 16]
"""How many numbers each kind of moments has, in their order."""

_FAR = (25.0, 60.0)
"""Levels by which a pixel must have changed to count as replaced."""


def moments(before: Tensor, after: Tensor) -> Tensor:
    """Measure one row of cells.

    Args:
        before: RGB (3, CELL + 2 MARGIN, n CELL + 2 MARGIN) in [0, 1].
        after: The result, likewise.

    Returns:
        Means over the cells, (n, M).
    """
    old, new = _planes(before), _planes(after)
    gone = new - old
    smooth_old, smooth_gone = _box(old, 1), _box(gone, 1)
    smooth_new = smooth_old + smooth_gone
    fine_old, fine_gone = (_cut(a, 1) - b for a, b in ((old, smooth_old), (gone, smooth_gone)))
    fine_new = fine_old + fine_gone
    wide_old, wide_gone = _box(smooth_old, 3), _box(smooth_gone, 3)
    middle_old, middle_gone = (_cut(a, 3) - b for a, b in ((smooth_old, wide_old), (smooth_gone, wide_gone)))
    grey, inner = _inner(gone)[0], _inner(old)[0]
    size = grey.abs()
    slope = _slope(smooth_new[0])
    maps = [
        *_inner(gone).unbind(),
        inner,
        inner.square(),
        size,
        slope,
        slope.square(),
        slope * size,
        slope * grey.square(),
    ]
    maps += [each.square() for each in (grey, _inner(smooth_gone)[0], wide_gone[0])]
    maps += [_energy(each) for each in (_inner(gone), wide_gone)]
    for first, second in ((_inner(fine_old), _inner(fine_gone)), (middle_old, middle_gone)):
        for one, other in ((first, first), (second, second), (first, second)):
            maps += [one[0] * other[0], (one[1:] * other[1:]).sum(dim=0)]
    lone_old, lone_gone = _inner(fine_old)[0], _inner(fine_gone)[0]
    maps += [lone_old.abs(), lone_gone.abs(), lone_gone.square().square(), _inner(fine_new)[0].abs()]
    maps += [(size > far).float() for far in _FAR]
    maps += [((inner < 1) | (inner > 254)).float()]
    maps += [_product(gone[0], *lag) for lag in _LAGS]
    maps += [_product(fine_old[0], *lag) for lag in _FINE_LAGS]
    maps += [_product(gone[1], *lag) + _product(gone[2], *lag) for lag in _COLOUR_LAGS]
    means = torch.stack([each.mean(dim=-2) for each in maps]).view(len(maps), -1, CELL).mean(dim=2).T
    least = [_least(each) for each in (lone_old, lone_gone, _inner(fine_new)[0], fine_old[1], fine_old[2])]
    return torch.cat([means, *least, _jumps(old[0]), _jumps(new[0])], dim=1)


def described(means: Tensor) -> Tensor:
    """Bring what :func:`moments` measured, of a cell or averaged over several, to numbers of like size.

    Args:
        means: (n, M).

    Returns:
        (n, F).
    """
    parts: Sequence[Tensor] = torch.split(means, _MEASURED, dim=1)
    tint, levels, size, slopes, grey, colour, bands, amounts, far, clipped = parts[:10]
    gone, fine_old, gone_colour, least, jumps, new_jumps = parts[10:]
    bright, power = levels.unbind(1)
    slope, slope2, slope_size, slope_energy = slopes.unbind(1)
    found = [tint.sign() * tint.abs().add(1).log(), _log(tint.abs()) - _log(grey[:, :1].sqrt())]
    found += [bright[:, None] / 255, _log((power - bright.square()).clamp_min(0).sqrt())[:, None]]
    found += [_log(grey.sqrt()), _log(colour.sqrt()), _log(size), _log(slope)[:, None]]
    found += [
        (slope_size / (slope * size[:, 0] + _FAINT**2))[:, None],
        (slope_energy / (slope * grey[:, 0] + _FAINT**2))[:, None],
        (slope2 / (slope.square() + _FAINT**2))[:, None],
    ]
    for band in torch.split(bands, 6, dim=1):
        old, gone_, both = band[:, :2], band[:, 2:4], band[:, 4:]
        new = (old + gone_ + 2 * both).clamp_min(0)
        found += [_log(each.sqrt()) for each in (old, gone_, new)]
        found += [both / ((old * gone_).sqrt() + _FAINT**2), (both + gone_) / ((new * gone_).sqrt() + _FAINT**2)]
        found += [_log(new.sqrt()) - _log(old.sqrt()), _log(gone_.sqrt()) - _log(old.sqrt())]
    fine_gone2 = bands[:, 2:3]
    fine_old2, fine_new2 = bands[:, :1], (bands[:, :1] + fine_gone2 + 2 * bands[:, 4:5]).clamp_min(0)
    found += [_log(amounts[:, :2]) - _log(torch.cat([fine_old2, fine_gone2], dim=1).sqrt())]
    found += [(amounts[:, 2:3] / (fine_gone2.square() + _FAINT**4)).add(1).log()]
    found += [_log(amounts[:, 3:]) - _log(fine_new2.sqrt()), (far + 1e-3).log(), clipped]
    found += [gone / (grey[:, :1] + _FAINT**2), gone_colour / (colour[:, :1] + _FAINT**2)]
    found += [fine_old / (fine_old2 + _FAINT**2), least]
    for first, second in zip(*(torch.split(each, _BLOCK, dim=1) for each in (jumps, new_jumps)), strict=True):
        for each in (first, second, second - first):
            found.append((each - each.mean(dim=1, keepdim=True)) / (first.mean(dim=1, keepdim=True) + _FAINT))
            found.append(found[-1].amax(dim=1, keepdim=True))
    return torch.cat(found, dim=1)


def _planes(rgb: Tensor) -> Tensor:
    """Return luma, Cb and Cr in levels."""
    rgb = 255 * rgb
    grey = luma(rgb)
    return torch.cat([grey, (rgb[2:] - grey).div_(1.772), (rgb[:1] - grey).div_(1.402)])


def _box(image: Tensor, step: int) -> Tensor:
    """Return means of 3x3 pixels that are ``step`` apart, where all of them are there."""
    height, width = image.shape[-2:]
    rows = image[..., : height - 2 * step, :] + image[..., step : height - step, :]
    rows += image[..., 2 * step :, :]
    square = rows[..., : width - 2 * step] + rows[..., step : width - step]
    return square.add_(rows[..., 2 * step :]).div_(9)


def _cut(image: Tensor, margin: int) -> Tensor:
    return image[..., margin:-margin, margin:-margin]


def _inner(image: Tensor) -> Tensor:
    """Return what lies in the cells."""
    margin = (image.shape[-2] - CELL) // 2
    return _cut(image, margin) if margin else image


def _slope(smooth: Tensor) -> Tensor:
    """Return how steep a plane is in the cells, in levels a pixel."""
    image = _cut(smooth, (smooth.shape[-2] - CELL) // 2 - 1)
    across = image[1:-1, 2:] - image[1:-1, :-2]
    return (across.abs() + (image[2:, 1:-1] - image[:-2, 1:-1]).abs()) / 2


def _energy(planes: Tensor) -> Tensor:
    return planes[1:].square().sum(dim=0)


def _product(plane: Tensor, down: int, across: int) -> Tensor:
    """Return pixels in the cells times those some pixels before them."""
    margin = (plane.shape[0] - CELL) // 2
    height, width = plane.shape
    moved = plane[margin - down : height - margin - down, margin - across : width - margin - across]
    return _inner(plane) * moved


def _least(plane: Tensor) -> Tensor:
    """Return of each cell the least and the middle amplitude of its blocks, as logarithms."""
    blocks = _inner(plane).square().view(CELL // _BLOCK, _BLOCK, -1, CELL // _BLOCK, _BLOCK)
    ordered = _log(blocks.mean(dim=(1, 4)).sqrt()).permute(1, 0, 2).flatten(1).sort(dim=1).values
    return ordered[:, [1, ordered.shape[1] // 2]]


def _jumps(plane: Tensor) -> Tensor:
    """Return how large jumps are at each of the eight places of a grid, from column to column and from row to row."""
    image = _cut(plane, MARGIN - 1)[:-1, :-1]
    across = (image[1:, 1:] - image[1:, :-1]).abs().clamp_max(_LARGEST_JUMP)
    down = (image[1:, 1:] - image[:-1, 1:]).abs().clamp_max(_LARGEST_JUMP)
    cells = CELL // _BLOCK
    of_columns = across.view(CELL, -1, cells, _BLOCK).mean(dim=(0, 2))
    of_rows = down.view(cells, _BLOCK, -1, CELL).mean(dim=(0, 3)).T
    return torch.cat([of_columns, of_rows], dim=1)


def _log(values: Tensor) -> Tensor:
    return (values + _FAINT).log()
