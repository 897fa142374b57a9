"""Training the guard: ``python -m imgrestore.automatic.train_guard WEIGHTS PHOTOS``.

Clean photos and drawn pictures are damaged as for the estimator, and restored well and badly. The truth tells what
every blend of an input and its result would have cost. Every eighth picture is held out for measuring.
"""

from __future__ import annotations

import argparse
import copy
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d
from torch.nn.utils import clip_grad_norm_

from imgrestore import __version__
from imgrestore.automatic.attempts import Network, attempts
from imgrestore.automatic.damaging import Damaged
from imgrestore.automatic.train_estimator import average_in, pictures, pixels_of, standardize
from imgrestore.engine.guard import Judge, described_around, measured, rows_around
from imgrestore.engine.plausibility import CELL
from imgrestore.engine.prepare import prepare
from imgrestore.image.color import luma
from imgrestore.image.resampling import resize
from imgrestore.weights.cards import Card
from imgrestore.weights.catalogue import choose
from imgrestore.weights.storage import save_weights

_NETWORKS = ("resnet-denoise", "unet-denoise", "resnet-deblur")
_SIZE = 6 * CELL, 8 * CELL
_MARGIN = 16
"""Pixels around an example that are damaged with it and cut off."""

_SHRUNK, _DARK = (1, 1, 2, 3), 0.12
"""How many times smaller a photo is made, as far as its size allows, and the share of pictures as dark as nights."""

_CERTAINLY = 0.9
_BATCH = 48
_BLURRED = 0.08
"""Noise on the statistics in training, in standard deviations, so that few pictures are not learnt by heart."""

_FAINT = 1.0
"""Added to mean squared errors before logarithms, in levels of 255 squared: less is no loss that anybody sees."""

_HARM = 0.5
_OF_CELLS = 0.25
"""How much more a blend counts that is worse than the input, and how much errors of single cells count."""

_TRUST = 2.0
"""Added to the last layer's bias after training, settled on pictures that were held out. With less, results on slight
white noise, which is hard to tell from texture, are held back too much; more lets more harm pass."""

_WORSE = 0.05
"""Decibels by which a result may be below its input before it counts as worse."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Examples:
    """Attempts at restoring damaged pictures, and what their blends with the input cost.

    Attributes:
        statistics: (N, K, F) of the K cells of each.
        errors: (N, K, 3) in levels squared: mean squares of what the input lacks of the truth, of the product of that
            with what the attempt changed, and of what it changed.
        kinds: Who attempted each, with ``" clean"`` behind if there was nothing to restore.
    """

    statistics: Tensor
    errors: Tensor
    kinds: tuple[str, ...]


def damaged(picture: NDArray[np.uint8], rng: np.random.Generator) -> tuple[Tensor, Tensor, bool] | None:
    """Cut a part out of a clean picture (H, W, 3) and damage it.

    Returns:
        The part damaged and clean, (3, H, W) in [0, 1], and whether it was left clean; None if it is too small.
    """
    clean = torch.from_numpy(picture).permute(2, 0, 1).float() / 255
    height, width = (side + 2 * _MARGIN for side in _SIZE)
    fits = [by for by in _SHRUNK if clean.shape[1] >= height * by and clean.shape[2] >= width * by]
    if not fits:
        return None
    by = int(rng.choice(fits))
    top, left = (
        int(rng.integers(0, side - by * part + 1)) for side, part in zip(clean.shape[1:], (height, width), strict=True)
    )
    clean = resize(clean[None, :, top : top + by * height, left : left + by * width], (height, width), "bicubic")[0]
    if rng.random() < _DARK:
        clean = clean.clamp(0, 1) ** float(rng.uniform(1.2, 2.5)) * float(rng.uniform(0.4, 1))
    clean = (clean.clamp(0, 1) * 255).round() / 255
    made = Damaged(clean, rng)
    made.damage()
    image, truth = made.image[0], clean.roll(made.moved, dims=(1, 2))
    if bool((image == image[:1]).all()):
        truth = luma(truth).expand(3, -1, -1)
    image, truth = (each[:, _MARGIN:-_MARGIN, _MARGIN:-_MARGIN] for each in (image, truth))
    return image, truth, made.chances["clean"] > _CERTAINLY


def example(image: Tensor, restored: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Measure an attempt, all (3, H, W) in [0, 1].

    Returns:
        Statistics (K, F) and errors (K, 3).
    """
    extent = image.shape[-2], image.shape[-1]
    rows = rows_around(measured([image], [restored], extent))
    statistics = torch.cat([described_around(means, at) for means, at in rows])
    missing, changed = 255 * (truth - image), 255 * (restored - image)
    products = torch.stack([missing * missing, missing * changed, changed * changed]).mean(dim=1)
    return statistics, avg_pool2d(products, CELL).flatten(1).T


def make_examples(
    folders: Sequence[Path], each: int, networks: Mapping[str, Network], *, held_out: bool = False
) -> Examples:
    """Make examples from all photos in some folders, and from drawn pictures.

    Args:
        folders: Of clean photos.
        each: How often each picture is damaged.
        networks: Restore, by their names.
        held_out: Whether from the pictures that are held out, or from the others.
    """
    found: list[tuple[Tensor, Tensor]] = []
    kinds: list[str] = []
    for number, source in pictures(folders, held_out=held_out):
        picture = pixels_of(source)
        for again in range(each):
            rng = np.random.default_rng([number, again])
            if (made := damaged(picture, rng)) is None:
                break
            image, truth, clean = made
            for name, restored in attempts(image, truth, networks, rng):
                found.append(example(image, restored, truth))
                kinds.append(name + " clean" * clean)
        _log.info("%d examples, the last from picture %d", len(found), number)
    statistics, errors = map(torch.stack, zip(*found, strict=True))
    return Examples(statistics, errors, tuple(kinds))


