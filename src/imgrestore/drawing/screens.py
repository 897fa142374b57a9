"""Screens: windows with bars, buttons, fields, lists, tables, code and charts, in light and in dark colours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgrestore.drawing.canvas import Box, Canvas, Colour
from imgrestore.drawing.charts import draw_chart, draw_table, fitted
from imgrestore.drawing.colours import blend, tone
from imgrestore.drawing.fonts import Font, find_fonts
from imgrestore.drawing.icons import draw_icon
from imgrestore.drawing.patterns import split
from imgrestore.drawing.waves import surface
from imgrestore.drawing.words import SCRIPTS, Vocabulary, code_lines, pick


@dataclass(frozen=True)
class Theme:
    """How the windows of a screen look.

    Attributes:
        canvas: The screen.
        words: What is written in them.
        font: Of most of it.
        smooth: Whether letters have smooth edges.
        back: Colour behind texts.
        bar: Colour of bars.
        ink: Colour of texts.
        line: Colour of the lines between parts.
        accent: Colour of what is chosen.
        radius: Of the corners of buttons, in pixels.
    """

    canvas: Canvas
    words: Vocabulary
    font: Font
    smooth: bool
    back: Colour
    bar: Colour
    ink: Colour
    line: Colour
    accent: Colour
    radius: int

    @property
    def size(self) -> int:
        """Height of an em in pixels."""
        return round(self.font.size)

    def text(self, x: float, box: Box, text: str, colour: Colour | None = None) -> float:
        """Write in the middle of a box's height, as many words as fit into it, and return where they end."""
        shown = fitted(text, self.font, box.right - x - 2)
        middle = box.top + box.height / 2 + 0.36 * self.font.size
        return x + self.canvas.text(round(x), middle, shown, self.font, colour or self.ink, self.smooth)


