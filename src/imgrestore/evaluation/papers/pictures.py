"""The pictures that a paper's rows are measured on."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch

from imgrestore.datasets.contract import Dataset
from imgrestore.datasets.pictures import Pictures, spread
from imgrestore.datasets.samples import Batch, Samples
from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.streams import Streams
from imgrestore.errors import InputError
from imgrestore.evaluation.papers import Paper
from imgrestore.parts.part import RecipeTable, SerializeAsAny, check

_CACHE = 2**32
_SAMPLES = 2**16
"""Numbers in a batch of ground truth: tensors of this size stay in the processor's caches, which is what takes time."""


class _Making(RecipeTable):
    """How a set is made, as in a recipe."""

    data: SerializeAsAny[Dataset]
    degradation: tuple[SerializeAsAny[Degradation], ...]


@dataclass(frozen=True)
class Material:
    """Folders of pictures, and what a paper makes of them.

    Attributes:
        paper: Says how.
        folders: Searched for each kind of data; the first that holds it serves.
    """

    paper: Paper
    folders: Sequence[Path]

    def batches(self, name: str, held_out: int) -> Iterator[tuple[int, Batch]]:
        """Make the pairs of a set: the same ones each time.

        Args:
            name: Of the set.
            held_out: Only the pictures that a run has held out which held out as many; 0 for all of them.

        Yields:
            The number of the first picture, and a batch of pictures of one size.

        Raises:
            InputError: No folder holds such pictures, or too few.
        """
        chosen, made = self.paper.sets[name], self._made(name)
        pictures = self._found(name)
        if held_out:
            pictures = pictures.pick(spread(len(pictures), held_out))
        pictures = pictures.readable()
        samples = Samples(made.data, pictures, made.degradation, chosen.scale, 0)
        seed = zlib.crc32(f"{self.paper.number} {name}".encode())
        for _, alike in itertools.groupby(range(len(pictures)), key=lambda i: pictures.shapes[i]):
            numbers = list(alike)
            height, width, channels = pictures.shapes[numbers[0]][0]
            size = max(1, _SAMPLES // (height * width * channels))
            for first in range(0, len(numbers), size):
                taken = [pictures[i][0] for i in numbers[first : first + size]]
                gt = torch.stack(taken).permute(0, 3, 1, 2).float() / 255
                height, width = (side // chosen.scale * chosen.scale for side in gt.shape[-2:])
                streams = Streams.seeded(seed, numbers[first : first + size])
                yield numbers[first], samples.pair([gt[..., :height, :width]], streams)

    def count(self, name: str) -> int:
        """Return how many pictures there are for a set, held out or not.

        Raises:
            InputError: No folder holds such pictures.
        """
        return len(self._found(name).readable())

    def _made(self, name: str) -> _Making:
        chosen = self.paper.sets[name]
        return check(_Making, {"data": chosen.dataset, "degradation": chosen.degradation}, f"pictures {name}: ")

    def _found(self, name: str) -> Pictures:
        """Read the first folder that holds this kind of data, and no more particular one that the paper also uses."""
        chosen, dataset = self.paper.sets[name], self._made(name).data
        others = [data for data in (self._made(each).data for each in self.paper.sets) if data.kind != "images"]
        problems = []
        for folder in self.folders:
            try:
                if dataset.kind == "images" and any(_holds(other, folder) for other in others):
                    continue
                return _read(dataset, folder, chosen.scale)
            except InputError as error:
                problems.append(str(error))
        raise InputError(problems[0] if problems else f"no folder holds {chosen.summary}")


def _holds(dataset: Dataset, folder: Path) -> bool:
    try:
        _read(dataset, folder, 1)
    except InputError:
        return False
    return True


@lru_cache(maxsize=8)
def _read(dataset: Dataset, folder: Path, scale: int) -> Pictures:
    return dataset.find(folder, scale, _CACHE).pictures
