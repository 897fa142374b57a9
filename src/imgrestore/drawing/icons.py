"""Small pictures of programs: a dozen simple shapes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from imgrestore.drawing.canvas import Box, Canvas, Colour, Points
from imgrestore.drawing.words import pick


def draw_icon(canvas: Canvas, rng: np.random.Generator, box: Box, colour: Colour, second: Colour) -> None:
    """Draw one of the small pictures into a square."""
    pick(rng, _ICONS)(canvas, box, colour, second)


def _at(box: Box, *places: tuple[float, float]) -> Points:
    """Turn places in a square from 0 to 1 into pixels."""
    return [(box.left + x * box.width, box.top + y * box.height) for x, y in places]


def _part(box: Box, left: float, top: float, right: float, bottom: float) -> Box:
    (x, y), (end, low) = _at(box, (left, top), (right, bottom))
    return Box(round(x), round(y), max(round(end), round(x) + 1), max(round(low), round(y) + 1))


def _folder(canvas: Canvas, box: Box, colour: Colour, second: Colour) -> None:
    canvas.polygon(_at(box, (0.05, 0.2), (0.4, 0.2), (0.5, 0.32), (0.95, 0.32), (0.95, 0.85), (0.05, 0.85)), colour)
    canvas.polygon(_at(box, (0.05, 0.42), (0.95, 0.42), (0.95, 0.85), (0.05, 0.85)), second)


def _document(canvas: Canvas, box: Box, colour: Colour, second: Colour) -> None:
    canvas.polygon(_at(box, (0.2, 0.05), (0.6, 0.05), (0.82, 0.28), (0.82, 0.95), (0.2, 0.95)), colour)
    for y in (0.45, 0.6, 0.75):
        canvas.fill(_part(box, 0.3, y, 0.72, y + 0.06), second)


def _magnifier(canvas: Canvas, box: Box, colour: Colour, second: Colour) -> None:
    width = max(1.0, box.width / 9)
    canvas.ellipse(_part(box, 0.08, 0.08, 0.68, 0.68), colour, width)
    canvas.stroke(_at(box, (0.6, 0.6), (0.92, 0.92)), width * 1.3, colour)


def _plus(canvas: Canvas, box: Box, colour: Colour, second: Colour) -> None:
    canvas.ellipse(_part(box, 0.05, 0.05, 0.95, 0.95), colour)
    canvas.fill(_part(box, 0.25, 0.44, 0.75, 0.56), second)
    canvas.fill(_part(box, 0.44, 0.25, 0.56, 0.75), second)


def _disk(canvas: Canvas, box: Box, colour: Colour, second: Colour) -> None:
    canvas.rounded(_part(box, 0.08, 0.08, 0.92, 0.92), box.width * 0.1, colour)
    canvas.fill(_part(box, 0.28, 0.08, 0.72, 0.36), second)
    canvas.fill(_part(box, 0.22, 0.52, 0.78, 0.92), second)


def _arrow(canvas: Canvas, box: Box, colour: Colour, second: Colour) -> None:
    canvas.polygon(
        _at(box, (0.05, 0.5), (0.5, 0.1), (0.5, 0.35), (0.95, 0.35), (0.95, 0.65), (0.5, 0.65), (0.5, 0.9)), colour
    )


def _triangle(canvas: Canvas, box: Box, colour: Colour, second: Colour) -> None:
    canvas.polygon(_at(box, (0.2, 0.1), (0.9, 0.5), (0.2, 0.9)), colour)


def _star(canvas: Canvas, box: Box, colour: Colour, second: Colour) -> None:
    angles = np.arange(10) * np.pi / 5 - np.pi / 2
    radii = np.where(np.arange(10) % 2, 0.2, 0.48)
    places = zip((0.5 + radii * np.cos(angles)).tolist(), (0.52 + radii * np.sin(angles)).tolist(), strict=True)
    canvas.polygon(_at(box, *places), colour)


def _gear(canvas: Canvas, box: Box, colour: Colour, second: Colour) -> None:
    angles = np.repeat(np.arange(16), 2) * np.pi / 8 + np.tile((-0.12, 0.12), 16)
    radii = np.repeat(np.where(np.arange(16) % 2, 0.34, 0.48), 2)
    places = zip((0.5 + radii * np.cos(angles)).tolist(), (0.5 + radii * np.sin(angles)).tolist(), strict=True)
    canvas.polygon(_at(box, *places), colour)
    canvas.ellipse(_part(box, 0.36, 0.36, 0.64, 0.64), second)


def _person(canvas: Canvas, box: Box, colour: Colour, second: Colour) -> None:
    canvas.ellipse(_part(box, 0.3, 0.06, 0.7, 0.46), colour)
    canvas.sector(_part(box, 0.1, 0.5, 0.9, 1.4), 180, 360, colour)


def _picture(canvas: Canvas, box: Box, colour: Colour, second: Colour) -> None:
    canvas.frame(_part(box, 0.05, 0.12, 0.95, 0.88), colour, max(1, box.width // 14))
    canvas.polygon(_at(box, (0.12, 0.8), (0.4, 0.4), (0.58, 0.64), (0.7, 0.52), (0.88, 0.8)), colour)
    canvas.ellipse(_part(box, 0.62, 0.22, 0.78, 0.38), second)


def _lines(canvas: Canvas, box: Box, colour: Colour, second: Colour) -> None:
    for y in (0.2, 0.46, 0.72):
        canvas.fill(_part(box, 0.1, y, 0.9, y + 0.09), colour)


_ICONS: tuple[Callable[[Canvas, Box, Colour, Colour], None], ...] = (
    _folder,
    _document,
    _magnifier,
    _plus,
    _disk,
    _arrow,
    _triangle,
    _star,
    _gear,
    _person,
    _picture,
    _lines,
)
