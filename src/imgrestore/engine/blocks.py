"""Images of any size through a network of one fixed size: overlapping blocks that fade into each other."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from imgrestore.image.regions import Region, Span, blended_spans
from imgrestore.image.rows import RowWindow, repeated
from imgrestore.models.contract import RestorationModel

_TOGETHER = 2**13
"""Pixels of the blocks that are computed together. Every batch has the same size, whatever the budget: the sums of
another size may round differently, and a block's result must not depend on how many others are computed beside it."""


def blended_rows(
    model: RestorationModel,
    compute: Callable[[Tensor], Tensor],
    source: RowWindow,
    extent: tuple[int, int],
    overlap: int,
    wanted: Region | None,
) -> Iterator[Tensor]:
    """Restore an image block by block.

    Args:
        model: What is known of the network.
        compute: The network: (N, 3, block, block) to (N, 3, scale * block, scale * block).
        source: Rows (3, h, W) of the image.
        extent: Its height and width.
        overlap: Pixels that neighbouring blocks share.
        wanted: The only part of the image whose blocks are computed, or None for all.

    Yields:
        Rows (3, h, scale * W) of the result, of any number.
    """
    height, width = extent
    block, scale = model.native_size or 0, round(model.scale)
    padded_height, padded_width = max(height, block), max(width, block)
    rows = blended_spans(padded_height, block, overlap)
    columns = blended_spans(padded_width, block, overlap)
    plan = [(row, [each for each in columns if wanted is None or wanted.meets(row, each)]) for row in rows]

    def blocks() -> Iterator[Tensor]:
        for row, chosen in plan:
            if chosen:
                strip = repeated(
                    source.take(row.start, min(row.stop, height)), padded_height - height, padded_width - width
                )
                for column in chosen:
                    yield strip[:, :, column.start : column.stop]

    restored = _restored(blocks(), compute, max(1, _TOGETHER // block**2))
    pending: Tensor | None = None
    for (row, chosen), following in itertools.zip_longest(plan, rows[1:]):
        canvas = torch.zeros(3, scale * block, scale * padded_width)
        for column, each in zip(chosen, _weighted(row, chosen, restored, scale), strict=True):
            canvas[:, :, scale * column.start : scale * column.stop] += each
        if pending is not None:
            canvas[:, : pending.shape[1]] += pending
        final = scale * ((following.start if following else padded_height) - row.start)
        beyond = scale * max(0, row.stop - height) if following is None else 0
        yield canvas[:, : final - beyond, : scale * width]
        pending = canvas[:, final:].clone()


def _restored(blocks: Iterator[Tensor], compute: Callable[[Tensor], Tensor], together: int) -> Iterator[Tensor]:
    """Compute blocks in batches of one size; the last one is filled up with copies."""
    while taken := list(itertools.islice(blocks, together)):
        batch = torch.stack([*taken, *itertools.repeat(taken[-1], together - len(taken))])
        yield from compute(batch)[: len(taken)]


def _weighted(row: Span, columns: list[Span], restored: Iterator[Tensor], scale: int) -> Tensor:
    """Take the restored blocks of a row, (N, 3, h, w), and weigh their pixels."""
    if not columns:
        return torch.empty(0)
    vertical = torch.from_numpy(row.weights.repeat(scale))
    horizontal = torch.stack([torch.from_numpy(column.weights.repeat(scale)) for column in columns])
    blocks = torch.stack(list(itertools.islice(restored, len(columns))))
    return blocks * vertical[:, None] * horizontal[:, None, None]
