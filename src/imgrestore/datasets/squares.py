"""Squares cut out of pictures, turned and mirrored: sliced on the CPU, gathered from packed pictures on a GPU.

Both give the same pixels. On a GPU one gather cuts a whole batch; on the CPU slices take a small part of its time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from imgrestore.datasets.pictures import Pictures, Views
from imgrestore.degradations.streams import Streams


@dataclass(frozen=True)
class Packed:
    """Pictures end to end in the memory of one device, and where they lie there.

    Attributes:
        memory: Samples of all of them, uint8.
        starts: Where each view begins, (views, pictures) int64.
        heights: Rows of the first views, (pictures,) int64.
        widths: Columns of each view, (views, pictures) int64.
        ratios: How many times smaller each view is than the first one.
        channels: Channels of all of them.
    """

    memory: Tensor
    starts: Tensor
    heights: Tensor
    widths: Tensor
    ratios: tuple[int, ...]
    channels: int

    @classmethod
    def of(cls, pictures: Pictures, device: torch.device) -> Packed:
        """Pack pictures that are all in memory; those that are damaged stand for the next one that is not."""
        count = len(pictures)
        sound = [pictures.sound(number) for number in range(count)]
        starts = torch.tensor([pictures.starts(number) for number in sound], device=device)
        shapes = torch.tensor([pictures.shapes[number] for number in sound], device=device)
        ratios = tuple(pictures.shapes[0][0][0] // height for height, _, _ in pictures.shapes[0])
        memory, channels = pictures.memory.to(device), pictures.shapes[0][0][2]
        return cls(memory, starts.T.contiguous(), shapes[:, 0, 0], shapes[..., 1].T.contiguous(), ratios, channels)


@dataclass(frozen=True)
class Squares:
    """Places in pictures, one for each of N samples, (N,) int64 in pixels of the first view.

    Attributes:
        top: First row.
        left: First column.
        pose: Twice the quarter turns counter-clockwise, 0 to 6, and one more if mirrored left to right after that.
        side: Rows and columns of all squares.
    """

    top: Tensor
    left: Tensor
    pose: Tensor
    side: int

    @classmethod
    def drawn(cls, heights: Tensor, widths: Tensor, side: int, unit: int, streams: Streams) -> Squares:
        """Draw a place anywhere in each picture, at multiples of ``unit``, and one of the eight poses."""
        top, left = (streams.integers(((lengths - side) // unit + 1)[:, None]) * unit for lengths in (heights, widths))
        return cls(top, left, streams.integers(8), side)

    def sliced(self, pictures: Sequence[Views]) -> list[Views]:
        """Cut the squares out of all views (H, W, C) of N pictures."""
        places = zip(self.top.tolist(), self.left.tolist(), self.pose.tolist(), pictures, strict=True)
        return [
            tuple(
                _posed(_slice(view, top, left, self.side, views[0].shape[0] // view.shape[0]), pose) for view in views
            )
            for top, left, pose, views in places
        ]

    def gathered(self, packed: Packed, pictures: Tensor) -> list[Tensor]:
        """Cut the squares out of all views of N packed pictures, told by their numbers: (N, s, s, C) for each view."""
        found = []
        for starts, widths, ratio in zip(packed.starts, packed.widths, packed.ratios, strict=True):
            row, column = self._sources(self.side // ratio)
            row, column = row + (self.top // ratio)[:, None, None], column + (self.left // ratio)[:, None, None]
            pixel = row * widths[pictures][:, None, None] + column
            first = starts[pictures][:, None, None] + pixel * packed.channels
            channel = torch.arange(packed.channels, device=first.device)
            found.append(packed.memory[first[..., None] + channel])
        return found

    def _sources(self, side: int) -> tuple[Tensor, Tensor]:
        """Return which rows and columns of the square in its picture the pixels of the posed one are, (N, s, s)."""
        turns, mirrored = (self.pose // 2)[:, None, None], (self.pose % 2).bool()[:, None, None]
        ahead = torch.arange(side, device=turns.device)
        row, column = ahead[:, None].expand(side, side), ahead.expand(side, side)
        column = torch.where(mirrored, side - 1 - column, column)
        for turn in range(1, 4):  # a quarter turn takes what is at (column, last - row)
            turned = turns >= turn
            row, column = torch.where(turned, column, row), torch.where(turned, side - 1 - row, column)
        return row, column


def _slice(view: Tensor, top: int, left: int, side: int, ratio: int) -> Tensor:
    return view[top // ratio : (top + side) // ratio, left // ratio : (left + side) // ratio]


def _posed(square: Tensor, pose: int) -> Tensor:
    square = torch.rot90(square, pose // 2)
    return square.flip(1) if pose % 2 else square
