"""Batches: samples cut from pictures and degraded.

The batch of a step is a function of the seed and of its place in the run alone, so a resumed run sees the data an
uninterrupted one would have seen, no state has to be kept, and several processes share the work without overlap.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imgrestore.datasets.contract import Dataset
from imgrestore.datasets.pictures import Pictures, Views
from imgrestore.degradations.contract import Degradation, degrade
from imgrestore.degradations.streams import Streams
from imgrestore.errors import ImgrestoreError, InputError, RecipeError

Batch = tuple[Tensor, Tensor]
"""Low-quality images (N, C, h, w) and ground truth (N, C, H, W), float32 in [0, 1]."""


@dataclass(frozen=True)
class Samples:
    """Samples of a data set in the order a run sees them.

    Attributes:
        dataset: What cuts them.
        pictures: What they are cut from.
        degradations: What makes a low-quality image out of ground truth, or worsens the low-quality view.
        scale: How many times smaller low-quality images are.
        seed: Decides everything drawn.
    """

    dataset: Dataset
    pictures: Pictures
    degradations: Sequence[Degradation]
    scale: int
    seed: int

    def __len__(self) -> int:
        """Return the number of samples in an epoch."""
        return int(self.ends[-1])

    @cached_property
    def ends(self) -> NDArray[np.int64]:
        """Samples in all pictures up to and including each."""
        return np.cumsum([self.dataset.samples_in(shapes[0]) for shapes in self.pictures.shapes])

    def batch(self, positions: Sequence[int]) -> Batch:
        """Return the samples at some positions of the run, which follow each other.

        Args:
            positions: Numbers from 0; each pass over all samples takes them in another order.

        Raises:
            InputError: The samples differ in size.
            RecipeError: The degradations do not shrink by the scale.
        """
        streams = Streams.seeded(self.seed, torch.tensor(positions))
        cut = self._cut(positions, streams.fork())
        if len({views[0].shape for views in cut}) > 1:
            raise InputError(
                "images of different sizes cannot form a batch", hint="set data.batch=1, or give data.size to resize"
            )
        return self.finished([torch.stack(alike) for alike in zip(*cut, strict=True)], streams)

    def finished(self, views: Sequence[Tensor], streams: Streams) -> Batch:
        """Turn the cut views (N, h, w, C) of samples, uint8, into a batch, on the device that they are on."""
        lq, gt = self.pair([view.permute(0, 3, 1, 2).float() / 255 for view in views], streams)
        border = self.dataset.border
        return _trim(lq, border), _trim(gt, border * self.scale)

    def _cut(self, positions: Sequence[int], streams: Streams) -> list[Views]:
        """Cut the samples: all at once where they are squares, else one by one."""
        numbers = self._in_order(positions)
        loaded = [self._readable(int(np.searchsorted(self.ends, number, side="right"))) for number in numbers]
        pictures = [views for views, _ in loaded]
        heights, widths = (torch.tensor([views[0].shape[axis] for views in pictures]) for axis in (0, 1))
        if squares := self.dataset.squares(heights, widths, len(pictures[0]), self.scale, streams):
            return squares.sliced(pictures)
        cut = []
        for position, number, (views, picture) in zip(positions, numbers, loaded, strict=True):
            rng = np.random.default_rng([self.seed, 1, position])
            sample = number - (int(self.ends[picture - 1]) if picture else 0)
            within = self.dataset.samples_in(_shape(views))
            sample = sample if 0 <= sample < within else int(rng.integers(within))  # of the next picture, if damaged
            cut.append(self.dataset.cut(views, sample, self.scale, rng))
        return cut

    def _in_order(self, positions: Sequence[int]) -> list[int]:
        """Return which samples stand at positions of the run."""
        return [
            int(_order(self.seed, epoch, len(self))[index])
            for epoch, index in (divmod(position, len(self)) for position in positions)
        ]

    def _readable(self, number: int) -> tuple[Views, int]:
        """Return a picture, or the next one if it is damaged: a single file does not end a long run."""
        for candidate in itertools.chain(range(number, len(self.pictures)), range(number)):
            with contextlib.suppress(ImgrestoreError):
                return self.pictures[candidate], candidate
        raise InputError("none of the images can be read any more", hint="look at the folder, then --resume")

    def pair(self, views: Sequence[Tensor], streams: Streams) -> Batch:
        """Turn views (N, C, H, W) of whole pictures or samples into low-quality images and ground truth."""
        gt = degrade(views[0], self.dataset.transform, streams)
        lq = degrade(gt if len(views) == 1 else views[1], self.degradations, streams)
        if (lq.shape[-2] * self.scale, lq.shape[-1] * self.scale) != tuple(gt.shape[-2:]):
            raise RecipeError(
                f"low-quality images are {lq.shape[-1]}x{lq.shape[-2]} for {gt.shape[-1]}x{gt.shape[-2]}, not "
                f"1/{self.scale}",
                hint="the recipe's degradations must shrink by the scale of its model",
            )
        return lq, gt


@dataclass(frozen=True)
class Share:
    """The batches that one of several processes takes: a sequence without end.

    Attributes:
        samples: Shared by all processes.
        rank: Number of the process.
        processes: Number of processes.
    """

    samples: Samples
    rank: int = 0
    processes: int = 1

    def __getitem__(self, number: int) -> Batch:
        """Return the batch of this process among those of all."""
        size = self.samples.dataset.batch
        start = (number * self.processes + self.rank) * size
        return self.samples.batch(range(start, start + size))


def orders(seed: int, epochs: Tensor, count: int) -> Tensor:
    """Return the orders in which some passes over all samples take them, (N, count) int64."""
    return Streams.seeded(seed, -1 - epochs).permutation(count)  # the numbers from 0 upwards are those of positions


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    order: NDArray[np.int64] = orders(seed, torch.tensor([epoch]), count)[0].numpy()
    return order


def _shape(views: Views) -> tuple[int, int, int]:
    height, width, channels = views[0].shape
    return height, width, channels


def _trim(image: Tensor, border: int) -> Tensor:
    return image[..., border : image.shape[-2] - border, border : image.shape[-1] - border]
