"""Data sets that are folders of image files."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from imgrestore.codecs import find_images, open_image, read_image
from imgrestore.datasets.contract import Dataset, Found
from imgrestore.datasets.pictures import Files, Shape, read_pictures
from imgrestore.drawing.picture import Drawing
from imgrestore.errors import ImgrestoreError, InputError
from imgrestore.image.color import luma
from imgrestore.parts.part import Field

CHECKPOINT = "checkpoint.safetensors"
"""The file that tells the folder of a training run."""


class FolderDataset(Dataset):
    """Image files below a folder, in the order of their names; those that cannot be used are named and left out.

    Attributes:
        channels: 3 for RGB, 1 for BT.601 luma.
    """

    channels: Literal[1, 3] = Field(3)

    def find(self, folder: Path, scale: int, cache: int) -> Found:
        """Read the headers of all files, and all pixels that fit into the cache."""
        found = self.files(folder)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            examined = list(pool.map(lambda item: self._examined(item[1], scale), found))
        skipped = [result for result in examined if isinstance(result, str)]
        usable = [(name, files, s) for (name, files), s in zip(found, examined, strict=True) if not isinstance(s, str)]
        names, files, shapes = ([item[i] for item in usable] for i in range(3))
        pictures, damaged = read_pictures(names, shapes, files, self.load, cache)  # type: ignore[arg-type]
        return Found(pictures, skipped + damaged)

    def _examined(self, files: Files, scale: int) -> tuple[Shape, ...] | str:
        """Return the shapes of a picture's views, or why it cannot be used."""
        try:
            shapes = tuple(self._shape(path) for path in files)
        except ImgrestoreError as error:
            return str(error)
        problem = self.refuse(shapes, scale)
        return f"{files[0]}: {problem}" if problem else shapes

    def files(self, folder: Path) -> list[tuple[str, Files]]:
        """Return the name and the files of every picture; what training runs have drawn into the folder does not count.

        Raises:
            InputError: The folder is missing or holds no image.
        """
        paths = find_images(folder)
        runs = {parent for parent in {path.parent for path in paths} if _of_a_run(parent, folder)}
        paths = [path for path in paths if path.parent not in runs]
        if not paths:
            raise InputError(
                f"{folder}: holds no image", hint="--data takes a folder of photos; other data needs another data.kind"
            )
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

    def load(self, paths: Files) -> tuple[NDArray[np.uint8], ...]:
        """Decode the files of a picture."""
        return tuple(self.prepare(self._decode(path)) for path in paths)

    def _shape(self, path: Path | Drawing) -> Shape:
        if isinstance(path, Drawing):
            return (*path.size, self.channels)
        header = open_image(path).header
        return (*self.prepared_size(header.height, header.width), self.channels)

    def _decode(self, path: Path | Drawing) -> NDArray[np.uint8]:
        pixels = path.draw() if isinstance(path, Drawing) else read_image(path).rgb8()
        if self.channels == 3:
            return pixels
        planes = torch.from_numpy(pixels).permute(2, 0, 1).float()
        return luma(planes).round().to(torch.uint8).permute(1, 2, 0).numpy()


def _of_a_run(folder: Path, top: Path) -> bool:
    """Return whether a folder at or below ``top`` belongs to a training run."""
    return (folder / CHECKPOINT).exists() or (folder != top and _of_a_run(folder.parent, top))
