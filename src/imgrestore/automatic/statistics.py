"""What is measured of each tile before a network judges it: amplitudes, grids, noise, points, lines and rings.

Levels are of 255; most numbers are logarithms, so that what is twice as strong is as far away everywhere.
"""

from __future__ import annotations

import itertools
import math
from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, max_pool2d, pad

from imgrestore.image.color import luma

_BLOCK = 8
_BANDS = (1, 4, 8, 15)
"""Where bands of a block's frequencies begin, by the sum of the two indices, and where the last one ends."""

_LAGS = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0))
_SCALES = 3
_RINGS = 12
_LARGEST_JUMP = 20.0
"""Jumps beyond this many levels are edges of what is shown: blocks of JPEG are not that far apart."""

_FAINT = 0.1
"""Added before logarithms, in levels: less than this is nothing in files of 8 bits."""


def statistics(tiles: Tensor) -> Tensor:
    """Measure tiles.

    Args:
        tiles: RGB (N, 3, h, w) in [0, 1], from places that are multiples of 8, of at least 48 pixels a side.

    Returns:
        (N, F).
    """
    height, width = (length // _BLOCK * _BLOCK for length in tiles.shape[-2:])
    rgb = 255 * tiles[..., :height, :width]
    grey = luma(rgb)
    planes = torch.cat([grey, (rgb[:, 2:] - grey) / 1.772, (rgb[:, :1] - grey) / 1.402], dim=1)
    found = [_amplitudes(planes), _jumps(planes), _points(rgb), _lines(grey), _rings(rgb), _levels(rgb, grey)]
    for _ in range(_SCALES):
        found.append(_noise(planes))
        planes = avg_pool2d(planes, 2)
    return torch.cat(found, dim=1)


def _amplitudes(planes: Tensor) -> Tensor:
    """Return how large the cosine amplitudes of blocks are, and how many are nothing, as quantising leaves them."""
    blocks = conv2d(planes.flatten(0, 1)[:, None], _cosines(), stride=_BLOCK).abs().flatten(2)
    blocks = blocks.view(len(planes), -1, *blocks.shape[1:])
    size, nothing = _log(blocks.mean(dim=3)), (blocks < 0.6).float().mean(dim=3)
    order = torch.arange(_BLOCK)[:, None] + torch.arange(_BLOCK)
    bands = []
    for least, end in itertools.pairwise(_BANDS):
        inside = ((order >= least) & (order < end)).flatten()
        energy = blocks[:, :, inside].square().mean(dim=2).sqrt()
        bands.append(_log(_quantiles(energy, (0.05, 0.25, 0.5, 0.9))))
    return torch.cat([size.flatten(1), nothing.flatten(1), *(band.flatten(1) for band in bands)], dim=1)


def _jumps(planes: Tensor) -> Tensor:
    """Return how much larger jumps are than those beside them at each of eight places, and the same in order."""
    found = []
    for plane in (planes[:, :1], planes[:, 1:]):
        for turned in (plane, plane.mT):
            jump = turned.diff(dim=3).abs().clamp_max(_LARGEST_JUMP)
            beyond = jump[..., 1:-1] - (jump[..., :-2] + jump[..., 2:]) / 2
            at = torch.arange(beyond.shape[-1]) % _BLOCK
            means = torch.stack([beyond[..., at == place].mean(dim=(1, 2, 3)) for place in range(_BLOCK)], dim=1)
            means = means / (jump.mean(dim=(1, 2, 3)) + _FAINT)[:, None]
            found += [means, means.sort(dim=1).values]
    return torch.cat(found, dim=1)


def _noise(planes: Tensor) -> Tensor:
    """Return of each plane, less its mean of 3x3: how strong, where it is least, how peaked, how far it is alike."""
    fine = planes - avg_pool2d(pad(planes, (1, 1, 1, 1), mode="reflect"), 3, stride=1)
    variance = fine.square().mean(dim=(2, 3))
    local = avg_pool2d(fine.square(), 6, stride=3).sqrt().flatten(2)
    found = [_log(variance.sqrt()), _log(fine.abs().mean(dim=(2, 3)))]
    found += [_log(_quantiles(local, (0.02, 0.1, 0.3, 0.5, 0.9))).flatten(1)]
    height, width = fine.shape[-2:]
    for down, across in _LAGS:
        product = fine[..., down:, across:] * fine[..., : height - down, : width - across]
        found.append(product.mean(dim=(2, 3)) / (variance + _FAINT**2))
    for first, second in ((0, 1), (0, 2), (1, 2)):
        both = (fine[:, first] * fine[:, second]).mean(dim=(1, 2))
        found.append((both / ((variance[:, first] * variance[:, second]).sqrt() + _FAINT**2))[:, None])
    return torch.cat(found, dim=1)


def _points(rgb: Tensor) -> Tensor:
    """Return the shares of pixels that stand out from all their eight neighbours, and by how much."""
    around = pad(rgb, (1, 1, 1, 1), mode="reflect")
    height, width = rgb.shape[-2:]
    beside = [
        around[..., down : down + height, across : across + width]
        for down in range(3)
        for across in range(3)
        if (down, across) != (1, 1)
    ]
    most, least = beside[0], beside[0]
    for each in beside[1:]:
        most, least = torch.maximum(most, each), torch.minimum(least, each)
    beyond = (rgb - most).clamp_min(0) + (least - rgb).clamp_min(0)
    apart = beyond > 30
    shares = [*((beyond > step).float() for step in (4, 12, 30, 80))]
    shares += [(apart & (rgb <= 2)).float(), (apart & (rgb >= 253)).float()]
    return torch.stack([(share.mean(dim=(1, 2, 3)) + 1e-4).log() for share in shares], dim=1)


def _lines(grey: Tensor) -> Tensor:
    """Return how clearly the clearest thin lines stand out, bright or dark, in four directions."""
    height, width = grey.shape[-2:]
    around = pad(grey, (3, 3, 3, 3), mode="reflect")
    found: list[Tensor] = []
    for down, across in ((0, 1), (1, 0), (1, 1), (1, -1)):
        sides = [
            around[..., 3 + step * down : 3 + step * down + height, 3 + step * across : 3 + step * across + width]
            for step in (-3, 3)
        ]
        for sign in (1, -1):
            ridge = (sign * grey - torch.maximum(sign * sides[0], sign * sides[1])).clamp(0, 60)
            for step in (1, 2, 4):
                ridge = (ridge + ridge.roll((step * across, -step * down), dims=(2, 3))) / 2
            line = max_pool2d(ridge, _BLOCK).flatten(1)
            found += _log(_quantiles(line, (0.5, 0.9, 1))).unbind(1)
    return torch.stack(found, dim=1)


def _rings(rgb: Tensor) -> Tensor:
    """Return mean and largest power of the frequencies in rings: soft edges have little, screens of dots have peaks."""
    height, width = rgb.shape[-2:]
    window = torch.hann_window(height)[:, None] * torch.hann_window(width)
    power = torch.fft.rfft2((rgb - rgb.mean(dim=(2, 3), keepdim=True)) * window).abs().square().mean(dim=1).flatten(1)
    radius = torch.hypot(torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)).flatten()
    rings = [power[:, (radius * 2 * _RINGS).long() == ring] for ring in range(_RINGS)]
    return torch.cat(
        [_log(torch.stack([r.mean(dim=1), r.amax(dim=1)], dim=1) / (height * width)) for r in rings], dim=1
    )


