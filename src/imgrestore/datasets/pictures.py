"""Pictures: decoded into memory that all workers share as far as it reaches, the rest each time they are needed.

A picture is a tuple of *views* of one scene: the ground truth alone, or the ground truth and its low-quality image.
"""

from __future__ import annotations

import itertools
import math
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imgrestore.drawing.picture import Drawing
from imgrestore.errors import DamagedError, ImgrestoreError

_SHARING = Path("/dev/shm")
"""What limits shared memory where it exists; containers often give it 64 MiB, and going beyond kills the process."""

_FOR_BATCHES = 2**29
"""Bytes of shared memory left for batches on their way from the workers: two from each of four, of 64 MiB."""

_DAMAGED = -1
"""Stands for the place in memory of a picture whose decoding has failed."""

Views = tuple[Tensor, ...]
"""uint8 images (H, W, C) of one scene."""

Shape = tuple[int, int, int]
"""Height, width and channels."""

Files = tuple[Path | Drawing, ...]
"""Where the views of a picture are, or how they are drawn."""

Loader = Callable[[Files], tuple[NDArray[np.uint8], ...]]
"""Decodes the files of a picture into its views."""


@dataclass(frozen=True)
class Pictures:
    """A sequence of pictures that can be handed to other processes.

    Attributes:
        names: What messages and reports call them.
        shapes: Shapes of the views of every picture.
        offsets: Where each picture begins in memory, None for those that are decoded when needed, -1 for those that
            cannot be decoded. These keep their places, so that nothing depends on how many are in memory.
        memory: Decoded samples end to end, uint8; shared between processes if it can be.
        files: Files of the views of every picture; empty if all are in memory.
        load: Decodes them.
    """

    names: Sequence[str]
    shapes: Sequence[tuple[Shape, ...]]
    offsets: Sequence[int | None]
    memory: Tensor
    files: Sequence[Files] = ()
    load: Loader | None = None

    @classmethod
    def of_array(cls, names: Sequence[str], pixels: NDArray[np.uint8]) -> Pictures:
        """Take over pictures of one size (N, H, W, C) with one view each."""
        memory = _shared(pixels.size)
        memory.copy_(torch.from_numpy(np.ascontiguousarray(pixels)).reshape(-1))
        height, width, channels = pixels.shape[1:]
        offsets = range(0, pixels.size, height * width * channels)
        return cls(names, [((height, width, channels),)] * len(pixels), offsets, memory)

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.names)

    def __getitem__(self, index: int) -> Views:
        """Return the views of a picture, without a copy if they are in memory.

        Raises:
            InputError: Its file is damaged.
        """
        start = self.offsets[index]
        if start is None:
            return self._decoded(index)
        if start == _DAMAGED:
            raise DamagedError(f"{self.names[index]}: cannot be decoded")
        return self._place(index)

    def starts(self, index: int) -> list[int]:
        """Return where in memory the views of a picture begin that is there."""
        first = self.offsets[index]
        assert first is not None and first != _DAMAGED, "only what is in memory has a place there"
        sizes = [math.prod(shape) for shape in self.shapes[index]]
        return list(itertools.accumulate(sizes[:-1], initial=first))

    def sound(self, index: int) -> int:
        """Return the number of a picture, or of the next one if it is known to be damaged."""
        around = itertools.chain(range(index, len(self)), range(index))
        return next(number for number in around if self.offsets[number] != _DAMAGED)

    def _place(self, index: int) -> Views:
        places = zip(self.starts(index), self.shapes[index], strict=True)
        return tuple(self.memory[start : start + math.prod(shape)].view(shape) for start, shape in places)

    def _decoded(self, index: int) -> Views:
        assert self.load is not None, "what is not in memory can be decoded"
        views = self.load(self.files[index])
        if tuple(view.shape for view in views) != self.shapes[index]:
            raise DamagedError(f"{self.names[index]}: not of the size that its header says")
        return tuple(torch.from_numpy(view) for view in views)

    def decode(self, index: int) -> str | None:
        """Decode a picture into its place in memory, if it has one; return why not, if it cannot be."""
        try:
            views = self._decoded(index)
        except ImgrestoreError as error:
            return str(error)
        start = self.offsets[index]
        if start is not None:
            for place, view in zip(self._place(index), views, strict=True):
                place.copy_(view)
        return None

    @property
    def cached(self) -> bool:
        """Whether all of them that can be decoded are in memory."""
        return None not in self.offsets

    def readable(self) -> Pictures:
        """Return those that are not known to be damaged."""
        return self.pick([i for i, offset in enumerate(self.offsets) if offset != _DAMAGED])

    @property
    def portable(self) -> bool:
        """Whether other processes can see them without a copy."""
        return not len(self.memory) or bool(self.memory.is_shared())  # type: ignore[no-untyped-call]

    @property
    def bytes(self) -> int:
        """Size of all of them, decoded."""
        return sum(math.prod(shape) for shapes in self.shapes for shape in shapes)

    def pick(self, indices: Sequence[int]) -> Pictures:
        """Return some of the pictures; the memory stays shared."""
        return Pictures(
            [self.names[i] for i in indices],
            [self.shapes[i] for i in indices],
            [self.offsets[i] for i in indices],
            self.memory,
            [self.files[i] for i in indices] if self.files else (),
            self.load,
        )

    def distinct(self) -> Pictures:
        """Return each of the pictures once."""
        return self.pick([*{name: i for i, name in enumerate(self.names)}.values()])


