"""What a run would do, found out before it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from imgrestore.datasets.pictures import unreadable
from imgrestore.recipes.recipe import Recipe
from imgrestore.training.data import read_data
from imgrestore.training.plan import Plan
from imgrestore.training.step import Step
from imgrestore.training.windows import Windows


@dataclass(frozen=True)
class CheckReport:
    """What is known of a run before it.

    Attributes:
        facts: What and how much, in words.
        skipped: One line for each file that cannot be used.
    """

    facts: Sequence[tuple[str, str]]
    skipped: Sequence[str]


def check_run(recipe: Recipe, folder: Path, cache: int) -> CheckReport:
    """Read all data of a run, put one batch through the network and its losses, and report.

    Args:
        recipe: What would be trained.
        folder: Folder of pictures.
        cache: Bytes of decoded pictures that may be kept in memory.

    Raises:
        InputError: The data cannot be used.
        RecipeError: The recipe does not fit the model or the data.
    """
    data = read_data(recipe, folder, cache)
    samples, skipped = data.samples, list(data.skipped)
    plan = Plan.of(recipe, len(samples), 1)
    Windows(recipe, plan).check()
    step = Step(recipe, plan.stage(0), torch.device("cpu"))
    lq, gt = samples.batch(range(recipe.data.batch))
    loss = step.rehearse((lq, gt))
    pictures = samples.pictures.distinct()
    damaged = unreadable(pictures)
    skipped += damaged
    sides = sorted((shapes[0][:2] for shapes in pictures.shapes), key=math.prod)
    size = pictures.bytes / 2**20
    kept = "kept in memory" if pictures.cached else "more than --cache: in part decoded when needed"
    facts = [
        ("images to train on", str(len(pictures.readable()) - len(damaged))),
        ("held out for measuring", str(len(data.pairs))),
        ("files that cannot be used", str(len(skipped))),
        ("smallest and largest image", " and ".join(f"{w}x{h}" for h, w in (sides[0], sides[-1]))),
        ("decoded size", f"{size:.0f} MiB, {kept}"),
        ("samples in an epoch", str(len(samples))),
        ("a batch", f"{tuple(lq.shape)} to {tuple(gt.shape)}"),
        ("parameters", f"{sum(p.numel() for p in step.model.parameters()):,}"),
        ("loss of the first batch, all terms", f"{loss:.5f}"),
        ("length", _length(plan)),
    ]
    return CheckReport(facts, skipped)


def _length(plan: Plan) -> str:
    if plan.steps is None:
        return f"{plan.minutes:g} minutes"
    epochs = plan.steps * plan.samples_per_step / plan.samples
    return f"{plan.steps} steps, {epochs:.1f} epochs" + (
        f", in {len(plan.stages)} stages" if len(plan.stages) > 1 else ""
    )