def _levels(rgb: Tensor, grey: Tensor) -> Tensor:
    """Return how bright, how clipped, how rich in contrast and in edges a tile is."""
    slope = (grey[..., 1:, 1:] - grey[..., :-1, 1:]).abs() + (grey[..., 1:, 1:] - grey[..., 1:, :-1]).abs()
    wide = (grey[..., 3:, 3:] - grey[..., :-3, 3:]).abs() + (grey[..., 3:, 3:] - grey[..., 3:, :-3]).abs()
    edges = [_quantiles(max_pool2d(each, _BLOCK // 2).flatten(1), (0.1, 0.5, 0.9)) for each in (slope, wide)]
    shares = [
        grey.mean(dim=(2, 3)) / 255,
        *((each.float().mean(dim=(1, 2, 3)))[:, None] for each in (rgb <= 1, rgb >= 254)),
    ]
    return torch.cat([*shares, _log(grey.std(dim=(2, 3))), *map(_log, edges), _log(edges[0]) - _log(edges[1])], dim=1)


def _log(values: Tensor) -> Tensor:
    return (values + _FAINT).log()


def _quantiles(values: Tensor, shares: tuple[float, ...]) -> Tensor:
    """Return quantiles along the last axis, which they take the place of."""
    ordered = values.sort(dim=-1).values
    return ordered[..., [round(share * (values.shape[-1] - 1)) for share in shares]]


@cache
def _cosines() -> Tensor:
    """Return the orthonormal cosine transform of blocks as filters (64, 1, 8, 8)."""
    at = torch.arange(_BLOCK)
    basis = torch.cos(math.pi * at[:, None] * (2 * at + 1) / (2 * _BLOCK)) * math.sqrt(2 / _BLOCK)
    basis[0] /= math.sqrt(2)
    return torch.einsum("ux,vy->uvxy", basis, basis).reshape(-1, 1, _BLOCK, _BLOCK)
