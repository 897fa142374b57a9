"""What the estimator says of photos whose damage is known.

    python benchmarks/estimator.py PHOTOS... [--max-images 40] [--side 640] [--update docs/automatic.md]

``PHOTOS`` are the folders it was trained on, of which the pictures held out are judged: as they are, and with every
damage of ``damage.py`` done to the middle of the photos. Prints in Markdown which share of them is called what, and the
measure of it that the estimator gives, beside the truth.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import mean, median

import numpy as np
from damage import DAMAGE
from documents import update
from numpy.typing import NDArray

from imgrestore.automatic.diagnosis import NAMES, Diagnosis, diagnose
from imgrestore.automatic.train_estimator import pictures, pixels_of
from imgrestore.evaluation.evaluate import Pair, parse_degradation
from imgrestore.evaluation.report import markdown
from imgrestore.image import Image

FURTHER = {
    "none": [],
    "white noise 2": ["gaussian:sigma=0.00784"],
    "white noise 10": ["gaussian:sigma=0.0392"],
    "white noise 110": ["gaussian:sigma=0.431"],
    "JPEG 85": ["jpeg:quality=85"],
    "JPEG 95": ["jpeg:quality=95"],
    "JPEG 30, cropped": ["jpeg:quality=30,cropped=1"],
    "blur 1": ["gaussian-blur:sigma=1"],
    "blur 1.6": ["gaussian-blur:sigma=1.6"],
    "blur 2.5": ["gaussian-blur:sigma=2.5"],
    "blur 1.6, noise 5, JPEG 70": ["gaussian-blur:sigma=1.6", "gaussian:sigma=0.0196", "jpeg:quality=70"],
    "shake 15": ["camera-shake:size=15"],
    "enlarged twice": ['random-resize:factor=0.5,kernels=["bicubic"]'],
    "dust": ["dust:specks=5"],
}
"""Damage beside that of ``damage.py``."""

FIGURES = {
    "noise": lambda found: found.noise,
    "grain": lambda found: found.noise,
    "blotches": lambda found: found.colour_noise,
    "impulses": lambda found: 100 * found.impulses,
    "jpeg": lambda found: found.quality,
    "blur": lambda found: found.blur,
    "halftone": lambda found: found.pitch,
    "enlarged": lambda found: found.enlarged,
}
"""How strong each damage is said to be."""


def middle(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Return the middle square of a side at most, cut to multiples of 2."""
    top, left = (max(0, (length - side) // 2) for length in pixels.shape[:2])
    cut = pixels[top : top + side, left : left + side]
    return cut[: len(cut) // 2 * 2, : cut.shape[1] // 2 * 2]


def judged(pixels: NDArray[np.uint8], damage: Sequence[str], number: int) -> Diagnosis:
    """Damage a picture and say what the estimator finds."""
    parts = [parse_degradation(each) for each in [*damage, "quantize"]]
    lq, _ = Pair.degraded(str(number), partial(np.asarray, pixels), parts, 1).load()
    return diagnose(Image.from_array((lq * 255).round().byte().permute(1, 2, 0).numpy()).stream())


def row(name: str, found: Sequence[Diagnosis]) -> list[str]:
    """Return a row of the table: shares called each name, and how strong where they were."""
    cells = []
    for damage in NAMES:
        called = [each for each in found if damage in each.damage]
        share = f"{100 * len(called) / len(found):.0f} %" if called else ""
        strong = f" ({median(FIGURES[damage](each) for each in called):.3g})" if called and damage in FIGURES else ""
        cells.append(share + strong)
    return [name, f"{100 * mean(not each.damage for each in found):.0f} %", *cells]


def main() -> None:
    """Judge what is asked for."""
    parser = argparse.ArgumentParser(description="Measure the estimator on pictures held out from its training.")
    parser.add_argument("photos", type=Path, nargs="+", help="the folders of photos it was trained on")
    parser.add_argument("--max-images", type=int, default=40)
    parser.add_argument("--side", type=int, default=384, help="pixels of the middles that are damaged")
    parser.add_argument("--update", nargs="+", type=Path, default=[], help="documents to put the table into")
    args = parser.parse_args()
    sources = [source for _, source in pictures(args.photos, held_out=True)]
    chosen = sources[:: max(1, len(sources) // args.max_images)][: args.max_images]
    whole = [pixels_of(source) for source in chosen]
    seconds = time.perf_counter()
    rows = [row("none, whole pictures", [diagnose(Image.from_array(pixels).stream()) for pixels in whole])]
    megapixels = sum(pixels.shape[0] * pixels.shape[1] for pixels in whole) / 1e6
    print(f"{(time.perf_counter() - seconds) / megapixels * 1000:.1f} ms a megapixel", file=sys.stderr)
    middles = [middle(pixels, args.side) for pixels in whole]
    for name, damage in (DAMAGE | FURTHER).items():
        rows.append(row(name, [judged(pixels, damage, number) for number, pixels in enumerate(middles)]))
        print(" | ".join(rows[-1]), file=sys.stderr)
    table = markdown([["damage", "nothing", *NAMES.values()], *rows])
    print(table)
    for document in args.update:
        update(document, "estimator", table)


if __name__ == "__main__":
    main()
