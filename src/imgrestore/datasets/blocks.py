"""Blocks of a fixed grid."""

from __future__ import annotations

import numpy as np

from imgrestore.datasets.images import Images
from imgrestore.datasets.pictures import Shape, Views
from imgrestore.parts import Field, model_validator
from imgrestore.registry import register_dataset


@register_dataset
class Blocks(Images):
    """Images cut into overlapping blocks of a fixed grid; an epoch sees every block once.

    Paper 001 (Yang & Zheng), section 3.1: 18x18 blocks that overlap by 4 give 324 blocks of a 256x256 image. What the
    grid leaves over at the right and the bottom is not used.

    Attributes:
        block: Side of a block in pixels.
        overlap: Pixels that neighbouring blocks share.
    """

    block: int = Field(18, ge=1)
    overlap: int = Field(4, ge=0)

    @model_validator(mode="after")
    def _blocks_move_on(self) -> Blocks:
        if self.overlap >= self.block:
            raise ValueError("overlap must be smaller than block")
        return self

    def refuse(self, shapes: tuple[Shape, ...], scale: int) -> str | None:
        """Refuse images without a single block, and any scale."""
        height, width = shapes[0][:2]
        if scale != 1:
            return "blocks are for models of scale 1"
        return f"{width}x{height} is smaller than a block" if min(height, width) < self.block else None

    def samples_in(self, shape: Shape) -> int:
        """Return the number of blocks."""
        return self._along(shape[0]) * self._along(shape[1])

    def cut(self, views: Views, sample: int, scale: int, rng: np.random.Generator) -> Views:
        """Cut one block of the grid."""
        row, column = divmod(sample, self._along(views[0].shape[1]))
        top, left = (index * (self.block - self.overlap) for index in (row, column))
        squares = tuple(view[top : top + self.block, left : left + self.block] for view in views)
        return super().cut(squares, sample, scale, rng)

    def _along(self, length: int) -> int:
        return (length - self.overlap) // (self.block - self.overlap)
