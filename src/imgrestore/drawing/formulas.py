"""Formulas: letters with indices, fractions, roots, sums."""

from __future__ import annotations

import numpy as np

from imgrestore.drawing.canvas import Canvas, Colour
from imgrestore.drawing.fonts import Family
from imgrestore.drawing.words import pick

_LETTERS = "abcdfghknpqrtuvwxyzABCDEFGHKLMNPQRSTXαβγδεζηθλμνξπρστφχψωΓΔΘΛΣΦΨΩ"
_SIGNS = "=+−×·≤≥≈≠<>→∈"
_LARGE = "∑∫∏∂∇"
_SMALLEST = 7


def draw_formula(
    canvas: Canvas,
    rng: np.random.Generator,
    x: float,
    y: float,
    width: float,
    family: Family,
    size: float,
    ink: Colour,
    depth: int = 0,
) -> float:
    """Draw terms with signs between them until a width is used up.

    Args:
        canvas: Drawn on.
        rng: Decides all.
        x: Where it begins.
        y: The line it stands on.
        width: At most this long, in pixels.
        family: Fonts.
        size: Height of an em in pixels.
        ink: Colour.
        depth: How many fractions and roots it stands inside of.

    Returns:
        How long it is.
    """
    plain, end = family.font(size), x + width
    start = x
    while end - x > 5 * size:
        if x > start:
            sign = pick(rng, _SIGNS)
            x += 0.25 * size
            x += canvas.text(x, y, sign, plain, ink) + 0.25 * size
        x = _term(canvas, rng, x, y, end, family, size, ink, depth)
        if depth and rng.random() < 0.5:
            break
    return x - start


def _term(
    canvas: Canvas,
    rng: np.random.Generator,
    x: float,
    y: float,
    end: float,
    family: Family,
    size: float,
    ink: Colour,
    depth: int,
) -> float:
    """Draw a term and return where it ends."""
    form, inner = rng.random(), (end - x) * 0.45
    if form < 0.2 and depth == 0 and inner > 6 * size:  # a fraction
        above = draw_formula(canvas, rng, x + 2, y - 0.75 * size, inner, family, size * 0.9, ink, 1)
        below = draw_formula(canvas, rng, x + 2, y + 0.65 * size, inner, family, size * 0.9, ink, 1)
        line = y - 0.3 * size
        canvas.stroke([(x, line), (x + max(above, below) + 4, line)], max(1.0, size / 16), ink)
        return x + max(above, below) + 5
    if form < 0.3 and depth == 0 and inner > 6 * size:  # a root
        inside = draw_formula(canvas, rng, x + 0.9 * size, y, inner, family, size, ink, 1)
        top, right = y - 1.15 * size, x + inside + 1.1 * size
        corners = [(x, y - 0.4 * size), (x + 0.2 * size, y - 0.5 * size), (x + 0.45 * size, y + 0.2 * size)]
        canvas.stroke([*corners, (x + 0.8 * size, top), (right, top)], max(1.0, size / 16), ink)
        return right
    if form < 0.42 and depth == 0:
        large = family.font(size * 1.6)
        x += canvas.text(x, y + 0.2 * size, pick(rng, _LARGE), large, ink) + 0.1 * size
    x += canvas.text(x, y, pick(rng, _LETTERS), family.font(size, italic=rng.random() < 0.7), ink)
    if rng.random() < 0.6:
        small = family.font(max(_SMALLEST, size * 0.65))
        lengths = [
            canvas.text(x, y + shift * size, pick(rng, _LETTERS + "0123456789"), small, ink)
            for shift in pick(rng, ((-0.4,), (0.22,), (-0.4, 0.22)))
        ]
        x += max(lengths)
    return x
