"""Never worse: a result counts only as far as it is plausible beside its input, place by place.

A grid of cells lies over the image, from its first pixel on, whatever tiles, bands or crops there are. A small network
judges each cell by what :mod:`.plausibility` measures of it and of the cells around, for damage is alike in a whole
neighbourhood and structure is not; the strength of a pixel lies between those of the nearest cells' centres.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool1d

from imgrestore.engine.plausibility import CELL, MARGIN, described, moments
from imgrestore.image.regions import Region
from imgrestore.image.rows import RowWindow, mirrored_places
from imgrestore.weights.cards import read_card
from imgrestore.weights.storage import fill

NEIGHBOURS = 2
"""Cells on either side that are judged with a cell."""

REACH = (NEIGHBOURS + 2) * CELL + MARGIN
"""Pixels on either side that the strength of a pixel depends on, at most."""

_FURTHEST = 5.0
"""Deviations from the mean beyond which statistics count as so far."""

_LEAST, _MOST = -0.1, 1.6
"""Range of a judgement before it is clipped, so that what the network is sure of is exactly 0 or 1."""

_NOTABLE = 0.5
"""Mean strength below which a person is told."""


@dataclass
class HeldBack:
    """How much of a result was held back.

    Attributes:
        cells: Cells that were judged.
        lowered: Those of them whose strength was lowered.
        sum: The sum of all strengths.
    """

    cells: int = 0
    lowered: int = 0
    sum: float = 0.0

    def note(self, strengths: Tensor) -> None:
        """Count some cells by their strengths, any shape."""
        self.cells += strengths.numel()
        self.lowered += int((strengths < 1).sum())
        self.sum += float(strengths.double().sum())

    @property
    def share(self) -> float:
        """Share of the picture where the strength was lowered, 0 to 1."""
        return self.lowered / max(1, self.cells)

    @property
    def strength(self) -> float:
        """Mean strength of the picture, 0 to 1."""
        return self.sum / self.cells if self.cells else 1.0

    @property
    def notices(self) -> tuple[str, ...]:
        """What a person should know, if it matters."""
        if self.strength >= _NOTABLE:
            return ()
        share = f"{100 * self.share:.0f} %"
        return (f"the result was held back in {share} of the picture, where it is not plausible (--no-guard takes it)",)

    def table(self) -> dict[str, float]:
        """Return it as plain data."""
        return {"share": round(self.share, 4), "strength": round(self.strength, 4)}


class Judge(nn.Module):
    """Says how far a result is to be trusted: the blend of input and result that has the least error.

    That blend, <gt - in, out - in> / |out - in|^2 clipped to [0, 1], is known where the truth is, in training.

    Attributes:
        mean: Of each of the statistics in training, which are brought to a mean of 0 and a deviation of 1.
        deviation: Their standard deviations.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, statistics: int, width: int = 48, dropout: float = 0.15) -> None:
        """Build with fresh numbers.

        Args:
            statistics: How many there are of a cell and its neighbourhood.
            width: Numbers between the layers.
            dropout: Share of them that is left out in training.
        """
        super().__init__()
        self.register_buffer("mean", torch.zeros(statistics))
        self.register_buffer("deviation", torch.ones(statistics))
        self.layers = nn.Sequential(
            nn.Linear(statistics, width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, 1),
        )

    def forward(self, statistics: Tensor) -> Tensor:
        """Judge cells (..., F) as (...), from a little below 0 to a little above 1: beyond these it is sure."""
        even = ((statistics - self.mean) / self.deviation).clamp(-_FURTHEST, _FURTHEST)
        told: Tensor = self.layers(even)[..., 0].sigmoid()
        return _LEAST + (_MOST - _LEAST) * told


@cache
def judge(path: Path) -> Judge:
    """Return the trained network of a weights file.

    Raises:
        WeightsError: The file is missing or damaged, or does not fit.
    """
    network = Judge(**read_card(path).dimensions)
    fill(network, path)
    return network.eval()


