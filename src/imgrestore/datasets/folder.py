"""Data sets that are folders of image files."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from imgrestore.codecs import find_images, open_image, read_image
from imgrestore.color import luma
from imgrestore.datasets.contract import Dataset, Found
from imgrestore.datasets.pictures import DecodedPictures, Shape, in_memory, size_in_bytes
from imgrestore.errors import ImgrestoreError, InputError
from imgrestore.parts import Field


class FolderDataset(Dataset):
    """Image files below a folder, in the order of their names; those that cannot be used are named and left out.

    Attributes:
        channels: 3 for RGB, 1 for BT.601 luma.
    """

    channels: Literal[1, 3] = Field(3)

    def find(self, folder: Path, scale: int, cache: int) -> Found:
        """Read the headers of all files, and all pixels if they fit into the cache."""
        names, shapes, files, skipped = [], [], [], []
        for name, paths in self.files(folder):
            try:
                found = tuple(self._shape(path) for path in paths)
            except ImgrestoreError as error:
                skipped.append(str(error))
                continue
            problem = self.refuse(found, scale)
            if problem:
                skipped.append(f"{paths[0]}: {problem}")
                continue
            names.append(name)
            shapes.append(found)
            files.append(paths)
        pictures = DecodedPictures(names, shapes, files, self.load)
        if size_in_bytes(pictures) <= cache:
            return Found(in_memory(pictures, skipped), skipped)
        return Found(pictures, skipped)

    def files(self, folder: Path) -> list[tuple[str, tuple[Path, ...]]]:
        """Return the name and the files of every picture.

        Raises:
            InputError: The folder is missing or holds no image.
        """
        paths = find_images(folder)
        if not paths:
            raise InputError(f"{folder}: holds no image", hint="--data takes a folder of photos; other data needs another data.kind")
        return [(str(path.relative_to(folder)), (path,)) for path in paths]

    def refuse(self, shapes: tuple[Shape, ...], scale: int) -> str | None:
        """Return why a picture of these shapes cannot be used, if so."""
        return None

    def prepared_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the size that :meth:`prepare` makes of a file's."""
        return height, width

    def prepare(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Bring a decoded image (H, W, C) to the size it is kept in."""
        return pixels

    def load(self, paths: tuple[Path, ...]) -> tuple[NDArray[np.uint8], ...]:
        """Decode the files of a picture."""
        return tuple(self.prepare(self._decode(path)) for path in paths)

    def _shape(self, path: Path) -> Shape:
        header = open_image(path).header
        return (*self.prepared_size(header.height, header.width), self.channels)

    def _decode(self, path: Path) -> NDArray[np.uint8]:
        pixels = read_image(path).rgb8()
        if self.channels == 3:
            return pixels
        planes = torch.from_numpy(pixels).permute(2, 0, 1).float()
        return luma(planes).round().to(torch.uint8).permute(1, 2, 0).numpy()
