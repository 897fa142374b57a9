"""Random crops of photos."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from imgrestore.datasets.folder import FolderDataset
from imgrestore.datasets.pictures import Shape, Views
from imgrestore.datasets.squares import Squares
from imgrestore.parts import Field
from imgrestore.registry import register_dataset
from imgrestore.streams import Streams


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
