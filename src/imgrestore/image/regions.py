"""Where tiles lie along an axis, what they see, and how much each counts.

Geometry is separable: rows and columns are planned by the same functions and a tile's weight is the product of its two
axes' weights. Along each axis the weights of all tiles sum to one at every sample, so no map of counts is needed and a
row is final as soon as the next tile row has passed.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgrestore.errors import UsageError


@dataclass(frozen=True)
class Span:
    """One tile along one axis, in input samples.

    Attributes:
        start: First sample the network sees.
        stop: One past the last sample the network sees.
        keep_start: First sample the tile contributes to.
        keep_stop: One past the last sample it contributes to.
        weights: How much it counts at each sample from ``keep_start`` to ``keep_stop``.
    """

    start: int
    stop: int
    keep_start: int
    keep_stop: int
    weights: NDArray[np.float32]


@dataclass(frozen=True)
class Region:
    """A rectangle of an image, in pixels.

    Attributes:
        left: First column.
        top: First row.
        width: Number of columns.
        height: Number of rows.
    """

    left: int
    top: int
    width: int
    height: int

    @classmethod
    def parse(cls, text: str) -> Region:
        """Read ``X,Y,WIDTH,HEIGHT``.

        Raises:
            UsageError: It is not of that form.
        """
        numbers = text.split(",")
        if len(numbers) != 4 or not all(re.fullmatch(r"\s*\d{1,9}\s*", number) for number in numbers):
            raise UsageError(
                f"{text!r} is not a region", hint="X,Y,WIDTH,HEIGHT in pixels of the result: 400,300,256,256"
            )
        return cls(*(int(number) for number in numbers))

    def __str__(self) -> str:
        """Return ``X,Y,WIDTH,HEIGHT``."""
        return f"{self.left},{self.top},{self.width},{self.height}"

    def within(self, width: int, height: int) -> bool:
        """Return whether it is not empty and lies inside an image of this size."""
        return (
            min(self.left, self.top) >= 0
            and min(self.width, self.height) >= 1
            and self.left + self.width <= width
            and self.top + self.height <= height
        )

    def moved(self, across: int, down: int) -> Region:
        """Return the same so many pixels further right and down."""
        return Region(self.left + across, self.top + down, self.width, self.height)

    def meets(self, row: Span, column: Span) -> bool:
        """Return whether a tile contributes to it."""
        return (
            row.keep_start < self.top + self.height
            and row.keep_stop > self.top
            and column.keep_start < self.left + self.width
            and column.keep_stop > self.left
        )

    def source(self, across: float, down: float, reach: int) -> Region:
        """Return what it is made of in an image that was enlarged by two factors and a kernel of some reach."""
        left, top = (math.floor(first / by) for first, by in ((self.left, across), (self.top, down)))
        right = math.ceil((self.left + self.width) / across)
        bottom = math.ceil((self.top + self.height) / down)
        wide, high = (math.ceil(reach * max(1.0, 1 / by)) + 1 for by in (across, down))
        return Region(left - wide, top - high, right - left + 2 * wide, bottom - top + 2 * high)


def exact_span(top: int, length: int, tile: int, halo: int) -> Span:
    """Return the tile that keeps ``tile`` samples from ``top`` on and sees ``halo`` more on either side.

    Args:
        top: First sample kept.
        length: Samples along the axis.
        tile: Samples kept by a tile; the last one keeps what is left.
        halo: Radius of the receptive field.
    """
    stop = min(top + tile, length)
    ones = np.ones(stop - top, dtype=np.float32)
    return Span(max(0, top - halo), min(length, stop + halo), top, stop, ones)


def exact_spans(length: int, tile: int, halo: int) -> list[Span]:
    """Cut an axis into tiles that each keep their own samples and count fully."""
    return [exact_span(top, length, tile, halo) for top in range(0, length, tile)]


def blended_spans(length: int, block: int, overlap: int) -> list[Span]:
    """Cut an axis into blocks of one size that overlap and fade into each other.

    The weights of a block rise linearly over its overlap, 1 / (overlap + 1), 2 / (overlap + 1), …, and are divided by
    their sum over all blocks; with regular overlaps these are the centre-weighted ramps of Y. Yang, Q. Zheng (.2 .4 .6
    .8 for an overlap of 4). The last block is moved back to end with the axis.

    Args:
        length: Samples along the axis, at least ``block``.
        block: Samples in a block.
        overlap: Samples shared by neighbours, less than ``block``.
    """
    stride = block - overlap
    starts = [*range(0, length - block, stride), length - block]
    position = np.arange(block)
    edge = np.minimum(position + 1, block - position) / (overlap + 1)
    total = np.zeros(length)
    ramps = []
    for start in starts:
        ramp = np.minimum(1.0, edge)
        total[start : start + block] += ramp
        ramps.append(ramp)
    return [
        Span(start, start + block, start, start + block, (ramp / total[start : start + block]).astype(np.float32))
        for start, ramp in zip(starts, ramps, strict=True)
    ]
