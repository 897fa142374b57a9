"""CIFAR's images."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from imgrestore.codecs import read_image
from imgrestore.datasets.contract import Dataset, Found
from imgrestore.datasets.pictures import Pictures, Views
from imgrestore.errors import ImgrestoreError, InputError
from imgrestore.parts.registry import register_dataset

_SIDE = 32
_SAMPLES = 3 * _SIDE**2


@register_dataset
class Cifar(Dataset):
    """CIFAR-10's colour images of 32x32 pixels, as its binary files or as PNG grids with one image per row.

    A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009. Binary files (``*.bin``) hold one byte
    of label and three planes per image; a grid is 1024 pixels wide, and each of its rows is one image, row by row.

    Attributes:
        split: ``test`` reads the files with "test" in their name, ``train`` all others.
        flip: Whether half of the samples are mirrored.
    """

    split: Literal["train", "test"] = "train"
    flip: bool = False

    def find(self, folder: Path, scale: int, cache: int) -> Found:
        """Read all files of the folder."""
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder", hint="it takes a folder with CIFAR's .bin files or PNG grids")
        pixels, names, skipped = [], [], []
        for path in sorted([*folder.glob("*.bin"), *folder.glob("*.png")]):
            if ("test" in path.stem) != (self.split == "test"):
                continue
            try:
                images = read_grid(path) if path.suffix == ".png" else read_binary(path)
            except ImgrestoreError as error:
                skipped.append(str(error))
                continue
            pixels.append(images)
            names += [f"{path.stem}/{i:05d}" for i in range(len(images))]
        if not pixels:
            raise InputError(
                skipped[0] if skipped else f"{folder}: holds no CIFAR images",
                hint="it takes .bin files or PNG grids 1024 pixels wide",
            )
        return Found(Pictures.of_array(names, np.concatenate(pixels)), skipped)

    def cut(self, views: Views, sample: int, scale: int, rng: np.random.Generator) -> Views:
        """Take the whole image."""
        return tuple(view.flip(1) for view in views) if self.flip and rng.integers(2) else views


def read_binary(path: Path) -> NDArray[np.uint8]:
    """Read images (N, 32, 32, 3) from one of CIFAR-10's binary files.

    Raises:
        InputError: Its length is not that of whole images.
    """
    try:
        data = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if not len(data) or len(data) % (1 + _SAMPLES):
        raise InputError(f"{path}: not a binary file of CIFAR-10, or cut off", hint="copy the file again")
    planes = data.reshape(-1, 1 + _SAMPLES)[:, 1:].reshape(-1, 3, _SIDE, _SIDE)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1))


def read_grid(path: Path) -> NDArray[np.uint8]:
    """Read images (N, 32, 32, 3) from a PNG whose rows are images.

    Raises:
        InputError: It cannot be read or is not 1024 pixels wide.
    """
    pixels = read_image(path).rgb8()
    if pixels.shape[1] != _SIDE**2:
        raise InputError(f"{path}: {pixels.shape[1]} pixels wide, a grid of CIFAR images is {_SIDE**2}")
    return pixels.reshape(-1, _SIDE, _SIDE, 3)
