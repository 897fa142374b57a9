"""Drawing text into pictures, with Pillow's own font."""

from __future__ import annotations

import unicodedata

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont


def draw_text(canvas: NDArray[np.uint8], top: int, left: int, text: str, ink: int, size: int = 17) -> None:
    """Write one line into uint8 RGB (H, W, 3), cut off at the canvas' edge.

    Pillow's font holds ASCII alone, so accents are left out.

    Args:
        canvas: Changed in place.
        top: Top of the line in pixels.
        left: Where it begins.
        text: What to write.
        ink: Grey level of the letters.
        size: Height of the letters in pixels.
    """
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    font = ImageFont.load_default(size)
    width = min(canvas.shape[1] - left, int(font.getlength(text)) + 2)
    height = min(canvas.shape[0] - top, size + 8)
    if width <= 0 or height <= 0:
        return
    mask = PillowImage.new("L", (width, height))
    ImageDraw.Draw(mask).text((0, 1), text, fill=255, font=font)
    weight = np.asarray(mask, dtype=np.float32)[..., None] / 255
    place = canvas[top : top + height, left : left + width]
    place[...] = np.rint(place * (1 - weight) + ink * weight).astype(np.uint8)