def draw_screen(rng: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    """Draw one to four windows on a desktop, uint8 RGB (H, W, 3)."""
    canvas = Canvas(_desktop(rng, height, width), linear=False)
    for place in split(rng, canvas.box, int(rng.integers(1, 5)), 260):
        margin = int(rng.integers(0, 24)) * int(rng.integers(2))
        _window(rng, _theme(rng, canvas), place.inside(margin))
    for _ in range(rng.integers(3)):
        _pointer(canvas, float(rng.uniform(0, width)), float(rng.uniform(0, height)))
    return canvas.pixels


def _desktop(rng: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    one, other = (np.array(tone(rng, 0.1, 0.8), np.float32) for _ in range(2))
    share = np.clip(0.5 + 0.3 * surface(rng, (height, width), 400), 0, 1)[..., None]
    mixed: NDArray[np.uint8] = np.rint(one + (other - one) * share).astype(np.uint8)
    return mixed


def _theme(rng: np.random.Generator, canvas: Canvas) -> Theme:
    fonts = find_fonts()
    script = SCRIPTS[int(rng.choice(3, p=(0.6, 0.2, 0.2)))] if rng.random() < 0.7 else pick(rng, fonts.scripts)
    font = fonts.choose(rng, "sans", script=script).font(int(rng.integers(9, 18)), bold=rng.random() < 0.1)
    if rng.random() < 0.55:
        back, ink = (pick(rng, ((255, 255, 255), tone(rng, 0.9, 1, 0.1)))), tone(rng, 0, 0.25, 0.3)
    else:
        back, ink = tone(rng, 0.05, 0.2, 0.3), tone(rng, 0.75, 1, 0.2)
    bar, line = blend(back, ink, rng.uniform(0.04, 0.14)), blend(back, ink, rng.uniform(0.2, 0.5))
    words = Vocabulary.of(rng, script, 120)
    smooth, radius = rng.random() < 0.85, pick(rng, (0, 0, 2, 4, 8))
    return Theme(canvas, words, font, smooth, back, bar, ink, line, tone(rng, 0.25, 0.6), radius)


def _window(rng: np.random.Generator, theme: Theme, box: Box) -> None:
    """A window: title, menu, tools, and what is in it, with a list at its side now and then."""
    canvas, row = theme.canvas, round(theme.size * 1.9)
    canvas.fill(box, theme.back)
    canvas.frame(box, theme.line)
    inner = box.inside(1)
    top = inner.top
    for draw in (_title, _menu, _tools):
        if draw is _title or rng.random() < 0.6:
            bar = Box(inner.left, top, inner.right, top + row)
            canvas.fill(bar, theme.bar)
            draw(rng, theme, bar)
            canvas.fill(Box(bar.left, bar.bottom, bar.right, bar.bottom + 1), theme.line)
            top = bar.bottom + 1
    bottom = inner.bottom
    if rng.random() < 0.6:
        bottom -= row
        canvas.fill(Box(inner.left, bottom, inner.right, inner.bottom), theme.bar)
        canvas.fill(Box(inner.left, bottom, inner.right, bottom + 1), theme.line)
        theme.text(
            inner.left + theme.size, Box(inner.left, bottom, inner.right, inner.bottom), theme.words.title(rng, 6)
        )
    left = inner.left
    if rng.random() < 0.5 and inner.width > 22 * theme.size:
        left += 10 * theme.size
        _tree(rng, theme, Box(inner.left, top, left, bottom))
        canvas.fill(Box(left, top, left + 1, bottom), theme.line)
    main = Box(left + 1, top, inner.right, bottom)
    for part in split(rng, main, int(rng.integers(1, 4)), 16 * theme.size):
        if part.top > main.top:
            canvas.fill(Box(part.left, part.top, part.right, part.top + 1), theme.line)
        if part.left > main.left:
            canvas.fill(Box(part.left, part.top, part.left + 1, part.bottom), theme.line)
        pick(rng, CONTENTS)(rng, theme, part.inside(round(theme.size * 0.7)))


def _title(rng: np.random.Generator, theme: Theme, bar: Box) -> None:
    if rng.random() < 0.5:
        theme.canvas.fill(bar, theme.accent)
        ink = (255, 255, 255)
    else:
        ink = theme.ink
    side = round(theme.size * 0.8)
    top, right = bar.top + (bar.height - side) // 2, bar.right - theme.size // 2
    form = rng.integers(3)
    for i in range(3):
        place = Box(right - side, top, right, top + side)
        if form == 0:
            theme.canvas.ellipse(place, tone(rng, 0.3, 0.8))
        elif form == 1:
            theme.canvas.frame(place, ink)
        elif i == 0:
            theme.canvas.stroke([(right - side, top), (right, top + side)], 1.2, ink)
            theme.canvas.stroke([(right - side, top + side), (right, top)], 1.2, ink)
        else:
            theme.canvas.fill(Box(right - side, top + (side - 1 if i == 2 else 0), right, top + side), ink)
        right -= round(1.5 * side)
    theme.text(bar.left + theme.size, bar._replace(right=right), theme.words.title(rng, 5), ink)


def _menu(rng: np.random.Generator, theme: Theme, bar: Box) -> None:
    x = float(bar.left + theme.size)
    chosen = int(rng.integers(12))
    for i in range(9):
        word = theme.words.title(rng, 1)
        end = x + theme.font.getlength(word)
        if end + theme.size > bar.right:
            break
        if i == chosen:
            theme.canvas.fill(Box(round(x) - 6, bar.top, round(end) + 6, bar.bottom), theme.accent)
        x = theme.text(x, bar, word, (255, 255, 255) if i == chosen else None) + 1.3 * theme.size


def _tools(rng: np.random.Generator, theme: Theme, bar: Box) -> None:
    side = bar.height - 6
    for x in range(bar.left + 6, bar.right - side - 6, side + 7):
        chance = rng.random()
        if chance < 0.12:
            theme.canvas.fill(Box(x + side // 2, bar.top + 3, x + side // 2 + 1, bar.bottom - 3), theme.line)
        elif chance < 0.8:
            place = Box(x, bar.top + 3, x + side, bar.bottom - 3)
            colour = theme.ink if rng.random() < 0.5 else tone(rng, 0.3, 0.7)
            draw_icon(theme.canvas, rng, place, colour, blend(theme.bar, colour, 0.25))


def _tree(rng: np.random.Generator, theme: Theme, box: Box) -> None:
    """A list with small pictures, its entries indented."""
    row = round(theme.size * 1.7)
    theme.canvas.fill(box, theme.bar)
    chosen, depth = int(rng.integers(box.height // row + 1)), 0
    for i, top in enumerate(range(box.top + 3, box.bottom - row, row)):
        line = Box(box.left, top, box.right, top + row)
        if i == chosen:
            theme.canvas.fill(line, theme.accent)
        depth = max(0, min(3, depth + int(rng.integers(-1, 2))))
        x = box.left + 6 + depth * theme.size
        icon = Box(x, top + 2, x + row - 4, top + row - 2)
        draw_icon(theme.canvas, rng, icon, tone(rng, 0.4, 0.8) if rng.random() < 0.6 else theme.ink, theme.line)
        theme.text(icon.right + 5, line, theme.words.title(rng, 2), (255, 255, 255) if i == chosen else None)


def _form(rng: np.random.Generator, theme: Theme, box: Box) -> None:
    """Labels with fields, boxes to tick, dots to choose, sliders, bars of progress; buttons at the end."""
    canvas, size = theme.canvas, theme.size
    row = round(2.3 * size)
    middle = box.left + round(box.width * rng.uniform(0.3, 0.45))
    for top in range(box.top, box.bottom - 2 * row, row):
        line = Box(box.left, top, middle, top + row)
        theme.text(line.left, line, theme.words.title(rng, 3))
        field = Box(middle + 4, top + row // 8, box.right, top + row - row // 8)
        mark = Box(middle + 4, top + (row - size) // 2, middle + 4 + size, top + (row + size) // 2)
        form = rng.integers(6)
        if form in (0, 1):
            canvas.fill(field, blend(theme.back, (128, 128, 128), 0.06))
            canvas.frame(field, theme.accent if rng.random() < 0.2 else theme.line)
            theme.text(field.left + size // 2, field._replace(right=field.right - size), theme.words.title(rng, 3))
            if form == 1:
                x, y = field.right - size, top + row / 2 - size / 6
                canvas.polygon([(x - size / 3, y), (x + size / 3, y), (x, y + size / 3)], theme.ink)
        elif form == 2:
            canvas.frame(mark, theme.line)
            if rng.random() < 0.6:
                (x, y), side = mark[:2], mark.width
                ticked = [
                    (x + 0.2 * side, y + 0.5 * side),
                    (x + 0.42 * side, y + 0.75 * side),
                    (x + 0.8 * side, y + 0.2 * side),
                ]
                canvas.stroke(ticked, max(1.3, size / 8), theme.accent)
            theme.text(mark.right + 6, line._replace(right=box.right), theme.words.title(rng, 2))
        elif form == 3:
            canvas.ellipse(mark, theme.line, 1)
            if rng.random() < 0.5:
                canvas.ellipse(mark.inside(size // 4), theme.accent)
            theme.text(mark.right + 6, line._replace(right=box.right), theme.words.title(rng, 2))
        else:
            y, end = top + row // 2, field.left + round(rng.uniform(0.1, 0.9) * field.width)
            thick = 1 if form == 4 else size // 3
            canvas.fill(Box(field.left, y - thick, field.right, y + thick), theme.line)
            canvas.fill(Box(field.left, y - thick, end, y + thick), theme.accent)
            if form == 4:
                canvas.ellipse(Box(end - size // 2, y - size // 2, end + size // 2, y + size // 2), theme.ink)
    _buttons(rng, theme, Box(box.left, box.bottom - row, box.right, box.bottom))


def _buttons(rng: np.random.Generator, theme: Theme, box: Box) -> None:
    right = box.right
    for i in range(rng.integers(1, 4)):
        word = theme.words.title(rng, 1)
        left = right - round(theme.font.getlength(word) + 2 * theme.size)
        if left < box.left:
            break
        place = Box(left, box.top + 2, right, box.bottom - 2)
        theme.canvas.rounded(place, theme.radius, theme.line)
        theme.canvas.rounded(place.inside(1), max(theme.radius - 1, 0), theme.accent if i == 0 else theme.bar)
        theme.text(left + theme.size, place, word, (255, 255, 255) if i == 0 else None)
        right = left - theme.size


def _table(rng: np.random.Generator, theme: Theme, box: Box) -> None:
    draw_table(theme.canvas, rng, box, theme.words, theme.font, theme.back, theme.ink)


def _chart(rng: np.random.Generator, theme: Theme, box: Box) -> None:
    draw_chart(theme.canvas, rng, box, theme.words, theme.font, theme.back, theme.ink)


def _editor(rng: np.random.Generator, theme: Theme, box: Box) -> None:
    """Lines of a program with their numbers, in colours."""
    font = find_fonts().choose(rng, "mono").font(theme.size)
    words = Vocabulary.of(rng, SCRIPTS[0], 60)
    dark = sum(theme.back) < 380
    kinds = ("keyword", "text", "remark")
    colours = {kind: tone(rng, *((0.55, 0.8) if dark else (0.2, 0.45))) for kind in kinds} | {"plain": theme.ink}
    spacing, wide = round(theme.size * 1.35), font.getlength("0")
    faint, left = blend(theme.back, theme.ink, 0.45), box.left + round(4 * wide)
    room = int((box.right - left) / wide)
    for i, line in enumerate(code_lines(rng, words, box.height // spacing)):
        y = box.top + i * spacing + theme.size
        label = str(i + 1)
        theme.canvas.text(left - (len(label) + 1) * wide, y, label, font, faint, theme.smooth)
        column = 0
        for kind, text in line:
            shown = text[: max(0, room - column)]
            theme.canvas.text(left + column * wide, y, shown, font, colours[kind], theme.smooth)
            column += len(shown)


def _tiles(rng: np.random.Generator, theme: Theme, box: Box) -> None:
    """Small pictures in rows, with names below."""
    side = pick(rng, (24, 32, 48, 64))
    pitch = max(round(side * 1.5), 6 * theme.size)
    step = side + round(2.4 * theme.size)
    for top in range(box.top, box.bottom - step, step):
        for left in range(box.left, box.right - pitch, pitch):
            x = left + (pitch - side) // 2
            draw_icon(theme.canvas, rng, Box(x, top, x + side, top + side), tone(rng, 0.35, 0.8), tone(rng, 0.5, 1))
            name = fitted(theme.words.title(rng, 2), theme.font, pitch - 6)
            line = Box(left, top + side, left + pitch, top + side + round(1.6 * theme.size))
            theme.text(left + (pitch - theme.font.getlength(name)) / 2, line, name)


def _text(rng: np.random.Generator, theme: Theme, box: Box) -> None:
    """Lines of text with links, as in a browser or a letter."""
    y = box.top
    row = round(theme.size * 1.6)
    while y + row <= box.bottom:
        line = Box(box.left, y, box.right, y + row)
        linked = rng.random() < 0.1
        text = theme.words.script.space.join(theme.words.words(rng, 40))
        if not rng.integers(6):
            y += row // 2
            continue
        end = theme.text(
            box.left,
            line._replace(right=line.right - round(rng.uniform(0, 0.3) * box.width)),
            text,
            theme.accent if linked else None,
        )
        if linked:
            under = y + row // 2 + round(0.36 * theme.size) + 2
            theme.canvas.fill(Box(box.left, under, round(end), under + 1), theme.accent)
        y += row


def _pointer(canvas: Canvas, x: float, y: float) -> None:
    shape = [(0, 0), (0, 17), (4, 13), (7, 20), (10, 19), (7, 12), (12, 12)]
    canvas.polygon([(x + 1.6 * dx - 1, y + 1.2 * dy - 2) for dx, dy in shape], (255, 255, 255))
    canvas.polygon([(x + dx, y + dy) for dx, dy in shape], (0, 0, 0))


CONTENTS: tuple[Callable[[np.random.Generator, Theme, Box], None], ...] = (
    _form,
    _table,
    _chart,
    _editor,
    _tiles,
    _text,
)
"""What is in a window."""
