"""Written pages: columns of text in many scripts, sizes, inks and papers; tables, code, formulas, charts, notes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from imgrestore.drawing.canvas import Box, Canvas, Colour, to_levels, to_light
from imgrestore.drawing.charts import draw_chart, draw_table, fitted
from imgrestore.drawing.colours import blend, tone
from imgrestore.drawing.fonts import Family, Font, find_fonts
from imgrestore.drawing.formulas import draw_formula
from imgrestore.drawing.patterns import split
from imgrestore.drawing.waves import surface
from imgrestore.drawing.words import SCRIPTS, Script, Vocabulary, code_lines, pick


@dataclass(frozen=True)
class Sheet:
    """What a page is written on and with.

    Attributes:
        canvas: The paper.
        paper: Its colour.
        ink: What most of it is written with.
        second: Another ink, for headings and the like.
        unit: Pixels for each pixel of the finished page.
        smooth: Whether letters have smooth edges.
        body: Family of most texts.
        heads: Family of headings.
    """

    canvas: Canvas
    paper: Colour
    ink: Colour
    second: Colour
    unit: int
    smooth: bool
    body: Family
    heads: Family
    vocabularies: dict[str, Vocabulary] = field(default_factory=dict)

    def vocabulary(self, rng: np.random.Generator, script: Script) -> Vocabulary:
        """Return the words of a script, which stay the same on a page."""
        if script.name not in self.vocabularies:
            self.vocabularies[script.name] = Vocabulary.of(rng, script)
        return self.vocabularies[script.name]


def draw_page(rng: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    """Draw a written page, uint8 RGB (H, W, 3).

    Three in five pages are written as they are, with letters hinted to whole pixels; the others at twice the size, some
    of them turned a little, and then shrunk in linear light, so that letters lie anywhere.
    """
    if rng.random() < 0.6:
        return _written(rng, height, width, 1).pixels
    angle = rng.normal(0, 1.5) if rng.random() < 0.6 else 0.0
    margin = math.ceil(math.sin(math.radians(abs(angle))) * max(height, width) / 2) + 2 if angle else 0
    pixels = _written(rng, 2 * (height + 2 * margin), 2 * (width + 2 * margin), 2).pixels
    if angle:
        turned = PillowImage.fromarray(pixels).rotate(angle, PillowImage.Resampling.BILINEAR)
        pixels = np.asarray(turned)[2 * margin : 2 * (margin + height), 2 * margin : 2 * (margin + width)]
    light = to_light(pixels)
    return to_levels((light[::2, ::2] + light[1::2, ::2] + light[::2, 1::2] + light[1::2, 1::2]) / 4)


def _written(rng: np.random.Generator, height: int, width: int, unit: int) -> Canvas:
    """Write a page of blocks, each of one kind."""
    paper, ink = _inks(rng)
    plain = _paper(rng, height // unit, width // unit, paper)
    canvas = Canvas(plain.repeat(unit, axis=0).repeat(unit, axis=1), linear=True)
    fonts = find_fonts()
    second = ink if rng.random() < 0.4 else tone(rng, *((0.0, 0.4) if sum(paper) > 380 else (0.6, 1.0)))
    body = fonts.choose(rng, "serif", "serif", "sans", pick(rng, ("hand", "mono", "serif")))
    heads = fonts.choose(rng, "serif", "sans", "display")
    sheet = Sheet(canvas, paper, ink, second, unit, unit == 2 or rng.random() < 0.85, body, heads)
    gap = int(rng.integers(6, 16)) * unit
    blocks = split(rng, canvas.box.inside(gap), int(rng.integers(2, 9)), 170 * unit)
    ruled = rng.random() < 0.25
    for block in blocks:
        if ruled and len(blocks) > 1:
            canvas.frame(block, blend(paper, ink, 0.5), unit)
        pick(rng, BLOCKS)(rng, sheet, block.inside(gap))
    return canvas


def _inks(rng: np.random.Generator) -> tuple[Colour, Colour]:
    """Return colours of paper and ink: black on white, faded, coloured, or light on dark."""
    chance = rng.random()
    if chance < 0.3:
        return (255, 255, 255), (0, 0, 0)
    if chance < 0.7:
        return tone(rng, 0.75, 0.98, 0.25), tone(rng, 0.03, 0.4, 0.5)
    if chance < 0.85:
        return tone(rng, 0.45, 0.9), tone(rng, 0.0, 0.15)
    return tone(rng, 0.03, 0.3), tone(rng, 0.75, 1.0, 0.5)


def _paper(rng: np.random.Generator, height: int, width: int, colour: Colour) -> NDArray[np.uint8]:
    """Return a sheet of paper: even, lit from a side, stained, or with soft fibres."""
    form = rng.integers(4)
    if form == 0:
        return np.full((height, width, 3), colour, np.uint8)
    shade = np.zeros((height, width), np.float32)
    if form in (1, 2):
        slopes = rng.normal(0, 14, 2)
        rows, columns = (np.linspace(-1, 1, length, dtype=np.float32) for length in (height, width))
        shade += slopes[0] * rows[:, None] + slopes[1] * columns + 4 * surface(rng, shade.shape, 150)
    if form in (2, 3):
        shade += rng.uniform(1, 4) * surface(rng, shade.shape, rng.uniform(5, 16))
    return (np.array(colour, np.float32) + shade[..., None]).clip(0, 255).round().astype(np.uint8)


def _size(rng: np.random.Generator, sheet: Sheet, smallest: float = 8, largest: float = 20) -> int:
    """Return the height of an em: small ones as often as twice as large ones."""
    return round(float(np.exp(rng.uniform(math.log(smallest), math.log(largest)))) * sheet.unit)


def _script(rng: np.random.Generator) -> Script:
    """Choose what is written: Latin letters, plain or with accents, in more than half of the cases."""
    return SCRIPTS[int(rng.choice(3, p=(0.6, 0.2, 0.2)))] if rng.random() < 0.5 else pick(rng, find_fonts().scripts)


def _family(rng: np.random.Generator, sheet: Sheet, script: Script) -> Family:
    """Return the page's own family, mostly, if it can write the script."""
    if script in sheet.body.scripts and rng.random() < 0.7:
        return sheet.body
    return find_fonts().choose(rng, "serif", "sans", "hand", script=script)


