"""What real files suffer, undone: by no model, by classical filters, by every model that keeps the size, by ``auto``.

    python benchmarks/damage.py TEST [--sets McMaster] [--max-images 6] [--side 256] [--models NAME] [--update FILE]

``TEST`` holds folders of ground truth, which is damaged in every way below and rounded to 8 bits, and may hold folders
of pairs, ``NAME_noise.png`` beside ``NAME_gt.png``, which are taken as they are. Prints mean PSNR (protocol ``rgb``) in
Markdown. The classical column is told the truth: of one call of each of OpenCV's filters it shows the one setting that
is best on average for the damage. In brackets stands the share of images that come out worse by more than 0.05 dB.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import mean

import numpy as np
from documents import update
from numpy.typing import NDArray
from torch import Tensor

from imgrestore.api.restoring import restore
from imgrestore.codecs import find_images, read_image
from imgrestore.degradations import opencv
from imgrestore.engine.prepare import prepare
from imgrestore.engine.restorer import Restorer
from imgrestore.evaluation.evaluate import Pair, evaluate, parse_degradation, to_tensor
from imgrestore.evaluation.report import markdown
from imgrestore.weights.cards import shipped, weights_folder
from imgrestore.weights.catalogue import choose

DAMAGE = {
    "none": [],
    "white noise 5": ["gaussian:sigma=0.0196"],
    "white noise 25": ["gaussian:sigma=0.098"],
    "white noise 50": ["gaussian:sigma=0.196"],
    "white noise 75": ["gaussian:sigma=0.294"],
    "photons, 40 of white": ["poisson:peak=40"],
    "grain 20, 1 px": ["grain:sigma=0.078,size=1,one_plane=1"],
    "grain 20, 2 px": ["grain:sigma=0.078,size=2,one_plane=1"],
    "colour grain 15, 1.5 px": ["grain:sigma=0.059,size=1.5,one_plane=0"],
    "colour blotches 18, 3 px": ["chroma-noise:luma=0,chroma=0.07,grain=3"],
    "camera, ISO 800": ["camera:iso=800,sensor=6e-5"],
    "camera, ISO 6400": ["camera:iso=6400,sensor=6e-5"],
    "JPEG 10": ["jpeg:quality=10"],
    "JPEG 20": ["jpeg:quality=20"],
    "JPEG 40": ["jpeg:quality=40"],
    "JPEG 70": ["jpeg:quality=70"],
    "JPEG 30, cropped, JPEG 75": ["jpeg:quality=30,cropped=1", "jpeg:quality=75"],
    "impulses, 3 %": ["impulse:amount=0.03,random_valued=0,per_channel=0"],
    "impulses, 10 %": ["impulse:amount=0.1,random_valued=0,per_channel=0"],
    "scratches": ["scratches:density=1"],
    "noise 15, JPEG 50": ["gaussian:sigma=0.059", "jpeg:quality=50"],
    "print, 5 px": ["halftone:pitch=5,black=0"],
}
"""What happens to the images, in order, as ``evaluate --degrade`` takes it."""

FILTERS: dict[str, Callable[[opencv.Picture], opencv.Picture]] = {
    **{f"median {size}": partial(opencv.median, size=size) for size in (3, 5)},
    **{
        f"bilateral {sigma}": partial(opencv.bilateral, diameter=9, sigma_colour=sigma, sigma_space=3)
        for sigma in (15, 40, 80)
    },
    **{
        f"non-local means {strength}": partial(opencv.non_local_means, strength=strength)
        for strength in (3, 6, 12, 20, 30)
    },
}
"""One call each of a classical filter, on 8-bit pictures."""

WORSE = 0.05
"""Decibels by which a result may be below its input before it counts as worse."""


def damaged_pairs(images: Sequence[Path], damage: Sequence[str], side: int) -> list[Pair]:
    """Return pairs of a damaged image and its ground truth, both the middle square of a side at most."""
    parts = [parse_degradation(each) for each in [*damage, "quantize"]]
    return [Pair.degraded(path.name, partial(_middle, path, side), parts, 1) for path in images]


def _middle(path: Path, side: int) -> NDArray[np.uint8]:
    pixels = read_image(path).rgb8()
    top, left = (max(0, (length - side) // 2) for length in pixels.shape[:2])
    return pixels[top : top + side, left : left + side]


def real_pairs(folder: Path) -> list[Pair]:
    """Return the pairs that a folder holds as files."""
    found = []
    for truth in sorted(folder.glob("*_gt.png")):
        noisy = truth.with_name(truth.name.replace("_gt", "_noise"))
        found.append(Pair(noisy.stem, partial(_read, noisy, truth), 1))
    return found


def _read(noisy: Path, truth: Path) -> tuple[Tensor, Tensor]:
    return to_tensor(read_image(noisy).rgb8()), to_tensor(read_image(truth).rgb8())


def by_filter(name: str) -> Callable[[Tensor], Tensor]:
    """Return a classical filter that takes a tensor (3, H, W)."""
    return lambda lq: opencv.each_picture(lq[None], lambda _, picture: FILTERS[name](picture))[0]


def restorers(wanted: Sequence[str] | None) -> dict[str, Restorer]:
    """Return the models asked for, names or weights files; by default all shipped ones that keep the size."""
    kept = [
        name
        for (name, scale), path in shipped().items()
        if path.parent == weights_folder() and scale == 1 and choose(name).entry.task in ("denoise", "deblur")
    ]
    return {Path(name).stem: prepare(choose(name), device="auto") for name in wanted or kept}


def automatically(lq: Tensor) -> Tensor:
    """Restore what the estimator finds in a tensor (3, H, W)."""
    pixels = (lq.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    return to_tensor(restore(pixels, "auto"))


def measure(pairs: Sequence[Pair], models: dict[str, Restorer]) -> dict[str, list[float]]:
    """Return the PSNR of every image by every method, that of the best classical filter among them."""
    methods: dict[str, Callable[[Tensor], Tensor]] = {"input": lambda lq: lq}
    methods |= {name: by_filter(name) for name in FILTERS}
    methods |= {name: restorer.restore_tensor for name, restorer in models.items()} | {"auto": automatically}
    found: dict[str, list[float]] = defaultdict(list)
    for number, pair in enumerate(pairs):
        print(f"\r{number + 1} of {len(pairs)}", end="", file=sys.stderr)
        lq, gt = pair.load()
        loaded = Pair(pair.name, partial(tuple, (lq, gt)), 1)
        for score in evaluate(methods, [loaded], "rgb", ("psnr",)):
            found[score.method].append(score.value)
    best = max(FILTERS, key=lambda name: mean(found[name]))
    return {name: found[best if name == "classical" else name] for name in ("input", "classical", *models, "auto")}


def cell(values: Sequence[float], unrestored: Sequence[float]) -> str:
    """Show a mean, and how many images are worse than they came."""
    worse = mean(value < before - WORSE for value, before in zip(values, unrestored, strict=True))
    return f"{mean(values):.2f}" + (f" ({100 * worse:.0f} %)" if worse else "")


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description="Measure the models on damage as real files have it.")
    parser.add_argument("folder", type=Path, metavar="TEST", help="folder of test sets")
    parser.add_argument("--sets", nargs="+", default=["nam25", "McMaster", "B100"], help="pairs, and ground truth")
    parser.add_argument("--side", type=int, default=10**6, help="only so many pixels of ground truth, from its middle")
    parser.add_argument("--damage", nargs="+", choices=list(DAMAGE), default=list(DAMAGE), help="only these")
    parser.add_argument("--max-images", type=int, default=18, help="images of each set")
    parser.add_argument("--models", nargs="+", help="names or weights files")
    parser.add_argument("--json", type=Path, help="file to write the PSNR of every image to")
    parser.add_argument("--update", nargs="+", type=Path, default=[], help="documents to put the table into")
    args = parser.parse_args()
    models = restorers(args.models)
    columns = {name: pairs for name in args.sets if (pairs := real_pairs(args.folder / name))}
    truths = [args.folder / name for name in args.sets if name not in columns]
    images = [path for folder in truths for path in find_images(folder)[: args.max_images]]
    columns |= {name: damaged_pairs(images, DAMAGE[name], args.side) for name in args.damage if images}
    found = {name: measure(pairs, models) for name, pairs in columns.items()}
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    methods = ["input", "classical", *models, "auto"]
    rows = [[name, *(cell(each[method], each["input"]) for method in methods)] for name, each in found.items()]
    table = markdown([["damage", *methods], *rows])
    print("\r" + table)
    for document in args.update:
        update(document, "damage", table)


if __name__ == "__main__":
    main()