def blended(errors: Tensor, strength: Tensor | float) -> Tensor:
    """Return the mean squared errors (..., K) that are left if so much of each cell's change is taken."""
    return errors[..., 0] - 2 * strength * errors[..., 1] + strength**2 * errors[..., 2]


def best(errors: Tensor) -> Tensor:
    """Return the strengths that leave least, by the method of least squares."""
    return (errors[..., 1] / errors[..., 2].clamp_min(1e-6)).clamp(0, 1)


def loss(judged: Tensor, errors: Tensor) -> Tensor:
    """Return by how much more than needed is left, as logarithms, of pictures and cells, and how much is harm.

    Args:
        judged: What the network says of (N, K) cells; beyond 0 and 1 only the gradient heeds it.
        errors: (N, K, 3).
    """
    strength = judged + (judged.clamp(0, 1) - judged).detach()
    left = blended(errors, strength), blended(errors, best(errors)), errors[..., 0]
    pictures_ = [(each.mean(dim=1).clamp_min(0) + _FAINT).log() for each in left]
    cells = [(each.clamp_min(0) + _FAINT).log() for each in left]
    both = [(a - b + _HARM * (a - c).clamp_min(0)).mean() for a, b, c in (pictures_, cells)]
    return both[0] + _OF_CELLS * both[1]


def train(examples: Examples, held_out: Examples, steps: int, weights: Path, card: Card, seed: int = 0) -> None:
    """Train a new network and save it, averaged over its last steps.

    Args:
        examples: To learn from.
        held_out: To measure on.
        steps: Steps of the optimiser, whose learning rate falls along a cosine.
        weights: The file to write.
        card: What it says of itself, but for what is measured.
        seed: Decides all that is drawn.
    """
    torch.manual_seed(seed)
    network = Judge(**card.dimensions)
    standardize(network, examples.statistics)
    average = copy.deepcopy(network).requires_grad_(False).eval()
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(1, steps + 1):
        chosen = torch.randint(len(examples.kinds), (_BATCH,))
        seen = examples.statistics[chosen]
        judged = network(seen + _BLURRED * network.deviation * torch.randn_like(seen))
        optimizer.zero_grad()
        loss(judged, examples.errors[chosen]).backward()  # type: ignore[no-untyped-call]
        clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        average_in(average, network, step)
        if step % (steps // 4) == 0:
            _log.info("step %d of %d: loss %.4f", step, steps, _loss_of(average, held_out))
    list(average.parameters())[-1].add_(_TRUST)
    scores = measure(average, held_out)
    kept = {**vars(card), "steps": steps, "scores": scores}
    save_weights(weights, average.state_dict(), Card(**kept))


def _loss_of(network: Judge, examples: Examples) -> float:
    with torch.inference_mode():
        return float(loss(network(examples.statistics), examples.errors))


def measure(network: Judge, examples: Examples) -> list[dict[str, Any]]:
    """Return for each kind of attempts what is gained over the input in dB, and how many are worse than it."""
    with torch.inference_mode():
        strength = network(examples.statistics).clamp(0, 1)
    scores = []
    for kind in sorted(set(examples.kinds)):
        chosen = torch.tensor([each == kind for each in examples.kinds])
        errors = examples.errors[chosen]
        given, whole, held = (
            -10 * (blended(errors, each).mean(dim=1) + _FAINT).log10() for each in (0.0, 1.0, strength[chosen])
        )
        score: dict[str, Any] = {"data": f"held-out pictures, {kind}", "protocol": "guard", "pictures": len(errors)}
        for name, values in (("without", whole - given), ("with", held - given)):
            score[f"gain {name}"] = round(float(values.mean()), 3)
            score[f"worse {name}"] = round(float((values < -_WORSE).float().mean()), 3)
        score["untouched"] = round(float((strength[chosen] == 1).all(dim=1).float().mean()), 3)
        _log.info("%s", score)
        scores.append(score)
    return scores


def main() -> None:
    """Make examples, learn from them, and write the weights."""
    parser = argparse.ArgumentParser(description="Train the guard that judges results.")
    parser.add_argument("weights", type=Path, metavar="WEIGHTS", help="the file to write")
    parser.add_argument("photos", type=Path, nargs="+", metavar="PHOTOS", help="folders of clean photos")
    parser.add_argument("--each", type=int, default=3, help="times that each picture is damaged")
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", default="", help="what the card says of the photos")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    networks = {name: prepare(choose(name), device="auto").restore_tensor for name in _NETWORKS}
    held_out = make_examples(args.photos, args.each, networks, held_out=True)
    examples = make_examples(args.photos, args.each, networks)
    about = {"each": args.each, "seed": args.seed, "steps": args.steps, "networks": _NETWORKS}
    card = Card(
        "guard",
        {"statistics": examples.statistics.shape[-1]},
        {"name": "train_guard", **about},
        args.data,
        "Apache-2.0",
        __version__,
    )
    train(examples, held_out, args.steps, args.weights, card, args.seed)


if __name__ == "__main__":
    main()
