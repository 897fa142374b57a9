"""Random crops of photos."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from imgrestore.datasets.folder import FolderDataset
from imgrestore.datasets.pictures import Shape, Views
from imgrestore.parts import Field
from imgrestore.registry import register_dataset


@register_dataset
class Photos(FolderDataset):
    """A folder of photos, cut into random squares in all eight flips and rotations; one from each photo in an epoch.

    Attributes:
        patch: Side of a sample in low-quality pixels.
        context: Low-quality pixels added on every side before degrading and cut off afterwards, so that the border of a
            sample is degraded as the inside of a photo is.
    """

    patch: int = Field(48, ge=1)
    context: int = Field(0, ge=0)

    @property
    def border(self) -> int:
        """The context."""
        return self.context

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
