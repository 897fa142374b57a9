"""Stripes that hold no more than pixels can, and soft random surfaces."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

Plane = NDArray[np.float32]
"""Values of all pixels, (H, W)."""

_COARSE = 1 / 14
"""Cycles per pixel below which stripes are drawn by their edges, which are far enough apart."""

_FADING = 0.25
"""Harmonics fade out over this many cycles per pixel before half a cycle, softly, so that edges do not ring."""

_FADING_FIRST = 0.08
"""Likewise for the first one, without which nothing is left of the finest stripes."""


def stripes(phase: Plane, frequency: Plane | float, duty: Plane | float = 0.5) -> Plane:
    """Draw stripes as the share that they cover of every pixel.

    Fine stripes are a Fourier series that fades out before half a cycle per pixel: nothing is left to alias, and
    stripes finer than two pixels become an even tone. Their contrast is what keeps such a series within [0, 1], as
    cutting it off there would bring aliases back. Where stripes are coarse their edges are ramps as wide as a pixel.

    Args:
        phase: Cycles, (H, W); a stripe lies around each whole number.
        frequency: Cycles per pixel there: the length of the phase's gradient.
        duty: Share of a cycle that the stripe takes.

    Returns:
        Shares in [0, 1].
    """
    frequency, duty = np.asarray(frequency, np.float32), np.asarray(duty, np.float32)
    offset = phase - np.rint(phase)
    edges = 0.5 + (duty / 2 - np.abs(offset)) / np.maximum(frequency, 1e-6)
    lowest = max(float(frequency.min()), _COARSE)
    first = np.cos(2 * np.pi * offset)
    before, now = np.ones_like(first), first
    wave, crest, trough = np.zeros_like(first), np.float32(0), np.float32(0)
    for harmonic in range(1, int(0.5 / lowest) + 1):
        fading = np.clip((0.5 - harmonic * frequency) / (_FADING if harmonic > 1 else _FADING_FIRST), 0, 1)
        amplitude = 2 / (np.pi * harmonic) * np.sin(np.pi * harmonic * duty) * fading * fading * (3 - 2 * fading)
        wave += amplitude * now
        crest, trough = crest + amplitude, trough + amplitude * (-1) ** harmonic
        before, now = now, 2 * first * now - before
    room = np.minimum((1 - duty) / np.maximum(crest, 1e-6), duty / np.maximum(-trough, 1e-6))
    series = duty + np.minimum(room, 1) * wave
    shares: Plane = np.where(frequency > _COARSE, series, edges).clip(0, 1).astype(np.float32)
    return shares


def steepness(phase: NDArray[np.floating]) -> Plane:
    """Return the length of the gradient of a smooth phase, per pixel."""
    down, across = np.gradient(phase)
    length: Plane = np.hypot(down, across).astype(np.float32)
    return length


def sine(phase: Plane) -> Plane:
    """Draw stripes without edges as the share that they cover of every pixel; they are widest at whole numbers."""
    shares: Plane = (0.5 + 0.5 * np.cos(2 * np.pi * (phase - np.rint(phase)))).astype(np.float32)
    return shares


def surface(rng: np.random.Generator, shape: tuple[int, ...], grain: float) -> Plane:
    """Return a soft random surface.

    Args:
        rng: Where it comes from.
        shape: Its height and width.
        grain: Size of its hills in pixels.

    Returns:
        Values around 0 with a spread of about 1.
    """
    height, width = shape
    rows, columns = (int(length / grain) + 3 for length in (height, width))
    coarse = PillowImage.fromarray(rng.standard_normal((rows, columns)).astype(np.float32))
    window = (0.5, 0.5, 0.5 + width / grain, 0.5 + height / grain)
    return np.asarray(coarse.resize((width, height), PillowImage.Resampling.BICUBIC, window), np.float32)
