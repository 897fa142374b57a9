"""Pictures in memory, shared by all workers, or decoded each time they are needed.

A picture is a tuple of *views* of one scene: the ground truth alone, or the ground truth and its low-quality image.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imgrestore.errors import ImgrestoreError, InputError

_SHARING = Path("/dev/shm")
"""What limits shared memory where it exists; containers often give it 64 MiB, and going beyond kills the process."""

_FOR_BATCHES = 2**28
"""Bytes of shared memory left for batches on their way from the workers."""

Views = tuple[Tensor, ...]
"""uint8 images (H, W, C) of one scene."""

Shape = tuple[int, int, int]
"""Height, width and channels."""


class Pictures(Protocol):
    """A sequence of pictures that can be handed to other processes."""

    @property
    def names(self) -> Sequence[str]:
        """What messages and reports call them."""
        ...

    @property
    def shapes(self) -> Sequence[tuple[Shape, ...]]:
        """Shapes of the views of every picture."""
        ...

    def __getitem__(self, index: int) -> Views:
        """Return the views of a picture."""
        ...

    @property
    def portable(self) -> bool:
        """Whether other processes can see them without a copy."""
        ...

    def pick(self, indices: Sequence[int]) -> Pictures:
        """Return some of the pictures."""
        ...


@dataclass(frozen=True)
class CachedPictures:
    """Decoded pictures, end to end in one piece of memory.

    Attributes:
        names: What messages call them.
        shapes: Shapes of the views of every picture.
        offsets: Where each picture begins.
        memory: All samples, uint8, on the host (shared between processes) or on a GPU.
    """

    names: Sequence[str]
    shapes: Sequence[tuple[Shape, ...]]
    offsets: Sequence[int]
    memory: Tensor

    @classmethod
    def of_array(cls, names: Sequence[str], pixels: NDArray[np.uint8]) -> CachedPictures:
        """Take over pictures of one size (N, H, W, C) with one view each."""
        size = pixels[0].size
        memory = _shared(pixels.size)
        memory.copy_(torch.from_numpy(np.ascontiguousarray(pixels)).reshape(-1))
        height, width, channels = pixels.shape[1:]
        return cls(names, [((height, width, channels),)] * len(pixels), range(0, pixels.size, size), memory)

    def __getitem__(self, index: int) -> Views:
        """Return the views of a picture: no copies."""
        start, views = self.offsets[index], []
        for shape in self.shapes[index]:
            stop = start + math.prod(shape)
            views.append(self.memory[start:stop].view(shape))
            start = stop
        return tuple(views)

    @property
    def portable(self) -> bool:
        """Whether the memory is shared between processes."""
        return bool(self.memory.is_shared()) and self.memory.device.type == "cpu"

    def pick(self, indices: Sequence[int]) -> CachedPictures:
        """Return some of the pictures; the memory stays shared."""
        return CachedPictures(
            [self.names[i] for i in indices],
            [self.shapes[i] for i in indices],
            [self.offsets[i] for i in indices],
            self.memory,
        )

    def to(self, device: torch.device) -> CachedPictures:
        """Return the same pictures in the memory of a device."""
        return replace(self, memory=self.memory.to(device))


Loader = Callable[[tuple[Path, ...]], tuple[NDArray[np.uint8], ...]]
"""Decodes the files of a picture into its views."""


@dataclass(frozen=True)
class DecodedPictures:
    """Pictures that are decoded each time, for sets that do not fit into memory.

    Attributes:
        names: What messages call them.
        shapes: Shapes of the views of every picture.
        files: Files of the views of every picture.
        load: Decodes them.
    """

    names: Sequence[str]
    shapes: Sequence[tuple[Shape, ...]]
    files: Sequence[tuple[Path, ...]]
    load: Loader

    def __getitem__(self, index: int) -> Views:
        """Decode a picture, or the next one if it is damaged: a single file does not end a long run."""
        for ahead in range(len(self.files)):
            try:
                views = self.load(self.files[(index + ahead) % len(self.files)])
            except ImgrestoreError:
                continue
            return tuple(torch.from_numpy(view) for view in views)
        raise InputError("none of the images can be read any more", hint="look at the folder, then --resume")

    @property
    def portable(self) -> bool:
        """Always: only names travel."""
        return True

    def pick(self, indices: Sequence[int]) -> DecodedPictures:
        """Return some of the pictures."""
        return DecodedPictures(
            [self.names[i] for i in indices],
            [self.shapes[i] for i in indices],
            [self.files[i] for i in indices],
            self.load,
        )


def in_memory(pictures: DecodedPictures, skipped: list[str]) -> CachedPictures:
    """Decode all pictures; those that cannot be are left out and named in ``skipped``."""
    sizes = [sum(math.prod(shape) for shape in shapes) for shapes in pictures.shapes]
    offsets = np.cumsum([0, *sizes]).tolist()
    memory = _shared(offsets[-1])
    cached = CachedPictures(pictures.names, pictures.shapes, offsets[:-1], memory)

    def decode(index: int) -> str | None:
        try:
            views = pictures.load(pictures.files[index])
        except ImgrestoreError as error:
            return str(error)
        for place, view in zip(cached[index], views, strict=True):
            if tuple(place.shape) != view.shape:
                return f"{pictures.names[index]}: not of the size that its header says"
            place.copy_(torch.from_numpy(view))
        return None

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = list(pool.map(decode, range(len(sizes))))
    skipped += [problem for problem in problems if problem is not None]
    return cached.pick([i for i, problem in enumerate(problems) if problem is None])


def _shared(size: int) -> Tensor:
    """Return memory that worker processes see without copying it; ordinary memory if the system shares too little."""
    memory = torch.empty(size, dtype=torch.uint8)
    if _SHARING.is_dir() and shutil.disk_usage(_SHARING).free < size + _FOR_BATCHES:
        return memory
    return memory.share_memory_()  # type: ignore[no-any-return, no-untyped-call]


def size_in_bytes(pictures: Pictures) -> int:
    """Return the memory that decoded pictures take."""
    return sum(math.prod(shape) for shapes in pictures.shapes for shape in shapes)