def read_pictures(
    names: Sequence[str], shapes: Sequence[tuple[Shape, ...]], files: Sequence[Files], load: Loader, cache: int
) -> tuple[Pictures, list[str]]:
    """Decode as many pictures as a number of bytes can hold.

    Args:
        names: What to call them.
        shapes: Shapes of the views of every picture, as their headers say.
        files: Files of the views of every picture.
        load: Decodes them.
        cache: Bytes of memory.

    Returns:
        The pictures, and one line for each whose decoding failed.
    """
    ends = np.cumsum([sum(math.prod(shape) for shape in each) for each in shapes], dtype=np.int64)
    count = int(np.searchsorted(ends, cache, side="right"))
    starts = [0, *(int(end) for end in ends[: max(0, count - 1)])][:count]
    memory = _shared(int(ends[count - 1]) if count else 0)
    offsets = [*starts, *itertools.repeat(None, len(names) - count)]
    pictures = Pictures(names, shapes, offsets, memory, files, load)

    problems = _in_threads(pictures.decode, range(count))
    found = [start if problem is None else _DAMAGED for start, problem in zip(starts, problems, strict=True)]
    told = [problem for problem in problems if problem is not None]
    return replace(pictures, offsets=[*found, *offsets[count:]]), told


def spread(count: int, wanted: int) -> list[int]:
    """Return which of ``count`` pictures are held out if ``wanted`` are: spread evenly, the same ones each time."""
    return sorted({round((i + 0.5) * count / wanted - 0.5) for i in range(wanted)})


def unreadable(pictures: Pictures) -> list[str]:
    """Decode every picture that is not in memory, and return one line for each that is damaged."""
    waiting = [i for i, offset in enumerate(pictures.offsets) if offset is None]
    return [problem for problem in _in_threads(pictures.decode, waiting) if problem is not None]


def _in_threads(work: Callable[[int], str | None], indices: Sequence[int]) -> list[str | None]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(work, indices))


def _shared(size: int) -> Tensor:
    """Return memory that worker processes see without copying it; ordinary memory if the system shares too little."""
    memory = torch.empty(size, dtype=torch.uint8)
    if not size or (_SHARING.is_dir() and shutil.disk_usage(_SHARING).free < size + _FOR_BATCHES):
        return memory
    return memory.share_memory_()  # type: ignore[no-any-return, no-untyped-call]
