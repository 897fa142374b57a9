"""Training the estimator: ``python -m imgrestore.automatic.train_estimator PHOTOS WEIGHTS``.

Examples are made once, some from each clean photo and drawn picture, and kept in memory and, where asked, on disk.
Every eighth picture is held out, and what is measured on it stands in the card of the weights.
"""

from __future__ import annotations

import argparse
import copy
import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss

from imgrestore import __version__
from imgrestore.automatic.clean_tiles import MARGIN, SIDE, TILES, clean_tiles
from imgrestore.automatic.damaging import Damaged
from imgrestore.automatic.estimator import CHANCES, MEASURES, Estimator
from imgrestore.automatic.statistics import statistics
from imgrestore.codecs import find_images, read_image
from imgrestore.drawing.picture import Drawing
from imgrestore.engine.guard import Judge
from imgrestore.files import replacing
from imgrestore.weights.cards import Card
from imgrestore.weights.storage import fill, save_weights

_ROWS = 2
"""In which tiles lie side by side while they are damaged."""

_AT_ONCE = 12
"""Examples of a picture that are made each time it is read."""

_HELD_OUT = 8
_DRAWN_PER_PHOTO = 1 / 5
_BATCH = 64
_BLURRED = 0.1
"""Noise on the statistics in training, in standard deviations, so that few pictures are not learnt by heart."""

_RATE, _RATE_FROM_THERE = 1.5e-3, 5e-4
"""Learning rate at the beginning, and where training goes on from weights."""

_MEAN_OVER = 300
_SAVED_EVERY = 500

_PARTS = ("statistics", "measures", "chances")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Examples:
    """Damaged pictures and the truth about them.

    Attributes:
        statistics: (N, K, F) of K tiles of each.
        measures: (N, M), NaN where nothing can be said.
        chances: (N, C), likewise.
    """

    statistics: Tensor
    measures: Tensor
    chances: Tensor


