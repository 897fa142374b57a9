"""Random crops of photos."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from imgrestore.datasets.folder import FolderDataset
from imgrestore.datasets.pictures import Files, Pictures, Shape, Views, spread
from imgrestore.drawing.picture import Drawing
from imgrestore.parts import Field
from imgrestore.registry import register_dataset


@register_dataset
class Photos(FolderDataset):
    """A folder of photos, cut into random squares in all eight flips and rotations; one from each photo in an epoch.

    With drawn pictures beside them, an epoch takes as many from each photo as it needs to see every drawn picture.

    Attributes:
        patch: Side of a sample in low-quality pixels.
        context: Low-quality pixels added on every side before degrading and cut off afterwards, so that the border of a
            sample is degraded as the inside of a photo is.
        drawn: Share of the samples that are cut from pictures drawn by program (written pages, screens, patterns of
            lines); with 1 all are, and no photo is read.
        drawn_pictures: How many of those there are; they are drawn before the run begins.
    """

    patch: int = Field(48, ge=1)
    context: int = Field(0, ge=0)
    drawn: float = Field(0.0, ge=0, le=1)
    drawn_pictures: int = Field(120, ge=1)

    @property
    def border(self) -> int:
        """The context."""
        return self.context

    def files(self, folder: Path) -> list[tuple[str, Files]]:
        """Return drawings, which so are the first to be kept in memory, and the files of photos."""
        photos = super().files(folder) if self.drawn < 1 else []
        drawings = [Drawing(number) for number in range(self.drawn_pictures if self.drawn else 0)]
        return [*((drawing.name, (drawing,)) for drawing in drawings), *photos]

    def divide(self, pictures: Pictures, held_out: int) -> tuple[list[int], list[int]]:
        """Hold out drawings and photos by their shares; repeat those that are learned from until the shares are met."""
        if not self.drawn:
            return super().divide(pictures, held_out)
        drawn = [i for i, files in enumerate(pictures.files) if isinstance(files[0], Drawing)]
        photos = range(len(drawn), len(pictures))
        few = min(round(held_out * self.drawn), max(len(drawn) - 1, 0))
        rest = min(held_out - few, max(len(photos) - 1, 0))
        chosen = [drawn[i] for i in spread(len(drawn), few)] + [photos[i] for i in spread(len(photos), rest)]
        learned, seen = ([i for i in group if i not in chosen] for group in (drawn, photos))
        if not seen or not learned:
            return [*learned, *seen], chosen
        beside_each = self.drawn / (1 - self.drawn)
        times = max(1, math.ceil(len(learned) / (len(seen) * beside_each)))
        wanted = round(times * len(seen) * beside_each)
        return [*itertools.islice(itertools.cycle(learned), wanted), *(seen * times)], chosen

    def refuse(self, shapes: tuple[Shape, ...], scale: int) -> str | None:
        """Refuse photos that are smaller than a sample."""
        height, width, side = *shapes[0][:2], self._side(scale)
        return f"{width}x{height} is smaller than a crop of {side}" if min(height, width) < side else None

    def cut(self, views: Views, sample: int, scale: int, rng: np.random.Generator) -> Views:
        """Cut a random square."""
        height, width, side = *views[0].shape[:2], self._side(scale)
        unit = scale if len(views) > 1 else 1
        top, left = (int(rng.integers((length - side) // unit + 1)) * unit for length in (height, width))
        turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
        cut = []
        for view in views:
            ratio = height // view.shape[0]
            y, x, s = top // ratio, left // ratio, side // ratio
            cut.append(_turned(view[y : y + s, x : x + s], turns, mirrored))
        return tuple(cut)

    def _side(self, scale: int) -> int:
        return (self.patch + 2 * self.context) * scale


def _turned(square: Tensor, turns: int, mirrored: bool) -> Tensor:
    square = torch.rot90(square, turns)
    return square.flip(1) if mirrored else square