def _prose(rng: np.random.Generator, sheet: Sheet, box: Box) -> None:
    """A heading, and paragraphs in one or more columns; justified, ragged or centred."""
    script = _script(rng)
    words = sheet.vocabulary(rng, script)
    if rng.random() < 0.6:
        box = box._replace(top=_heading(rng, sheet, box, words))
    family = _family(rng, sheet, script)
    size = _size(rng, sheet)
    font = family.font(size, bold=rng.random() < 0.1, italic=rng.random() < 0.15)
    columns = min(int(rng.integers(1, 4)), max(1, int(box.width / (11 * size))))
    gap = round(1.2 * size)
    width = (box.width - gap * (columns - 1)) // columns
    spacing, form = size * rng.uniform(1.1, 1.6), pick(rng, ("justified", "justified", "ragged", "centred"))
    for column in range(columns):
        left = box.left + column * (width + gap)
        _column(rng, sheet, Box(left, box.top, left + width, box.bottom), words, font, spacing, form)


def _column(
    rng: np.random.Generator, sheet: Sheet, box: Box, words: Vocabulary, font: Font, spacing: float, form: str
) -> None:
    """Fill a column with paragraphs."""
    length_of = cache(font.getlength)
    space = font.getlength(" ") if words.script.space else 0.0
    y = box.top + float(font.size)
    waiting: list[str] = []
    lines_left = 0
    while y < box.bottom - font.size * 0.3:
        first = lines_left == 0
        if first:
            lines_left = int(rng.integers(2, 9))
        indent = 1.5 * font.size if first and form != "centred" else 0.0
        line: list[tuple[str, float]] = []
        length = 0.0
        while True:
            waiting = waiting or words.sentence(rng)
            wide = length_of(waiting[0])
            if line and indent + length + space * len(line) + wide > box.width:
                break
            word = waiting.pop(0)
            if wide <= box.width - indent:
                line.append((word, wide))
                length += wide
        last = lines_left == 1
        if last and len(line) > 3:
            dropped = int(rng.integers(len(line) - 2))
            line = line[: len(line) - dropped]
            length = sum(wide for _, wide in line)
        free = box.width - indent - length
        gap = free / (len(line) - 1) if form == "justified" and not last and len(line) > 1 else space
        gap = min(gap, 4 * space) if space else min(gap, font.size * 0.3)
        x = box.left + indent + ((free - gap * (len(line) - 1)) / 2 if form == "centred" else 0)
        if gap == space:
            text = words.script.space.join(word for word, _ in line)
            sheet.canvas.text(x, y, text, font, sheet.ink, sheet.smooth)
        for word, wide in line if gap != space else ():
            sheet.canvas.text(x, y, word, font, sheet.ink, sheet.smooth)
            x += wide + gap
        lines_left -= 1
        y += spacing * (1.4 if last and form != "justified" else 1)


def _heading(rng: np.random.Generator, sheet: Sheet, box: Box, words: Vocabulary) -> int:
    """Write a heading, in at most two lines, and return where it ends."""
    family = sheet.heads
    if words.script not in family.scripts:
        family = find_fonts().choose(rng, "serif", "sans", script=words.script)
    font = family.font(min(_size(rng, sheet, 16, 64), box.width / 5, box.height / 4), bold=rng.random() < 0.6)
    y = float(box.top)
    for _ in range(rng.integers(1, 3)):
        y += font.size * 1.1
        text = fitted(words.title(rng, 5), font, box.width)
        sheet.canvas.text(box.left, y, text, font, sheet.second, sheet.smooth)
    return round(y + font.size * 0.5)


