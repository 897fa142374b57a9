"""A fixed grid of blocks over a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from imgrestore.image.rows import mirrored_places


@dataclass(frozen=True)
class Grid:
    """Blocks at equal distances from the top left corner; what is left over at the right and the bottom is not used.

    Attributes:
        block: Side of a block in pixels.
        overlap: Pixels that neighbouring blocks share.
        context: Pixels added to a block on every side, mirrored beyond the picture's border.
    """

    block: int
    overlap: int = 0
    context: int = 0

    def fits(self, shape: Sequence[int]) -> bool:
        """Return whether a picture holds a block, and enough to mirror."""
        return min(shape[:2]) >= max(self.block, self.context + 1)

    def count(self, shape: Sequence[int]) -> int:
        """Return the number of blocks in a picture."""
        return self._along(shape[0]) * self._along(shape[1])

    def place(self, number: int, shape: Sequence[int]) -> tuple[range, range]:
        """Return the rows and the columns of a block with its context; some may lie outside of the picture."""
        stride = self.block - self.overlap
        row, column = (index * stride - self.context for index in divmod(number, self._along(shape[1])))
        extent = self.block + 2 * self.context
        return range(row, row + extent), range(column, column + extent)

    def cut(self, view: Tensor, number: int) -> Tensor:
        """Cut a block with its context out of a picture (H, W, C)."""
        rows, columns = self.place(number, view.shape)
        if not self.context:
            return view[rows.start : rows.stop, columns.start : columns.stop]
        down, across = (
            mirrored_places(span, length).to(view.device)
            for span, length in zip((rows, columns), view.shape[:2], strict=True)
        )
        return view[down][:, across]

    def _along(self, length: int) -> int:
        return (length - self.overlap) // (self.block - self.overlap)
