"""Training data: folders of photos, cut into random crops.

The batch of a step is a function of the seed and the step alone, so a resumed run sees the data an uninterrupted one
would have seen, and no state has to be kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from imgrestore.codecs import find_images, read_image
from imgrestore.errors import ImgrestoreError, InputError
from imgrestore.parts import Part


@dataclass(frozen=True)
class Photos:
    """Decoded photos, split into those trained on and those held out.

    Attributes:
        training: uint8 RGB arrays (H, W, 3).
        held_out: Names and arrays of the photos that measure progress and are never trained on.
        skipped: One line for each file that could not be used.
    """

    training: Sequence[NDArray[np.uint8]]
    held_out: Sequence[tuple[str, NDArray[np.uint8]]]
    skipped: Sequence[str]


def load_photos(folder: Path, smallest_side: int, held_out: int) -> Photos:
    """Decode every photo below ``folder``.

    Args:
        folder: Searched with its sub-folders.
        smallest_side: Photos with a shorter side (in pixels) are skipped.
        held_out: How many photos, spread evenly over the folder, are kept for measuring.

    Raises:
        InputError: The folder is missing or holds too few usable photos.
    """
    usable: list[tuple[str, NDArray[np.uint8]]] = []
    skipped: list[str] = []
    for path in find_images(folder):
        try:
            pixels = read_image(path).rgb8()
        except ImgrestoreError as error:
            skipped.append(str(error))
            continue
        if min(pixels.shape[:2]) < smallest_side:
            skipped.append(f"{path}: {pixels.shape[1]}x{pixels.shape[0]} is smaller than a crop of {smallest_side}")
            continue
        usable.append((str(path.relative_to(folder)), pixels))
    if len(usable) < held_out + 1:
        raise InputError(
            f"{folder}: {len(usable)} usable images, but {held_out} are held out for measuring",
            hint=skipped[0] if skipped else "give a folder with more images, or lower validation.images",
        )
    chosen = {round((i + 0.5) * len(usable) / held_out - 0.5) for i in range(held_out)}
    return Photos(
        training=[pixels for i, (_, pixels) in enumerate(usable) if i not in chosen],
        held_out=[photo for i, photo in enumerate(usable) if i in chosen],
        skipped=skipped,
    )


def degrade(gt: Tensor, degradations: Sequence[Part], generator: Generator) -> Tensor:
    """Apply degradations in their order to a batch (N, C, H, W) in [0, 1]."""
    lq = gt
    for degradation in degradations:
        lq = degradation(lq, generator)  # type: ignore[operator]
    return lq


@dataclass(frozen=True)
class Crops:
    """Batches of random crops with their degraded counterparts.

    Attributes:
        photos: uint8 RGB arrays (H, W, 3), each at least ``(patch + 2 context) scale`` on a side.
        degradations: What makes a low-quality crop out of a crop.
        patch: Side of the low-quality crop in pixels.
        context: Low-quality pixels added on every side before degrading and cut off afterwards, so that the crop's
            border is degraded as the inside of a photo is.
        scale: How many times smaller the degradations make an image.
        batch: Crops in a batch.
        seed: Decides everything drawn.
    """

    photos: Sequence[NDArray[np.uint8]]
    degradations: Sequence[Part]
    patch: int
    context: int
    scale: int
    batch: int
    seed: int

    @staticmethod
    def side(patch: int, context: int, scale: int) -> int:
        """Return the side of the ground-truth crop that is cut out of a photo, in pixels."""
        return (patch + 2 * context) * scale

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """Return the batch of a step.

        Returns:
            lq: (batch, 3, patch, patch) in [0, 1].
            gt: (batch, 3, patch * scale, patch * scale) in [0, 1].
        """
        rng = np.random.default_rng([self.seed, 1, step])
        crops = np.stack([self._crop(index, rng) for index in self._order(step)])
        gt = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255
        generator = Generator().manual_seed(int(rng.integers(2**63)))
        lq = degrade(gt, self.degradations, generator)
        return _trim(lq, self.context), _trim(gt, self.context * self.scale)

    def _order(self, step: int) -> Iterator[int]:
        """Go through all photos in a new order each time, across steps."""
        for position in range(step * self.batch, (step + 1) * self.batch):
            epoch, index = divmod(position, len(self.photos))
            yield int(_permutation(self.seed, epoch, len(self.photos))[index])

    def _crop(self, index: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Cut a random square and turn it into one of its eight flips and rotations."""
        photo = self.photos[index]
        side = self.side(self.patch, self.context, self.scale)
        top, left = (int(rng.integers(length - side + 1)) for length in photo.shape[:2])
        crop = photo[top : top + side, left : left + side]
        crop = np.rot90(crop, int(rng.integers(4)))
        return crop[:, ::-1] if rng.integers(2) else crop


@lru_cache(maxsize=2)
def _permutation(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, 2, epoch]).permutation(count)


def _trim(image: Tensor, border: int) -> Tensor:
    return image[..., border : image.shape[-2] - border, border : image.shape[-1] - border]
