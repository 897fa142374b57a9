"""Tiles of clean pictures that the estimator learns from, and of textures that are easily taken for damage."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imgrestore.automatic.tiles import TILE, details
from imgrestore.degradations.blur import gaussian_blur
from imgrestore.drawing.textures import pebbles, stars, tiling
from imgrestore.image.resampling import resize

MARGIN = 16
"""Pixels around a tile that are damaged with it and cut off, so that its border is damaged as its middle is."""

SIDE = TILE + 2 * MARGIN
TILES = 8
"""Of each picture."""

_CANDIDATES = 16
_SHRUNK, _LEAST, _MOST = 0.6, 1.3, 4.5
"""Share of the pictures that are made smaller, as far as their size allows, and how many times: at full size few photos
are sharp, and small photos are."""

_TEXTURED, _SOFT, _DARK, _SHARPENED = 0.12, 0.15, 0.12, 0.1
"""Shares of the pictures that are a texture here and there, out of focus here and there on purpose, as dark as nights,
and sharpened a little as cameras do."""


def clean_tiles(picture: NDArray[np.uint8], rng: np.random.Generator) -> Tensor:
    """Cut tiles with their margins out of a clean picture (H, W, 3): half anywhere, the busiest and the flattest.

    Returns:
        (K, 3, h, w) in [0, 1].
    """
    times = min(float(np.exp(rng.uniform(math.log(_LEAST), math.log(_MOST)))), min(picture.shape[:2]) / SIDE)
    window = int(SIDE * times) if rng.random() < _SHRUNK else SIDE
    places = [(int(rng.integers(n - window + 1)) for n in picture.shape[:2]) for _ in range(_CANDIDATES)]
    cut = [picture[top : top + window, left : left + window] for top, left in places]
    seen = [float(details(tile[..., 1].astype(np.float32), window)[0]) for tile in cut[TILES // 2 :]]
    busy = np.argsort(seen) + TILES // 2
    chosen = [*range(TILES // 2), *busy[: TILES // 4], *busy[-(TILES // 4) :]]
    tiles = torch.from_numpy(np.stack([cut[number] for number in chosen])).permute(0, 3, 1, 2).float() / 255
    if window > SIDE:
        tiles = resize(tiles, (SIDE, SIDE), str(rng.choice(["bilinear", "bicubic", "lanczos"]))).clamp(0, 1)
    if rng.random() < _TEXTURED:
        covered = torch.from_numpy(rng.random(TILES) < rng.uniform(0.2, 1.2))
        tiles[covered] = _texture(picture, rng)[covered]
    if rng.random() < _SOFT:
        sigma = torch.from_numpy(rng.uniform(1, 5, TILES) * (rng.random(TILES) < 0.6)).float().clamp_min(0.05)
        sigma[-1] = 0.05
        tiles = gaussian_blur(tiles, sigma, 5)
    if rng.random() < _SHARPENED:
        soft = gaussian_blur(tiles, torch.full((TILES,), float(rng.uniform(0.6, 1.5))), 1.5)
        tiles = (tiles + float(rng.uniform(0.2, 0.6)) * (tiles - soft)).clamp(0, 1)
    if rng.random() < _DARK:
        tiles = tiles.clamp(0, 1) ** float(rng.uniform(1.2, 2.5)) * float(rng.uniform(0.4, 1))
    return tiles


def _texture(picture: NDArray[np.uint8], rng: np.random.Generator) -> Tensor:
    """Return tiles (K, 3, h, w) in [0, 1] of one texture, in colours of the picture."""
    draw = (tiling, tiling, pebbles, stars)[int(rng.integers(4))]
    drawn = torch.from_numpy(draw(rng, picture, SIDE, TILES * SIDE) / 255).float()
    return drawn.view(SIDE, TILES, SIDE, 3).permute(1, 3, 0, 2)