def example(picture: NDArray[np.uint8], rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Damage tiles of a clean picture (H, W, 3) as one picture, so that all are damaged alike.

    Returns:
        Statistics (K, F), measures and chances.
    """
    tiles = clean_tiles(picture, rng)
    joined = tiles.view(_ROWS, -1, 3, SIDE, SIDE).permute(2, 0, 3, 1, 4).reshape(3, _ROWS * SIDE, -1)
    damaged = Damaged(joined, rng)
    damaged.damage()
    apart = damaged.image[0].view(3, _ROWS, SIDE, -1, SIDE).permute(1, 3, 0, 2, 4).flatten(0, 1)
    return statistics(apart[..., MARGIN:-MARGIN, MARGIN:-MARGIN]), *damaged.truth()


def pictures(folders: Sequence[Path], *, held_out: bool) -> Iterator[tuple[int, Path | Drawing]]:
    """Yield the photos in some folders, then drawn pictures, with their numbers: those held out, or the others."""
    photos = [path for folder in folders for path in find_images(folder)]
    drawings = [Drawing(number) for number in range(round(_DRAWN_PER_PHOTO * len(photos)))]
    sources: list[Path | Drawing] = [*photos, *drawings]
    for number, source in enumerate(sources):
        if (number % _HELD_OUT == 0) == held_out:
            yield number, source


def pixels_of(source: Path | Drawing) -> NDArray[np.uint8]:
    """Return a clean picture (H, W, 3)."""
    return source.draw() if isinstance(source, Drawing) else read_image(source).rgb8()


def make_examples(folders: Sequence[Path], each: int, kept: Path | None = None, *, held_out: bool = False) -> Examples:
    """Make examples from all photos in some folders, and from drawn pictures.

    Args:
        folders: Of clean photos.
        each: Examples of each picture.
        kept: A folder that keeps what is made, where another run goes on; the photos and this program must be the same.
        held_out: Whether from the pictures that are held out, or from the others.
    """
    found: list[dict[str, Tensor]] = []
    for first in range(0, each, _AT_ONCE):
        for number, source in pictures(folders, held_out=held_out):
            some = range(first, min(first + _AT_ONCE, each))
            path = None if kept is None else kept / f"{number:05d}-{some[0]}-{some[-1]}.npz"
            if path is not None and path.exists():
                with np.load(path) as saved:
                    found.append({part: torch.from_numpy(saved[part]) for part in _PARTS})
                continue
            picture = pixels_of(source)
            if min(picture.shape[:2]) < SIDE:
                continue
            made = [example(picture, np.random.default_rng([number, again])) for again in some]
            found.append(dict(zip(_PARTS, map(torch.stack, zip(*made, strict=True)), strict=True)))
            if path is not None:
                with replacing(path) as target:
                    np.savez(target, **{part: values.numpy() for part, values in found[-1].items()})  # type: ignore[arg-type]
            _log.info("examples %d to %d of picture %d", some[0], some[-1], number)
    return Examples(**{part: torch.cat([each[part] for each in found]) for part in _PARTS})


def loss(measured: Tensor, logits: Tensor, measures: Tensor, chances: Tensor) -> Tensor:
    """Return the smooth absolute error of measures plus the cross-entropy of chances, where the truth is known."""
    known, sure = ~measures.isnan(), ~chances.isnan()
    of_measures = smooth_l1_loss(measured[known], measures[known], beta=0.1)
    return 2 * of_measures + binary_cross_entropy_with_logits(logits[sure], chances[sure])


def standardize(network: Estimator | Judge, statistics: Tensor) -> None:
    """Set what a network brings statistics (N, K, F) to a mean of 0 and a deviation of 1 by."""
    every = statistics.flatten(0, 1)
    network.mean.copy_(every.mean(dim=0))
    network.deviation.copy_(every.std(dim=0).clamp_min(1e-3))


def average_in(average: nn.Module, network: nn.Module, step: int) -> None:
    """Take a network's numbers after a step into those averaged over the last steps."""
    share = max(1 / _MEAN_OVER, 1 / step)
    for mean, value in zip(average.parameters(), network.parameters(), strict=True):
        mean.lerp_(value.detach(), share)


def train(
    examples: Examples, held_out: Examples, steps: int, weights: Path, card: Card, seed: int, start: Path | None
) -> None:
    """Train a network and save it, averaged over its last steps, every few hundred steps.

    Args:
        examples: To learn from.
        held_out: To measure on.
        steps: Steps of the optimiser, whose learning rate falls along a cosine.
        weights: The file to write.
        card: What it says of itself, but for what is measured.
        seed: Decides all that is drawn.
        start: Weights to go on from; None to begin with fresh numbers.
    """
    torch.manual_seed(seed)
    network = Estimator(**card.dimensions)
    if start is not None:
        fill(network, start)
    else:
        standardize(network, examples.statistics)
    network.train()
    average = copy.deepcopy(network).requires_grad_(False).eval()
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=_RATE if start is None else _RATE_FROM_THERE, weight_decay=0.03
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(1, steps + 1):
        chosen = torch.randint(len(examples.chances), (_BATCH,))
        shown = torch.randperm(TILES)[: int(torch.randint(TILES // 2, TILES + 1, ()))]
        seen = examples.statistics[chosen][:, shown]
        measured, logits = network(seen + _BLURRED * network.deviation * torch.randn_like(seen))
        optimizer.zero_grad()
        loss(measured, logits, examples.measures[chosen], examples.chances[chosen]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        average_in(average, network, step)
        if step % _SAVED_EVERY == 0 or step == steps:
            scores = measure(average, held_out)
            _log.info("step %d of %d: %s", step, steps, scores)
            kept = {**vars(card), "steps": step, "scores": [scores]}
            save_weights(weights, average.state_dict(), Card(**kept))


def measure(network: Estimator, examples: Examples) -> dict[str, Any]:
    """Return mean absolute errors of the measures, and the shares of the chances that lie on the right side of 0.5."""
    with torch.inference_mode():
        measured, logits = network(examples.statistics)
    measures, chances = examples.measures, examples.chances
    errors = (measured - measures).abs().nanmean(dim=0).tolist()
    right = torch.where(chances.isnan(), math.nan, ((logits > 0) == (chances > 0.5)).float()).nanmean(dim=0).tolist()
    scores: dict[str, Any] = {"data": "held-out pictures", "protocol": "estimator"}
    scores |= {"loss": round(float(loss(measured, logits, measures, chances)), 4)}
    scores |= {f"error of {name}": round(error, 3) for name, error in zip(MEASURES, errors, strict=True)}
    return scores | {f"{name} told right": round(share, 3) for name, share in zip(CHANCES, right, strict=True)}


def main() -> None:
    """Make examples, learn from them, and write the weights."""
    parser = argparse.ArgumentParser(description="Train the estimator of what is wrong with a photo.")
    parser.add_argument("weights", type=Path, metavar="WEIGHTS", help="the file to write")
    parser.add_argument("photos", type=Path, nargs="+", metavar="PHOTOS", help="folders of clean photos")
    parser.add_argument("--each", type=int, default=7, help="examples of each picture")
    parser.add_argument("--examples", type=Path, help="a folder that keeps them, so that another run goes on with them")
    parser.add_argument("--start", type=Path, metavar="WEIGHTS", help="weights to go on from")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", default="", help="what the card says of the photos")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if args.examples is not None:
        args.examples.mkdir(parents=True, exist_ok=True)
    held_out = make_examples(args.photos, args.each, args.examples, held_out=True)
    examples = make_examples(args.photos, args.each, args.examples)
    about = {"each": args.each, "seed": args.seed, "steps": args.steps}
    card = Card(
        "estimator",
        {"statistics": examples.statistics.shape[-1]},
        {"name": "train_estimator", **about},
        args.data,
        "Apache-2.0",
        __version__,
    )
    train(examples, held_out, args.steps, args.weights, card, args.seed, args.start)


if __name__ == "__main__":
    main()
