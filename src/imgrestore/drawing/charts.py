"""Charts and tables, as they stand on pages and on screens."""

from __future__ import annotations

import bisect

import numpy as np

from imgrestore.drawing.canvas import Box, Canvas, Colour
from imgrestore.drawing.colours import blend, tone
from imgrestore.drawing.fonts import Font
from imgrestore.drawing.words import Vocabulary, number, pick

_PARTED_ANYWHERE = "\u3000"
"""The first of the characters between which a line may end."""


def fitted(text: str, font: Font, width: float) -> str:
    """Return as many whole words of a text as fit into a width; nothing, if not even the first one does.

    Kana and Han characters may be parted anywhere.
    """
    space = "" if text[:1] >= _PARTED_ANYWHERE else " "
    pieces = text.split(" ") if space else list(text)

    def too_wide(count: int) -> bool:
        return font.getlength(space.join(pieces[:count])) > width

    count = bisect.bisect_left(range(1, len(pieces) + 1), True, key=too_wide)
    return space.join(pieces[:count])


def draw_chart(
    canvas: Canvas, rng: np.random.Generator, box: Box, words: Vocabulary, font: Font, paper: Colour, ink: Colour
) -> None:
    """Draw a chart of lines, bars, dots or sectors with axes and labels."""
    size = round(font.size)
    title = fitted(words.title(rng, 4), font, box.width)
    canvas.text(box.left + (box.width - font.getlength(title)) / 2, box.top + size, title, font, ink)
    plot = Box(box.left + 4 * size, box.top + round(1.8 * size), box.right - size // 2, box.bottom - 2 * size)
    if plot.width < 4 * size or plot.height < 3 * size:
        return
    if rng.random() < 0.2:
        _sectors(canvas, rng, plot, words, font, ink)
    else:
        _axes(canvas, rng, plot, words, font, paper, ink)


def _axes(
    canvas: Canvas, rng: np.random.Generator, plot: Box, words: Vocabulary, font: Font, paper: Colour, ink: Colour
) -> None:
    size = round(font.size)
    colours = [ink if rng.random() < 0.2 else tone(rng, 0.25, 0.75) for _ in range(4)]
    faint = blend(paper, ink, 0.2)
    ticks = max(2, plot.height // (4 * size))
    unit = pick(rng, (1, 2, 5, 10, 0.5, 25, 100))
    gridded = rng.random() < 0.7
    for tick in range(ticks + 1):
        y = plot.bottom - 1 - round(tick * (plot.height - 1) / ticks)
        if gridded:
            canvas.fill(Box(plot.left, y, plot.right, y + 1), faint)
        canvas.fill(Box(plot.left - 3, y, plot.left, y + 1), ink)
        label = f"{tick * unit:g}"
        canvas.text(plot.left - 5 - font.getlength(label), y + size * 0.35, label, font, ink)
    count = int(rng.integers(4, 13))
    places = plot.left + (np.arange(count) + 0.5) * plot.width / count
    for place in places:
        label = fitted(pick(rng, (number(rng), words.words(rng, 1)[0])), font, 0.9 * plot.width / count)
        canvas.text(place - font.getlength(label) / 2, plot.bottom + 1.4 * size, label, font, ink)
    if rng.random() < 0.4:
        _bars(canvas, rng, plot, count, colours)
    else:
        _lines(canvas, rng, plot, colours)
    canvas.fill(Box(plot.left, plot.top, plot.left + 1, plot.bottom), ink)
    canvas.fill(Box(plot.left, plot.bottom - 1, plot.right, plot.bottom), ink)


def _bars(canvas: Canvas, rng: np.random.Generator, plot: Box, count: int, colours: list[Colour]) -> None:
    groups = int(rng.integers(1, 4))
    pitch = plot.width / count
    width = max(1, int(pitch * rng.uniform(0.5, 0.9) / groups))
    for i in range(count):
        for group in range(groups):
            left = plot.left + round(i * pitch + (pitch - groups * width) / 2) + group * width
            top = plot.bottom - round(rng.uniform(0.05, 0.95) * plot.height)
            canvas.fill(Box(left, top, left + width, plot.bottom), colours[group])


def _lines(canvas: Canvas, rng: np.random.Generator, plot: Box, colours: list[Colour]) -> None:
    dots = rng.random() < 0.5
    for colour in colours[: int(rng.integers(1, 5))]:
        count = int(rng.integers(5, 60))
        walk = np.cumsum(rng.normal(0, 1, count))
        height = (walk - walk.min()) / max(float(np.ptp(walk)), 1e-6) * rng.uniform(0.3, 0.9) + rng.uniform(0, 0.08)
        points = [
            (plot.left + i * (plot.width - 1) / (count - 1), plot.bottom - 1 - h * plot.height)
            for i, h in enumerate(height.tolist())
        ]
        canvas.stroke(points, pick(rng, (1.0, 1.5, 2.0, 3.0)), colour)
        if dots and count < 25:
            for x, y in points:
                canvas.ellipse(Box(round(x) - 3, round(y) - 3, round(x) + 4, round(y) + 4), colour)


def _sectors(canvas: Canvas, rng: np.random.Generator, plot: Box, words: Vocabulary, font: Font, ink: Colour) -> None:
    side = min(plot.height, plot.width // 2, 20 * round(font.size))
    disc = Box(plot.left, plot.top, plot.left + side, plot.top + side)
    shares = rng.dirichlet(np.full(int(rng.integers(3, 8)), 2.0))
    ends = np.cumsum(shares) * 360
    size = round(font.size)
    for i, (share, end) in enumerate(zip(shares.tolist(), ends.tolist(), strict=True)):
        colour = tone(rng, 0.25, 0.8)
        canvas.sector(disc, end - share * 360, end, colour)
        y = plot.top + round(1.5 * i * size)
        if y + size < plot.bottom:
            canvas.fill(Box(disc.right + size, y, disc.right + 2 * size, y + size), colour)
            label = fitted(f"{words.words(rng, 1)[0]} {100 * share:.1f}%", font, plot.right - disc.right - 3 * size)
            canvas.text(disc.right + 2.5 * size, y + 0.85 * size, label, font, ink)


def draw_table(
    canvas: Canvas, rng: np.random.Generator, box: Box, words: Vocabulary, font: Font, paper: Colour, ink: Colour
) -> None:
    """Draw a table of words and numbers with one-pixel lines around its cells, between its rows, or none."""
    size = round(font.size)
    row = round(size * rng.uniform(1.4, 2.0))
    rows = box.height // row
    columns = max(1, min(8, int(box.width / (size * rng.uniform(5, 10)))))
    edges = [box.left + round(i * (box.width - 1) / columns) for i in range(columns + 1)]
    lines = pick(rng, ("grid", "rows", "head", "stripes"))
    faint, line = blend(paper, ink, 0.08), blend(paper, ink, pick(rng, (0.25, 0.5, 1.0)))
    numeric = rng.random(columns) < 0.55
    bottom = box.top + rows * row
    for r in range(rows):
        top = box.top + r * row
        if lines == "stripes" and r % 2:
            canvas.fill(Box(box.left, top, box.right, top + row), faint)
        if r == 0 and lines in ("grid", "stripes"):
            canvas.fill(Box(box.left, top, box.right, top + row), blend(paper, ink, 0.16))
        for c in range(columns):
            free = edges[c + 1] - edges[c] - size
            text = number(rng) if numeric[c] and r else words.title(rng, 2)
            text = fitted(text, font, free)
            indent = free - font.getlength(text) if numeric[c] else 0
            canvas.text(edges[c] + size / 2 + indent, top + 0.68 * row, text, font, ink)
    levels = {"grid": range(rows + 1), "rows": range(rows + 1), "head": (0, 1, rows), "stripes": ()}[lines]
    for r in levels:
        y = min(box.top + r * row, box.bottom - 1)
        canvas.fill(Box(box.left, y, box.right, y + 1), line)
    for x in edges if lines == "grid" else ():
        canvas.fill(Box(x, box.top, x + 1, bottom), line)
