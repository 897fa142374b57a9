"""Write docs/images/damage.png: photos as they are, damaged, and restored by ``imgrestore restore``.

    python docs/make_damage_sheet.py PICTURES

``PICTURES`` holds the clean photos that are named below. Each is damaged as a whole and restored as a whole; crops of
them are shown, each pixel as it is, with their PSNR (protocol ``rgb``).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import imgrestore
from imgrestore.codecs import read_image, write_image
from imgrestore.codecs.formats import by_name
from imgrestore.codecs.text import draw_text
from imgrestore.evaluation.evaluate import Pair, parse_degradation
from imgrestore.files import replacing
from imgrestore.image import Image
from imgrestore.metrics import psnr

SHOWN = (
    ("girl", 120, 180, "camera at ISO 6400", ("camera:iso=6400,sensor=6e-5",)),
    ("dog", 150, 180, "white noise 25", ("gaussian:sigma=0.098",)),
    ("night", 200, 200, "blotches of colour", ("chroma-noise:luma=0.02,chroma=0.07,grain=3",)),
    ("house", 200, 160, "film grain", ("grain:sigma=0.078,size=1,one_plane=1",)),
    ("city", 220, 200, "JPEG 20", ("jpeg:quality=20",)),
    ("flowers", 180, 180, "JPEG 30, then 75", ("jpeg:quality=30,cropped=1", "jpeg:quality=75")),
    ("guitar", 200, 200, "3 % of pixels lost", ("impulse:amount=0.03,random_valued=0,per_channel=0",)),
    ("nyc", 220, 200, "blur of sigma 1.6", ("gaussian-blur:sigma=1.6",)),
)
"""Name of each picture, top left corner of its crop, the damage in words and as ``evaluate --degrade`` takes it."""

DOCS = Path(__file__).parent

HEIGHT, WIDTH, GAP, LINE = 176, 264, 6, 26


def row(picture: Path, damage: tuple[str, ...]) -> list[tuple[NDArray[np.uint8], str]]:
    """Return a picture, its damaged copy and what is made of that, with their captions."""
    parts = [parse_degradation(each) for each in (*damage, "quantize")]
    pair = Pair.degraded(picture.name, lambda: read_image(picture).rgb8(), parts, 1).load()
    damaged, clean = ((image * 255).round().byte().permute(1, 2, 0).contiguous().numpy() for image in pair)
    restored = imgrestore.restore(damaged, "auto")
    scores = [psnr(pixels, clean) for pixels in (damaged, restored)]
    return [
        (clean, "as it was"),
        *((shown, f"{s:.1f} dB") for shown, s in zip((damaged, restored), scores, strict=True)),
    ]


def sheet(folder: Path) -> NDArray[np.uint8]:
    """Return all rows below each other, uint8 RGB (H, W, 3)."""
    canvas = np.full((len(SHOWN) * (HEIGHT + LINE + GAP) + GAP, 3 * (WIDTH + GAP) + GAP, 3), 250, np.uint8)
    for i, (name, top, left, words, damage) in enumerate(SHOWN):
        y = GAP + i * (HEIGHT + LINE + GAP)
        for j, (pixels, caption) in enumerate(row(folder / f"{name}.png", damage)):
            x = GAP + j * (WIDTH + GAP)
            draw_text(canvas, y, x, f"{words}: {caption}" if j == 1 else f"restored: {caption}" if j else caption, 0)
            canvas[y + LINE : y + LINE + HEIGHT, x : x + WIDTH] = pixels[top : top + HEIGHT, left : left + WIDTH]
    return canvas


def main() -> None:
    """Write the picture."""
    form = by_name("png")
    assert form is not None
    with replacing(DOCS / "images" / "damage.png") as temporary:
        write_image(Image(sheet(Path(sys.argv[1]))).stream(), temporary, form)


if __name__ == "__main__":
    main()