def _list(rng: np.random.Generator, sheet: Sheet, box: Box) -> None:
    """Numbered or dotted points; or names and amounts joined by dots, as in a table of contents or a bill."""
    script = _script(rng)
    words, font = sheet.vocabulary(rng, script), _family(rng, sheet, script).font(_size(rng, sheet, 9, 24))
    sign, bill = pick(rng, ("•", "–", "1", "")), rng.random() < 0.4
    for i, y in enumerate(
        np.arange(box.top + font.size, box.bottom - font.size * 0.3, font.size * rng.uniform(1.2, 1.8))
    ):
        label = f"{i + 1}." if sign == "1" else sign
        sheet.canvas.text(box.left, y, label, font, sheet.second, sheet.smooth)
        left = box.left + 2 * font.size
        amount = f" {rng.uniform(0, 999):.2f}" if bill else ""
        free = box.right - left - font.getlength(amount)
        text = words.script.space.join(words.words(rng, 3 if bill else 8))
        text = fitted(text, font, free * 0.9) or fitted(words.words(rng, 1)[0][:4], font, free)
        if bill:
            dots = int((free - font.getlength(text) - font.size) / max(font.getlength("."), 1))
            text += " " + "." * max(dots, 0)
            sheet.canvas.text(box.right - font.getlength(amount), y, amount, font, sheet.ink, sheet.smooth)
        sheet.canvas.text(left, y, text, font, sheet.ink, sheet.smooth)


def _table(rng: np.random.Generator, sheet: Sheet, box: Box) -> None:
    """A table."""
    script = _script(rng)
    font = _family(rng, sheet, script).font(_size(rng, sheet, 8, 18))
    draw_table(sheet.canvas, rng, box, sheet.vocabulary(rng, script), font, sheet.paper, sheet.ink)


def _chart(rng: np.random.Generator, sheet: Sheet, box: Box) -> None:
    """A chart."""
    script = _script(rng)
    font = _family(rng, sheet, script).font(_size(rng, sheet, 8, 14))
    draw_chart(sheet.canvas, rng, box, sheet.vocabulary(rng, script), font, sheet.paper, sheet.ink)


def _code(rng: np.random.Generator, sheet: Sheet, box: Box) -> None:
    """Lines of a program."""
    font = find_fonts().choose(rng, "mono").font(_size(rng, sheet, 8, 18))
    spacing = font.size * 1.35
    y = box.top + float(font.size)
    wide = font.getlength("0")
    for line in code_lines(rng, sheet.vocabulary(rng, SCRIPTS[0]), int(box.height / spacing)):
        column = 0
        for kind, text in line:
            shown = text[: max(0, int(box.width / wide) - column)]
            sheet.canvas.text(
                box.left + column * wide, y, shown, font, sheet.ink if kind == "plain" else sheet.second, sheet.smooth
            )
            column += len(shown)
        y += spacing


def _formulas(rng: np.random.Generator, sheet: Sheet, box: Box) -> None:
    """Formulas, one below the other, with numbers at their right."""
    family = next(
        (f for f in find_fonts().families if f.package.startswith("matplotlib") and f.style == "serif"), sheet.body
    )
    size = _size(rng, sheet, 12, 28)
    font = family.font(size)
    step = round(3.2 * size)
    for i, y in enumerate(range(box.top + round(1.8 * size), box.bottom - round(1.2 * size), step)):
        label = f"({i + 1})"
        draw_formula(sheet.canvas, rng, box.left, y, box.width - 3.5 * size, family, size, sheet.ink)
        sheet.canvas.text(box.right - font.getlength(label), y, label, font, sheet.ink, sheet.smooth)


def _note(rng: np.random.Generator, sheet: Sheet, box: Box) -> None:
    """Handwriting on ruled or squared paper, its lines a little uneven."""
    family = find_fonts().choose(rng, "hand")
    words = sheet.vocabulary(rng, pick(rng, [script for script in SCRIPTS[:3] if script in family.scripts]))
    font = family.font(_size(rng, sheet, 14, 40), bold=rng.random() < 0.3)
    spacing = round(font.size * 1.25)
    rule = blend(sheet.paper, tone(rng, 0.4, 0.6), 0.6)
    rows = range(box.top + spacing, box.bottom, spacing)
    if rng.random() < 0.7:
        for y in rows:
            top = y + round(0.1 * font.size)
            sheet.canvas.fill(Box(box.left, top, box.right, top + sheet.unit), rule)
    if rng.random() < 0.3:
        for left in range(box.left, box.right, spacing):
            sheet.canvas.fill(Box(left, box.top, left + sheet.unit, box.bottom), rule)
    for y in rows:
        x = box.left + float(rng.uniform(0, font.size))
        for word in words.sentence(rng):
            if x + font.getlength(word) > box.right:
                break
            drop = rng.normal(0, font.size * 0.03)
            x += sheet.canvas.text(x, y + drop, word, font, sheet.second, sheet.smooth) + font.size * 0.3


BLOCKS: tuple[Callable[[np.random.Generator, Sheet, Box], None], ...] = (
    *(_prose,) * 6,
    _list,
    _table,
    _chart,
    _code,
    _formulas,
    _note,
)
"""What stands on a page; prose as often as all the others together."""
