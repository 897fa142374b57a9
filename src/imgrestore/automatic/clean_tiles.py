"""Tiles of clean pictures that the estimator learns from, and of textures that are easily taken for damage."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw
from torch import Tensor

from imgrestore.automatic.tiles import TILE, details
from imgrestore.degradations.blur import gaussian_blur
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
    draw: Callable[[NDArray[np.uint8], np.random.Generator], NDArray[np.float32]]
    draw = (tiling, tiling, pebbles, stars)[int(rng.integers(4))]
    drawn = torch.from_numpy(draw(picture, rng) / 255).float()
    return drawn.view(SIDE, TILES, SIDE, 3).permute(1, 3, 0, 2)


def tiling(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """Repeat a cell of some rectangles, (h, K w, 3) in levels: at 8 pixels it is still no JPEG."""
    height, width = (int(rng.choice([4, 8, 16])) if rng.random() < 0.4 else int(rng.integers(2, 33)) for _ in range(2))
    cell = np.empty((height, width, 3), np.float32)
    cell[:] = base = _colour(picture, rng)
    for _ in range(rng.integers(1, 4)):
        top, left = int(rng.integers(height)), int(rng.integers(width))
        colour = base + rng.uniform(0.05, 1) * (_colour(picture, rng) - base)
        whole_row, whole_column = rng.random(2) < 0.35
        rows = slice(None) if whole_column else slice(top, top + int(rng.integers(1, height + 1)))
        columns = slice(None) if whole_row else slice(left, left + int(rng.integers(1, width + 1)))
        cell[rows, columns] = colour
    return np.tile(cell, (SIDE // height + 1, TILES * SIDE // width + 1, 1))[:SIDE, : TILES * SIDE]


def pebbles(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """Let discs fall one over the other, (h, K w, 3) in levels: gravel, foliage, sand.

    The dead leaves of A. B. Lee, D. Mumford, J. Huang, "Occlusion Models for Natural Images", IJCV 41, 2001.
    """
    height, width = 2 * SIDE, 2 * SIDE * TILES
    canvas = PillowImage.fromarray(np.broadcast_to(_colour(picture, rng), (height, width, 3)).astype(np.uint8))
    drawing = ImageDraw.Draw(canvas)
    least, most = float(rng.uniform(2, 6)), float(rng.uniform(8, 40))
    count = int(1.5 * height * width / (np.pi * least * most))
    radii = (rng.uniform(most**-2, least**-2, count)) ** -0.5
    pale = rng.uniform(0.2, 1)
    base = _colour(picture, rng)
    for radius, x, y in zip(radii, rng.uniform(0, width, count), rng.uniform(0, height, count), strict=True):
        colour = base + pale * (_colour(picture, rng) - base)
        drawing.ellipse((x - radius, y - radius, x + radius, y + radius), tuple(int(level) for level in colour))
    shrunk: NDArray[np.float32] = np.asarray(canvas, np.float32).reshape(SIDE, 2, SIDE * TILES, 2, 3).mean(axis=(1, 3))
    return shrunk


def stars(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw a night sky, (h, K w, 3) in levels."""
    width = SIDE * TILES
    left, right = (_colour(picture, rng) * rng.uniform(0.02, 0.2) for _ in range(2))
    sky = np.linspace(left, right, width)
    drawn = np.broadcast_to(sky, (SIDE, width, 3)).astype(np.float32)
    y, x = (np.arange(-4, 5)[:, None], np.arange(-4, 5))
    for _ in range(int(rng.uniform(0, 150))):
        row, column = int(rng.integers(4, SIDE - 4)), int(rng.integers(4, width - 4))
        offset, spread = rng.uniform(-0.5, 0.5, 2), rng.uniform(0.6, 1.2)
        light = np.exp(-((y - offset[0]) ** 2 + (x - offset[1]) ** 2) / (2 * spread**2))
        tone = rng.uniform(0.7, 1, 3) * 250 * rng.random() ** 3
        drawn[row - 4 : row + 5, column - 4 : column + 5] += (light[..., None] * tone).astype(np.float32)
    night: NDArray[np.float32] = np.rint(drawn.clip(0, 255))
    return night


def _colour(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the colour of one of the picture's pixels (3)."""
    top, left = (int(rng.integers(length)) for length in picture.shape[:2])
    colour: NDArray[np.float32] = picture[top, left].astype(np.float32)
    return colour
