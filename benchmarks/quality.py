"""How well the shipped models restore the usual test sets, beside no model at all and beside classical methods.

    python benchmarks/quality.py TEST [--json scores.json] [--update README.md docs/models.md] [--sets Set5]

``TEST`` holds a folder for each test set, or a list ``NAME.txt`` of files that stand in one of its folders; sets that
are missing are left out. Prints tables of mean PSNR in Markdown, and with ``--update`` puts them between the marks that
documents have for them. With ``--json`` scores are kept as soon as they are measured, and what the file knows already,
for the same weights, precision and number of images, is not measured again: an interrupted run goes on where it was.
Start a new file after changes to the code. What is measured, and how, is described in docs/models.md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from documents import update

from imgrestore.codecs import find_images, read_image
from imgrestore.degradations.contract import Degradation
from imgrestore.engine.devices import Precision
from imgrestore.engine.prepare import prepare
from imgrestore.engine.restorer import Restorer
from imgrestore.evaluation.evaluate import (
    Pair,
    baselines,
    classical_methods,
    evaluate,
    parse_degradation,
    standard_degradations,
    white_noise,
)
from imgrestore.evaluation.report import Report, Score, markdown, shown
from imgrestore.metrics import Protocol
from imgrestore.parts.registry import models
from imgrestore.weights.cards import shipped, weights_folder
from imgrestore.weights.catalogue import choose

Models = dict[str, tuple[str, Restorer]]
"""Models by name, each with what its scores are kept under: other weights have other scores."""

METRICS = ("psnr", "ssim")
TOLD = {
    "input": "the input as it is",
    "non-local-means-told-sigma": "non-local means, told sigma",
    "richardson-lucy-told-kernel": "Richardson-Lucy, told the kernel",
}
"""What tables call methods that are no models."""


@dataclass(frozen=True)
class Table:
    """Models of one task and scale, on some sets, each degraded in several ways.

    Attributes:
        task: What the models are for.
        scale: Their enlargement.
        protocol: How they are measured.
        sets: Names of the test sets.
        cases: What happens to the images, by the heading of the column.
    """

    task: str
    scale: int
    protocol: Protocol
    sets: Sequence[str]
    cases: dict[str, list[Degradation]]


def enlarged(scale: int) -> Table:
    """Return the table of an enlargement."""
    return Table("upscale", scale, "y", ("Set5", "Set14", "B100"), {"": standard_degradations("upscale", scale)})


def blurred(blur: str) -> list[Degradation]:
    """Return a blur with the noise of the deblurring set."""
    return [parse_degradation(blur), *white_noise(2)]


NOISE = {f"sigma {sigma}": standard_degradations("denoise", 1, sigma) for sigma in (15, 25, 50, 0)}
COMPRESSED = {f"quality {quality}": [parse_degradation(f"jpeg:quality={quality}")] for quality in (20, 30, 50, 80)}
COMPRESSED["quality 30, cropped"] = [parse_degradation("jpeg:quality=30,cropped=1")]
SMALL = standard_degradations("upscale", 4)
WORN = {
    "JPEG 75": [*SMALL, parse_degradation("jpeg:quality=75")],
    "noise, JPEG 85": [*SMALL, *white_noise(6), parse_degradation("jpeg:quality=85")],
    "blur, noise, JPEG 80": [
        parse_degradation("gaussian-blur:sigma=2"),
        *SMALL,
        *white_noise(4),
        parse_degradation("jpeg:quality=80"),
    ],
}
BLUR = {
    "Gaussian 1.6": blurred("gaussian-blur:sigma=1.6"),
    "Gaussian 2.5": blurred("gaussian-blur:sigma=2.5"),
    "shake": blurred("camera-shake:size=[13,27]"),
    "sharp": [],
}
TABLES = {
    "upscale-4x": enlarged(4),
    "upscale-2x": enlarged(2),
    "upscale-worn": Table("upscale", 4, "y", ("B100",), WORN),
    "denoise": Table("denoise", 1, "rgb", ("CBSD68", "McMaster"), NOISE),
    "jpeg": Table("denoise", 1, "rgb", ("McMaster",), COMPRESSED),
    "deblur": Table("deblur", 1, "rgb", ("CBSD68",), BLUR),
}


class Scores:
    """Means by method and what was measured, kept in a file as they come if there is one."""

    def __init__(self, path: Path | None) -> None:
        """Read what is known."""
        self.path = path
        self.known: dict[str, dict[str, float | str]] = json.loads(path.read_text()) if path and path.exists() else {}

    def add(self, key: str, report: Report, method: str) -> None:
        """Keep the means of a method; JSON knows no infinity, which is kept as text."""
        means = {metric: report.mean(method, metric) for metric in report.metrics}
        self.known[key] = {metric: mean if math.isfinite(mean) else str(mean) for metric, mean in means.items()}
        if self.path:
            self.path.write_text(json.dumps(self.known, indent=1) + "\n")


def images_of(folder: Path, name: str) -> list[Path]:
    """Return the images of a set, none if it is not there."""
    if (folder / name).is_dir():
        return find_images(folder / name)
    if not (folder / f"{name}.txt").is_file():
        return []
    listed = {line.strip() for line in (folder / f"{name}.txt").read_text().splitlines()}
    for home in sorted(path for path in folder.iterdir() if path.is_dir()):
        if found := [path for path in find_images(home) if path.name in listed]:
            return found
    return []


def models_for(table: Table, precision: Precision) -> Models:
    """Return the models of a task that have weights, or need none and are no baseline anyway."""
    found = {}
    for name, entry in models().items():
        if entry.task == table.task and not entry.trained and name not in baselines(table.scale):
            found[name] = name, prepare(choose(name, table.scale), device="auto", precision="fp32")
    for (name, scale), path in shipped().items():
        if path.parent == weights_folder() and (choose(name, scale).entry.task, scale) == (table.task, table.scale):
            restorer = prepare(choose(name, scale), device="auto", precision=precision)
            digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
            found[name] = f"{name} {digest} {restorer.precision}", restorer
    return found


def measure(
    table: Table, images: Sequence[Path], case: str, title: str, ours: Models, kept: Scores
) -> dict[str, float]:
    """Return the mean PSNR of every method on a set, degraded in one way."""
    pairs = [Pair.degraded(p.name, lambda p=p: read_image(p).rgb8(), table.cases[case], table.scale) for p in images]  # type: ignore[misc]
    names = [*baselines(table.scale), *classical_methods(pairs[0]), *ours]
    what = f"{title} ({len(images)} images), {table.scale}x"
    keys = {name: f"{what}: {ours[name][0] if name in ours else name}" for name in names}
    missing = [name for name in names if keys[name] not in kept.known]
    scores: list[Score] = []
    for number, pair in enumerate(pairs if missing else []):
        print(f"\r{what}: {number + 1} of {len(pairs)}", end="", file=sys.stderr)
        every = {**baselines(table.scale), **classical_methods(pair)}
        every |= {name: restorer.restore_tensor for name, (_, restorer) in ours.items()}
        scores += evaluate({name: every[name] for name in missing}, [pair], table.protocol, METRICS)
    for name in missing:
        kept.add(keys[name], Report(scores, table.protocol), name)
    if missing:
        print(file=sys.stderr)
    return {name: float(kept.known[keys[name]]["psnr"]) for name in names}


def compared(columns: dict[str, dict[str, float]]) -> str:
    """Return a table, the best of every column in bold; what is perfect because nothing happened is not the best."""
    rows = list(dict.fromkeys(name for column in columns.values() for name in column))
    best = {title: max(v for v in column.values() if not math.isinf(v)) for title, column in columns.items()}

    def cell(title: str, name: str) -> str:
        value = columns[title].get(name)
        if value is None:
            return ""
        return f"**{shown('psnr', value)}**" if value == best[title] else shown("psnr", value)

    lines = [[TOLD.get(name, f"`{name}`"), *(cell(title, name) for title in columns)] for name in rows]
    return markdown([["method", *columns], *lines])


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description="Measure the shipped models on test sets.")
    parser.add_argument("folder", type=Path, metavar="TEST", help="folder of test sets")
    parser.add_argument("--tables", nargs="+", choices=list(TABLES), default=list(TABLES), help="which tables")
    parser.add_argument("--sets", nargs="+", help="only these test sets")
    parser.add_argument("--max-images", type=int, help="only the first so many images of each set")
    parser.add_argument("--precision", default="auto", choices=["auto", "fp32", "bf16", "fp16"])
    parser.add_argument("--json", type=Path, help="file that keeps the scores")
    parser.add_argument("--update", nargs="+", type=Path, default=[], help="documents to put the tables into")
    args = parser.parse_args()
    kept = Scores(args.json)
    for name, table in TABLES.items():
        if name not in args.tables:
            continue
        ours = models_for(table, args.precision)
        columns = {}
        for test_set in table.sets:
            images = images_of(args.folder, test_set)[: args.max_images]
            for case in table.cases if images and test_set in (args.sets or table.sets) else ():
                title = f"{test_set} {case}".strip()
                columns[title] = measure(table, images, case, title, ours, kept)
        if columns:
            text = compared(columns)
            print(f"{name}, protocol {table.protocol}, PSNR in dB\n\n{text}")
            for document in args.update:
                update(document, name, text)


if __name__ == "__main__":
    main()
