"""Blocks of a fixed grid."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from imgrestore.datasets.grid import Grid
from imgrestore.datasets.images import Images
from imgrestore.datasets.pictures import Shape, Views
from imgrestore.degradations.rotate import turned
from imgrestore.parts.part import Field, model_validator
from imgrestore.parts.registry import register_dataset


@register_dataset
class Blocks(Images):
    """Images cut into overlapping blocks of a fixed grid; an epoch sees every block once.

    Paper 001 (Yang & Zheng), section 3.1: 18x18 blocks that overlap by 4 give 324 blocks of a 256x256 image. What the
    grid leaves over at the right and the bottom is not used.

    Attributes:
        block: Side of a block in pixels.
        overlap: Pixels that neighbouring blocks share.
        context: Pixels added on every side before degrading and cut off afterwards, so that the border of a block is
            degraded as the inside of a photo is.
        turned_copy: Whether an epoch sees each image a second time, turned by any angle, with mirrored corners. Each
            block of the second time is cut from a copy with an angle of its own; the paper has one copy of each image.
    """

    block: int = Field(18, ge=1)
    overlap: int = Field(4, ge=0)
    context: int = Field(0, ge=0)
    turned_copy: bool = False

    @model_validator(mode="after")
    def _blocks_move_on(self) -> Blocks:
        if self.overlap >= self.block:
            raise ValueError("overlap must be smaller than block")
        return self

    @property
    def border(self) -> int:
        """The context."""
        return self.context

    @property
    def _grid(self) -> Grid:
        return Grid(self.block, self.overlap, self.context)

    def refuse(self, shapes: tuple[Shape, ...], scale: int) -> str | None:
        """Refuse images without a single block, and any scale."""
        height, width = shapes[0][:2]
        if scale != 1:
            return "blocks are for models of scale 1"
        return None if self._grid.fits(shapes[0]) else f"{width}x{height} is smaller than a block"

    def samples_in(self, shape: Shape) -> int:
        """Return the number of blocks, those of the turned copy included."""
        return self._grid.count(shape) * (1 + self.turned_copy)

    def cut(self, views: Views, sample: int, scale: int, rng: np.random.Generator) -> Views:
        """Cut one block of the grid."""
        shape = views[0].shape
        count = self._grid.count(shape)
        if sample < count:
            blocks = tuple(self._grid.cut(view, sample) for view in views)
        else:
            angle = float(rng.uniform(0, 360))
            blocks = tuple(_cut_turned(view, angle, *self._grid.place(sample - count, shape)) for view in views)
        return super().cut(blocks, sample, scale, rng)


def _cut_turned(view: Tensor, angle: float, rows: range, columns: range) -> Tensor:
    """Cut some rows and columns out of a picture (H, W, C) that is turned by an angle."""
    cut = turned(view.permute(2, 0, 1)[None].float(), torch.tensor([angle]), rows, columns)
    return cut[0].permute(1, 2, 0).round().to(view.dtype)
