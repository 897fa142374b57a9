"""The data of a run: what it learns from, and what is held out to measure it."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from imgrestore.datasets.pictures import Pictures, read_pictures
from imgrestore.datasets.samples import Batch, Samples
from imgrestore.errors import InputError, RecipeError
from imgrestore.evaluation.evaluate import Pair, seeded
from imgrestore.metrics import SMALLEST_SIDES
from imgrestore.recipes.recipe import Recipe

_HELD_OUT_SAMPLES = 2048
"""At most this many samples of the held-out pictures make up the held-out loss."""

CROP = 512
"""Pixels of a side of what is measured of a held-out picture, at most."""


@dataclass(frozen=True)
class TrainingData:
    """What a run sees.

    Attributes:
        samples: What it learns from.
        held_out: Samples cut in the same way from pictures it never learns from, or None.
        pairs: Those pictures, or the middle of larger ones, and what they are after degrading.
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


def _pair(samples: Samples, index: int) -> Pair:
    """Make a pair of the middle of a held-out picture, degraded with a seed of its name as samples are."""
    name, scale, border = samples.pictures.names[index], samples.scale, samples.dataset.border

    def load() -> tuple[Tensor, Tensor]:
        whole = samples.pictures[index]
        height, width = (min(side // scale, CROP // scale + 2 * border) for side in whole[0].shape[:2])
        views = [_middle(view, height, width, scale * view.shape[0] // whole[0].shape[0]) for view in whole]
        lq, gt = samples.pair(views, seeded(name))
        down, across = (border if side > 2 * border + CROP // scale // 2 else 0 for side in (height, width))
        lq, gt = _trimmed(lq, down, across), _trimmed(gt, down * scale, across * scale)
        return lq[0].expand(3, -1, -1).contiguous(), gt[0].expand(3, -1, -1).contiguous()

    return Pair(name, load, scale)


def _middle(view: Tensor, height: int, width: int, unit: int) -> Tensor:
    """Cut the middle out of a view (H, W, C): so many units of so many pixels; (1, C, h, w) in [0, 1]."""
    top, left = ((whole // unit - part) // 2 * unit for whole, part in zip(view.shape, (height, width), strict=False))
    cut = view[top : top + height * unit, left : left + width * unit]
    return cut.permute(2, 0, 1)[None].float() / 255


def _trimmed(image: Tensor, down: int, across: int) -> Tensor:
    return image[..., down : image.shape[-2] - down, across : image.shape[-1] - across]
