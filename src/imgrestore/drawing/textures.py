"""Textures in the colours of a picture (H, W, 3): tilings, pebbles, stars, which are easily taken for damage."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw


def tiling(rng: np.random.Generator, colours: NDArray[np.uint8], height: int, width: int) -> NDArray[np.float32]:
    """Repeat a cell of some rectangles, (H, W, 3) in levels: at 8 pixels it is still no JPEG."""
    down, across = (int(rng.choice([4, 8, 16])) if rng.random() < 0.4 else int(rng.integers(2, 33)) for _ in range(2))
    cell = np.empty((down, across, 3), np.float32)
    cell[:] = base = _colour(rng, colours)
    for _ in range(rng.integers(1, 4)):
        top, left = int(rng.integers(down)), int(rng.integers(across))
        colour = base + rng.uniform(0.05, 1) * (_colour(rng, colours) - base)
        whole_row, whole_column = rng.random(2) < 0.35
        rows = slice(None) if whole_column else slice(top, top + int(rng.integers(1, down + 1)))
        columns = slice(None) if whole_row else slice(left, left + int(rng.integers(1, across + 1)))
        cell[rows, columns] = colour
    return np.tile(cell, (height // down + 1, width // across + 1, 1))[:height, :width]


def pebbles(rng: np.random.Generator, colours: NDArray[np.uint8], height: int, width: int) -> NDArray[np.float32]:
    """Let discs fall one over the other, (H, W, 3) in levels: gravel, foliage, sand.

    The dead leaves of A. B. Lee, D. Mumford, J. Huang, "Occlusion Models for Natural Images", IJCV 41, 2001.
    """
    canvas = PillowImage.fromarray(np.broadcast_to(_colour(rng, colours), (2 * height, 2 * width, 3)).astype(np.uint8))
    drawing = ImageDraw.Draw(canvas)
    least, most = float(rng.uniform(2, 6)), float(rng.uniform(8, 40))
    count = int(6 * height * width / (np.pi * least * most))
    radii = (rng.uniform(most**-2, least**-2, count)) ** -0.5
    pale = rng.uniform(0.2, 1)
    base = _colour(rng, colours)
    for radius, x, y in zip(radii, rng.uniform(0, 2 * width, count), rng.uniform(0, 2 * height, count), strict=True):
        colour = base + pale * (_colour(rng, colours) - base)
        drawing.ellipse((x - radius, y - radius, x + radius, y + radius), tuple(int(level) for level in colour))
    shrunk: NDArray[np.float32] = np.asarray(canvas, np.float32).reshape(height, 2, width, 2, 3).mean(axis=(1, 3))
    return shrunk


def stars(rng: np.random.Generator, colours: NDArray[np.uint8], height: int, width: int) -> NDArray[np.float32]:
    """Draw a night sky, (H, W, 3) in levels."""
    left, right = (_colour(rng, colours) * rng.uniform(0.02, 0.2) for _ in range(2))
    sky = np.linspace(left, right, width)
    drawn = np.broadcast_to(sky, (height, width, 3)).astype(np.float32)
    y, x = (np.arange(-4, 5)[:, None], np.arange(-4, 5))
    for _ in range(int(rng.uniform(0, 150))):
        row, column = int(rng.integers(4, height - 4)), int(rng.integers(4, width - 4))
        offset, spread = rng.uniform(-0.5, 0.5, 2), rng.uniform(0.6, 1.2)
        light = np.exp(-((y - offset[0]) ** 2 + (x - offset[1]) ** 2) / (2 * spread**2))
        tone = rng.uniform(0.7, 1, 3) * 250 * rng.random() ** 3
        drawn[row - 4 : row + 5, column - 4 : column + 5] += (light[..., None] * tone).astype(np.float32)
    night: NDArray[np.float32] = np.rint(drawn.clip(0, 255))
    return night


def _colour(rng: np.random.Generator, colours: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return one of the colours (3)."""
    row, column = (int(rng.integers(length)) for length in colours.shape[:2])
    colour: NDArray[np.float32] = colours[row, column].astype(np.float32)
    return colour
