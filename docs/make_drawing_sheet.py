"""Write docs/images/drawn.png: crops of pictures drawn by program, each pixel as it is.

Run it after any change to them, with all fonts there: ``python docs/make_drawing_sheet.py``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgrestore.codecs import write_image
from imgrestore.codecs.formats import by_name
from imgrestore.drawing.picture import Drawing
from imgrestore.files import replacing
from imgrestore.image import Image

SHOWN = (
    (0, 20, 130),
    (25, 790, 10),
    (57, 10, 0),
    (17, 10, 380),
    (12, 150, 480),
    (32, 60, 20),
    (1, 10, 20),
    (9, 400, 660),
    (6, 480, 420),
    (8, 190, 400),
    (18, 200, 470),
    (23, 230, 60),
)
"""Number of each picture, and the top left corner of the crop."""

DOCS = Path(__file__).parent

HEIGHT, WIDTH, COLUMNS, GAP = 160, 244, 4, 6


def sheet() -> NDArray[np.uint8]:
    """Return the crops side by side, uint8 RGB (H, W, 3)."""
    rows = -(-len(SHOWN) // COLUMNS)
    canvas = np.full((rows * (HEIGHT + GAP) + GAP, COLUMNS * (WIDTH + GAP) + GAP, 3), 250, np.uint8)
    for i, (number, top, left) in enumerate(SHOWN):
        y, x = GAP + i // COLUMNS * (HEIGHT + GAP), GAP + i % COLUMNS * (WIDTH + GAP)
        canvas[y : y + HEIGHT, x : x + WIDTH] = Drawing(number).draw()[top : top + HEIGHT, left : left + WIDTH]
    return canvas


def main() -> None:
    """Write the picture."""
    form = by_name("png")
    assert form is not None
    with replacing(DOCS / "images" / "drawn.png") as temporary:
        write_image(Image(sheet()).stream(), temporary, form)


if __name__ == "__main__":
    main()
