"""MNIST's file format."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from imgrestore.datasets.contract import Dataset, Found
from imgrestore.datasets.grid import Grid
from imgrestore.datasets.pictures import Pictures, Shape, Views
from imgrestore.errors import InputError
from imgrestore.parts.part import Field, model_validator
from imgrestore.parts.registry import register_dataset

_MAGIC = b"\x00\x00\x08\x03"
"""Unsigned bytes in three dimensions."""

_SIDE = 28


@register_dataset
class Mnist(Dataset):
    """Grey images in MNIST's idx format, plain or gzipped.

    Y. LeCun et al., "Gradient-based learning applied to document recognition", Proc. IEEE 86, 1998.

    Attributes:
        split: ``train`` reads ``train-images-idx3-ubyte[.gz]``, ``test`` reads ``t10k-images-idx3-ubyte[.gz]``.
        channels: 1, or 3 to repeat the grey value for networks that take RGB.
        block: Side of the blocks that images are cut into, side by side; 0 takes images whole.
        context: Pixels added to a block on every side before degrading and cut off afterwards.
    """

    split: Literal["train", "test"] = "train"
    channels: Literal[1, 3] = 1
    block: int = Field(0, ge=0, le=_SIDE)
    context: int = Field(0, ge=0, lt=_SIDE)

    @model_validator(mode="after")
    def _context_of_blocks(self) -> Mnist:
        if self.context and not self.block:
            raise ValueError("context is for images cut into blocks")
        return self

    @property
    def border(self) -> int:
        """The context."""
        return self.context

    def find(self, folder: Path, scale: int, cache: int) -> Found:
        """Read all images."""
        stem = f"{'train' if self.split == 'train' else 't10k'}-images-idx3-ubyte"
        path = next((p for p in (folder / stem, folder / f"{stem}.gz") if p.is_file()), None)
        if path is None:
            raise InputError(f"{folder}: holds no {stem}[.gz]", hint="--data takes a folder with MNIST's idx files")
        pixels = read_idx(path)[..., None].repeat(self.channels, axis=-1)
        return Found(Pictures.of_array([f"{stem}/{i:05d}" for i in range(len(pixels))], pixels))

    def samples_in(self, shape: Shape) -> int:
        """Return the number of blocks, or 1."""
        return self._grid.count(shape) if self.block else 1

    def cut(self, views: Views, sample: int, scale: int, rng: np.random.Generator) -> Views:
        """Take the whole image, or one of its blocks."""
        return tuple(self._grid.cut(view, sample) for view in views) if self.block else views

    @property
    def _grid(self) -> Grid:
        return Grid(self.block, context=self.context)


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read images (N, H, W) in idx format.

    Raises:
        InputError: The file is damaged or of another type.
    """
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    shape = struct.unpack(">3i", data[4:16]) if len(data) >= 16 else (0, 0, 0)
    if data[:4] != _MAGIC or min(shape) < 1 or len(data) != 16 + math.prod(shape):
        raise InputError(f"{path}: not images in idx format, or cut off", hint="copy the file again")
    return np.frombuffer(data, dtype=np.uint8, offset=16).reshape(shape).copy()
