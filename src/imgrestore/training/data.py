"""The data of a run: what it learns from, and what is held out to measure it."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from imgrestore.datasets.pictures import Pictures, read_pictures
from imgrestore.datasets.samples import Batch, Samples
from imgrestore.errors import InputError, RecipeError
from imgrestore.evaluation import Pair, seeded
from imgrestore.metrics import SMALLEST_SIDES
from imgrestore.recipes.recipe import Recipe

_HELD_OUT_SAMPLES = 2048
"""At most this many samples of the held-out pictures make up the held-out loss."""


@dataclass(frozen=True)
class TrainingData:
    """What a run sees.

    Attributes:
        samples: What it learns from.
        held_out: Samples cut in the same way from pictures it never learns from, or None.
        pairs: Those pictures, whole.
        skipped: One line for each file that could not be used.
        name: Names the data in cards: folder and number of pictures.
        digest: Tells it from any other data.
    """

    samples: Samples
    held_out: Samples | None
    pairs: Sequence[Pair]
    skipped: Sequence[str]
    name: str
    digest: str

    def held_out_batches(self) -> list[Callable[[], Batch]]:
        """Return makers of the batches that the held-out loss is taken on, always the same."""
        if self.held_out is None:
            return []
        samples, size = self.held_out, self.samples.dataset.batch
        count = min(len(samples), _HELD_OUT_SAMPLES)
        starts = range(0, count, size)
        return [lambda start=start: samples.batch(range(start, min(start + size, count))) for start in starts]  # type: ignore[misc]


def read_data(recipe: Recipe, folder: Path, cache: int) -> TrainingData:
    """Read the pictures of a run and hold some of them out.

    Args:
        recipe: Says how to read, cut and degrade them.
        folder: Where they are.
        cache: Bytes of decoded pictures that may be kept in memory.

    Raises:
        InputError: The folder is missing or holds too few usable pictures.
    """
    found = recipe.data.find(folder, recipe.scale, cache)
    pictures, wanted = found.pictures, recipe.validation.images
    count = len(pictures)
    if count < wanted + 1:
        held = f", but {wanted} are held out for measuring" if wanted else ""
        raise InputError(
            f"{folder}: {count} usable image{'s' * (count != 1)}{held}",
            hint=found.skipped[0] if found.skipped else "give a folder with more images, or lower validation.images",
        )
    learned, chosen = recipe.data.divide(pictures, wanted)
    training = pictures.pick(learned)
    samples = Samples(recipe.data, training, recipe.degradation, recipe.scale, recipe.training.seed)
    whole, damaged = _in_memory(pictures.pick(chosen))
    if chosen and not len(whole):
        raise InputError(f"{folder}: none of the {wanted} images held out can be decoded", hint=damaged[0])
    held_out = replace(samples, pictures=whole) if chosen else None
    _check_metric(recipe, held_out)
    pairs = [_pair(held_out, i) for i in range(len(held_out.pictures))] if held_out else []
    digest = zlib.crc32(repr([*zip(training.names, training.shapes, strict=True)]).encode("utf-8", "surrogateescape"))
    name = f"{folder.resolve().name} ({len(set(learned))} images)"
    skipped = [line for line in found.skipped if line not in damaged]
    skipped += [f"{line} (it was held out for measuring)" for line in damaged]
    return TrainingData(samples, held_out, pairs, skipped, name, f"{len(training)} images, {digest:08x}")


def _in_memory(pictures: Pictures) -> tuple[Pictures, list[str]]:
    """Return held-out pictures, decoded once and for all, without damaged ones, and a line for each of these."""
    if pictures.load is None or (pictures.cached and len(pictures.readable()) == len(pictures)):
        return pictures, []
    decoded, damaged = read_pictures(pictures.names, pictures.shapes, pictures.files, pictures.load, pictures.bytes)
    return decoded.readable(), damaged


def _check_metric(recipe: Recipe, held_out: Samples | None) -> None:
    """Refuse a metric that decides about the best weights and exists on none of the held-out pictures."""
    metric = recipe.validation.best
    if held_out is None or metric == "psnr":
        return
    sides = [min(shapes[0][:2]) for shapes in held_out.pictures.shapes]
    if max(sides) < SMALLEST_SIDES[metric]:
        raise RecipeError(
            f"'validation.best': {metric} needs images of {SMALLEST_SIDES[metric]} pixels a side, "
            f"those held out have at most {max(sides)}",
            hint="decide by psnr",
        )


def on_gpu(data: TrainingData, device: torch.device) -> TrainingData:
    """Keep the pictures in the memory of a GPU, and make batches there.

    Done if all are decoded, half of what is free can hold them, and nothing that happens to them needs the CPU.
    """
    samples = data.samples
    pictures, happening = samples.pictures, (*samples.degradations, *samples.dataset.transform)
    if device.type != "cuda" or not pictures.cached or any(part.needs_cpu for part in happening):
        return data
    if 2 * pictures.memory.nbytes > torch.cuda.mem_get_info(device)[0]:
        return data
    return replace(data, samples=replace(samples, pictures=pictures.to(device)))


def _pair(samples: Samples, index: int) -> Pair:
    """Make a pair of a whole held-out picture: cropped to multiples of the scale, degraded with a seed of its name."""
    name, scale = samples.pictures.names[index], samples.scale

    def load() -> tuple[Tensor, Tensor]:
        views = [view.permute(2, 0, 1)[None].float() / 255 for view in samples.pictures[index]]
        height, width = (side // scale * scale for side in views[0].shape[-2:])
        views[0] = views[0][..., :height, :width]
        lq, gt = samples.pair(views, seeded(name))
        return lq[0].expand(3, -1, -1), gt[0].expand(3, -1, -1)

    return Pair(name, load, scale)