def guarded(
    before: Iterable[Tensor],
    after: Iterable[Tensor],
    extent: tuple[int, int],
    network: Judge,
    held: HeldBack,
    wanted: Region | None = None,
) -> Iterator[Tensor]:
    """Bring a result back towards its input where it is not plausible.

    Args:
        before: Bands (3, h, W) of the image, RGB in [0, 1].
        after: Those of the result, of the same size.
        extent: Height and width.
        network: Judges each cell.
        held: Told what was held back.
        wanted: The only part that counts there, or None for all.

    Yields:
        Bands of the result; what is trusted is as it was, bit for bit.
    """
    height, width = extent
    seen, kept = zip(itertools.tee(before), itertools.tee(after), strict=True)
    old, new = map(RowWindow, kept)
    counted = wanted or Region(0, 0, width, height)
    first, last = max(0, counted.left // CELL), (counted.left + counted.width - 1) // CELL
    for row, (strengths, at) in enumerate(rows_around(_strengths(measured(*seen, extent), network), 1)):
        top, bottom = row * CELL, min((row + 1) * CELL, height)
        if counted.top < bottom and counted.top + counted.height > top:
            held.note(strengths[at][first : last + 1])
        original, restored = old.take(top, bottom), new.take(top, bottom)
        nearest = torch.stack([strengths[max(0, at - 1)], strengths[at], strengths[min(at + 1, len(strengths) - 1)]])
        if bool((nearest == 1).all()):
            yield restored
            continue
        strength = _between(_between(nearest, CELL, CELL).T, 0, width).T[: bottom - top]
        yield torch.where(strength == 1, restored, original + strength * (restored - original))


def measured(before: Iterable[Tensor], after: Iterable[Tensor], extent: tuple[int, int]) -> Iterator[Tensor]:
    """Measure an image and its result, row of cells by row of cells; beyond their edges both go on mirrored.

    Args:
        before: Bands (3, h, W) of the image.
        after: Those of the result.
        extent: Height and width.

    Yields:
        What :func:`.moments` says, (n, M).
    """
    height, width = extent
    windows = RowWindow(before), RowWindow(after)
    right = mirrored_places(range(width, math.ceil(width / CELL) * CELL + MARGIN), width)
    left = mirrored_places(range(-MARGIN, 0), width)
    for top in range(0, height, CELL):
        rows = mirrored_places(range(top - MARGIN, top + CELL + MARGIN), height)
        first = int(rows.min())
        held = (window.take(first, int(rows.max()) + 1)[:, rows - first] for window in windows)
        yield moments(*(torch.cat([each[..., left], each, each[..., right]], dim=2).clamp(0, 1) for each in held))


def described_around(means: Sequence[Tensor], at: int) -> Tensor:
    """Describe the cells of one row and their neighbourhoods.

    Args:
        means: What was measured of the rows up to :data:`NEIGHBOURS` above and below, each (n, M).
        at: Which of them is the row.

    Returns:
        (n, F).
    """
    columns = torch.stack([*means]).mean(dim=0).T[:, None]
    near = avg_pool1d(columns, 2 * NEIGHBOURS + 1, 1, NEIGHBOURS, count_include_pad=False)[:, 0].T
    return torch.cat([described(means[at]), described(near)], dim=1)


@torch.inference_mode()
def _strengths(means: Iterable[Tensor], network: Judge) -> Iterator[Tensor]:
    """Judge one row of cells after the other, (n,) in [0, 1]."""
    for rows, at in rows_around(means):
        yield network(described_around(rows, at)).clamp(0, 1)


def rows_around(rows: Iterable[Tensor], reach: int = NEIGHBOURS) -> Iterator[tuple[list[Tensor], int]]:
    """Yield for each of some rows those up to ``reach`` above and below, and its place among them."""
    held: list[Tensor] = []
    at = -reach - 1
    for row in itertools.chain(rows, itertools.repeat(None, reach)):
        held += [row] if row is not None else []
        at += 1
        if at > reach:
            held, at = held[1:], reach
        if at >= 0:
            yield held, at


def _between(values: Tensor, start: int, length: int) -> Tensor:
    """Interpolate linearly between cells: (k, n) to (length, n), beginning at pixel ``start``."""
    place = (torch.arange(start, start + length) + 0.5) / CELL - 0.5
    before = place.floor().long()
    return torch.lerp(
        values[before.clamp(0, len(values) - 1)],
        values[(before + 1).clamp(0, len(values) - 1)],
        (place - before)[:, None],
    )
