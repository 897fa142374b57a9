"""Colours that go together."""

from __future__ import annotations

import colorsys

import numpy as np

from imgrestore.drawing.canvas import Colour
from imgrestore.drawing.words import pick


def tone(rng: np.random.Generator, darkest: float, lightest: float, saturation: float = 1.0) -> Colour:
    """Return a random colour.

    Args:
        rng: Where it comes from.
        darkest: Least luma, from 0 to 1.
        lightest: Most luma.
        saturation: Most saturation; most colours have less.
    """
    hue, level = rng.random(), rng.uniform(darkest, lightest)
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation * rng.beta(1, 1.5), 1.0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    if level <= luma:
        mixed = [channel * level / luma for channel in (red, green, blue)]
    else:
        share = (level - luma) / max(1 - luma, 1e-6)
        mixed = [channel + (1 - channel) * share for channel in (red, green, blue)]
    return _levels(mixed)


def contrasting(rng: np.random.Generator) -> tuple[Colour, Colour]:
    """Return two colours, for paper and ink, that can be told apart: black and white in a third of the cases."""
    if rng.random() < 0.35:
        pair = ((255, 255, 255), (0, 0, 0))
    else:
        light = rng.uniform(0.5, 1.0)
        pair = (tone(rng, light, light), tone(rng, 0, light - pick(rng, (0.25, 0.45))))
    return pair if rng.random() < 0.7 else (pair[1], pair[0])


def blend(one: Colour, other: Colour, share: float) -> Colour:
    """Return a colour between two; a share of 0 is the first."""
    return _levels([(a + (b - a) * share) / 255 for a, b in zip(one, other, strict=True)])


def _levels(channels: list[float]) -> Colour:
    red, green, blue = (min(255, max(0, round(255 * channel))) for channel in channels)
    return red, green, blue
