"""Drawing comparisons as one picture with labels."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imgrestore.codecs import write_image
from imgrestore.codecs.formats import by_name
from imgrestore.codecs.text import draw_text
from imgrestore.evaluation.comparison import Comparison
from imgrestore.files import replacing
from imgrestore.image import Image
from imgrestore.image.resampling import resize

_CELL = 320
_GAP = 8
_LINE = 26
_LETTER = 9
_BACKGROUND, _INK = 250, 30
_BOX_COLOURS = ((230, 60, 50), (40, 130, 230), (30, 160, 70), (240, 160, 20), (150, 80, 200), (0, 160, 170))

Canvas = NDArray[np.uint8]


def draw_sheet(comparisons: Sequence[Comparison]) -> Canvas:
    """Draw comparisons below each other.

    Each has a row of whole pictures, labelled, with figures if there are any, and a row of zoomed squares for every
    place, framed in the colour in which the place is marked in the whole picture.

    Returns:
        uint8 RGB (H, W, 3).
    """
    blocks = [_draw(comparison) for comparison in comparisons]
    width = max(block.shape[1] for block in blocks)
    sheet = _blank(sum(block.shape[0] for block in blocks), width)
    top = 0
    for block in blocks:
        sheet[top : top + block.shape[0], : block.shape[1]] = block
        top += block.shape[0]
    return sheet


def draw_grid(columns: Mapping[str, Sequence[Tensor]]) -> Canvas:
    """Draw pictures in columns under their labels.

    All pictures of a row get the size of its last one; pictures in grey become RGB, and small ones are enlarged by a
    whole factor to be seen.

    Args:
        columns: Pictures (C, H, W) in [0, 1] by label, as many under each.

    Returns:
        uint8 RGB (H, W, 3).
    """
    rows = [_alike(pictures) for pictures in zip(*columns.values(), strict=True)]
    width = max(row[0].shape[2] for row in rows) + _GAP
    labels = [textwrap.wrap(label, width // _LETTER) for label in columns]
    top = _GAP + max(map(len, labels)) * _LINE
    canvas = _blank(top + sum(row[0].shape[1] + _GAP for row in rows), len(labels) * width + _GAP)
    for column, lines in enumerate(labels):
        for number, line in enumerate(lines):
            draw_text(canvas, _GAP + number * _LINE, _GAP + column * width, line, _INK)
    for row in rows:
        for column, picture in enumerate(row):
            _paste(canvas, top, _GAP + column * width, _to_pixels(picture))
        top += row[0].shape[1] + _GAP
    return canvas


def _alike(pictures: Sequence[Tensor]) -> list[Tensor]:
    """Return pictures in RGB and the size of the last one, enlarged to be seen if that is small."""
    height, width = pictures[-1].shape[1:]
    factor = max(1, _CELL // (2 * max(height, width)))
    size = (height * factor, width * factor)
    return [resize(picture.expand(3, -1, -1), size, "nearest") for picture in pictures]


def save_sheet(sheet: Canvas, path: Path) -> None:
    """Write a sheet as PNG, all or nothing."""
    form = by_name("png")
    assert form is not None
    with replacing(path) as temporary:
        write_image(Image(sheet).stream(), temporary, form)


def _draw(comparison: Comparison) -> Canvas:
    panels = comparison.panels
    sample = next(iter(panels.values()))
    height = max(1, round(_CELL * sample.shape[1] / sample.shape[2]))
    lines = 2 if comparison.scores else 1
    rows = _LINE + height + lines * _LINE + len(comparison.boxes) * (_CELL + _GAP)
    canvas = _blank(rows + 2 * _GAP, len(panels) * (_CELL + _GAP) + _GAP)
    draw_text(canvas, _GAP, _GAP, comparison.name, _INK)
    for i, (name, panel) in enumerate(panels.items()):
        left, top = _GAP + i * (_CELL + _GAP), _GAP + _LINE
        _paste(canvas, top, left, _to_pixels(resize(panel, (height, _CELL))))
        for box, colour in zip(comparison.boxes, _colours(), strict=False):
            factor = _CELL / panel.shape[2]
            y, x, side = (round(value * factor) for value in box)
            _frame(canvas, top + y, left + x, max(2, side), colour, top + height, left + _CELL)
        top += height
        draw_text(canvas, top, left, name, _INK)
        if comparison.scores:
            draw_text(canvas, top + _LINE, left, comparison.scores.get(name, ""), _INK)
        top += lines * _LINE
        for (y, x, side), colour in zip(comparison.boxes, _colours(), strict=False):
            crop = resize(panel[:, y : y + side, x : x + side], (_CELL, _CELL), "nearest")
            _paste(canvas, top, left, _to_pixels(crop))
            _frame(canvas, top, left, _CELL, colour, top + _CELL, left + _CELL)
            top += _CELL + _GAP
    return canvas


def _colours() -> list[tuple[int, int, int]]:
    return [*_BOX_COLOURS, *_BOX_COLOURS]


def _blank(height: int, width: int) -> Canvas:
    return np.full((height, width, 3), _BACKGROUND, dtype=np.uint8)


def _to_pixels(panel: Tensor) -> Canvas:
    levels = (panel.clamp(0, 1) * 255).round().to(torch.uint8)
    return levels.permute(1, 2, 0).numpy()


def _paste(canvas: Canvas, top: int, left: int, picture: Canvas) -> None:
    canvas[top : top + picture.shape[0], left : left + picture.shape[1]] = picture


def _frame(
    canvas: Canvas, top: int, left: int, side: int, colour: tuple[int, int, int], bottom: int, right: int
) -> None:
    """Draw a square outline of two pixels, cut off at ``bottom`` and ``right``."""
    end_y, end_x = min(top + side, bottom), min(left + side, right)
    for strip in (
        canvas[top : top + 2, left:end_x],
        canvas[end_y - 2 : end_y, left:end_x],
        canvas[top:end_y, left : left + 2],
        canvas[top:end_y, end_x - 2 : end_x],
    ):
        strip[...] = colour
