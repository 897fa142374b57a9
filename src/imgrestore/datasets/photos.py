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
from imgrestore.datasets.squares import Squares
from imgrestore.degradations.streams import Streams
from imgrestore.drawing.picture import Drawing
from imgrestore.parts.part import Field
from imgrestore.parts.registry import register_dataset


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

    def squares(self, heights: Tensor, widths: Tensor, views: int, scale: int, streams: Streams) -> Squares:
        """Draw a square in each photo; of pairs, one that both images have."""
        return Squares.drawn(heights, widths, self._side(scale), scale if views > 1 else 1, streams)

    def cut(self, views: Views, sample: int, scale: int, rng: np.random.Generator) -> Views:
        """Cut a random square."""
        height, width = (torch.tensor([length]) for length in views[0].shape[:2])
        streams = Streams.seeded(int(rng.integers(2**63)))
        return self.squares(height, width, len(views), scale, streams).sliced([views])[0]

    def _side(self, scale: int) -> int:
        return (self.patch + 2 * self.context) * scale
