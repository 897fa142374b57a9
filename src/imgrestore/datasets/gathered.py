"""Batches made where the network is trained: cut from packed pictures by one gather, and degraded there.

They are those that :class:`~imgrestore.datasets.samples.Share` makes on the CPU, but for the rounding of float32. The
number of a batch is a tensor, and nothing here waits for its value, so that a CUDA graph can make batch after batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from imgrestore.datasets.samples import Batch, Samples, Share, orders
from imgrestore.datasets.squares import Packed
from imgrestore.degradations.streams import Streams


@dataclass(frozen=True)
class Gathered:
    """A share of the batches, made on the device of its packed pictures.

    Attributes:
        share: What is made.
        packed: The pictures.
        ends: Samples in all pictures up to and including each.
    """

    share: Share
    packed: Packed
    ends: Tensor

    @classmethod
    def of(cls, share: Share, device: torch.device) -> Gathered:
        """Copy the pictures of a share, see :func:`obstacle`, to a device."""
        samples = share.samples
        return cls(share, Packed.of(samples.pictures, device), torch.from_numpy(samples.ends).to(device))

    def __getitem__(self, number: Tensor) -> Batch:
        """Return the batch of this process among those of all, by its number () int64 on the device."""
        samples, size = self.share.samples, self.share.samples.dataset.batch
        first = (number * self.share.processes + self.share.rank) * size
        positions = first + torch.arange(size, device=number.device)
        streams = Streams.seeded(samples.seed, positions)
        pictures = torch.searchsorted(self.ends, self._in_order(positions), right=True)
        heights, widths = self.packed.heights[pictures], self.packed.widths[0, pictures]
        views = len(self.packed.ratios)
        squares = samples.dataset.squares(heights, widths, views, samples.scale, streams.fork())
        assert squares is not None, "such data sets are not gathered"
        return samples.finished(squares.gathered(self.packed, pictures), streams)

    def _in_order(self, positions: Tensor) -> Tensor:
        """Return which samples stand at positions of the run; their batch reaches into so many epochs at most."""
        count = len(self.share.samples)
        most = (len(positions) + count - 2) // count + 1
        epochs = positions // count
        order = orders(self.share.samples.seed, epochs[:1] + torch.arange(most, device=positions.device), count)
        return order[epochs - epochs[:1], positions % count]


def obstacle(samples: Samples) -> str:
    """Say what keeps batches from being made on a GPU, or nothing."""
    parts = (*samples.dataset.transform, *samples.degradations)
    if host := [part.kind for part in parts if part.needs_cpu]:
        return f"{host[0]} is computed on the CPU"
    one = torch.ones(1, dtype=torch.int64)
    shape = samples.pictures.shapes[0]
    height, width = (length * one for length in shape[0][:2])
    if samples.dataset.squares(height, width, len(shape), samples.scale, Streams.seeded(0)) is None:
        return f"data of the kind {samples.dataset.kind} is cut there"
    return "" if samples.pictures.cached else "--cache holds less than all pictures"
