"""What every kind of training data promises."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
from torch import Tensor

from imgrestore.datasets.pictures import Pictures, Shape, Views, spread
from imgrestore.datasets.squares import Squares
from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.streams import Streams
from imgrestore.parts.part import Field, Part, SerializeAsAny


@dataclass(frozen=True)
class Found:
    """What a folder holds.

    Attributes:
        pictures: All that can be used by what their headers say; damage shows when they are decoded.
        skipped: One line for each file that cannot be used, as far as is known.
    """

    pictures: Pictures
    skipped: list[str] = field(default_factory=list)


class Dataset(Part):
    """A kind of training data: how pictures are read, and how samples are cut from them.

    Attributes:
        batch: Samples in a batch, of each process.
        transform: What is done to the ground truth before it is degraded.
    """

    group: ClassVar[str] = "dataset"
    default_kind: ClassVar[str] = "photos"

    batch: int = Field(16, ge=1)
    transform: tuple[SerializeAsAny[Degradation], ...] = ()

    @abstractmethod
    def find(self, folder: Path, scale: int, cache: int) -> Found:
        """Read a folder.

        Args:
            folder: Searched with its sub-folders.
            scale: How many times larger the ground truth is than the low-quality image.
            cache: Bytes of decoded pictures that may be kept in memory.

        Raises:
            InputError: The folder is missing, or not of this kind.
        """

    def divide(self, pictures: Pictures, held_out: int) -> tuple[list[int], list[int]]:
        """Choose what a run learns from and what measures it.

        Args:
            pictures: All there are.
            held_out: How many of them measure it.

        Returns:
            Numbers of the pictures that an epoch goes through, where one may stand several times, and of those held
            out, spread evenly.
        """
        chosen = spread(len(pictures), held_out)
        return [i for i in range(len(pictures)) if i not in chosen], chosen

    @property
    def border(self) -> int:
        """Low-quality pixels around a sample that are degraded with it and then cut off."""
        return 0

    def samples_in(self, shape: Shape) -> int:
        """Return how many samples a picture of this shape gives in one epoch."""
        return 1

    def squares(self, heights: Tensor, widths: Tensor, views: int, scale: int, streams: Streams) -> Squares | None:
        """Draw the squares that samples are, for a data set all of whose samples are squares at random places.

        Such a data set is cut a batch at a time, with the same numbers on every device.

        Args:
            heights: Of the pictures, one for each sample, (N,) int64.
            widths: Likewise.
            views: How many views a picture has.
            scale: See :meth:`find`.
            streams: Where everything random comes from.

        Returns:
            The squares with ``border`` around them, or None where samples are cut otherwise, one by one.
        """
        return None

    @abstractmethod
    def cut(self, views: Views, sample: int, scale: int, rng: np.random.Generator) -> Views:
        """Cut a sample out of a picture.

        Args:
            views: The picture (H, W, C); a low-quality view is ``1 / scale`` as large.
            sample: Number of the sample in the picture.
            scale: See :meth:`find`.
            rng: Where random places come from.

        Returns:
            The views (h, w, C) of the sample, with ``border`` around it.
        """
