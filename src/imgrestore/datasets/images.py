"""Whole images."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from imgrestore.datasets.folder import FolderDataset
from imgrestore.datasets.pictures import Shape, Views
from imgrestore.image.resampling import resize
from imgrestore.parts.part import Field
from imgrestore.parts.registry import register_dataset


@register_dataset
class Images(FolderDataset):
    """A folder of images taken whole and unturned, brought to one size or kept as they are.

    Attributes:
        size: Side in pixels, or the longer side with ``fit = "longest"``; 0 keeps every image's own size, which needs
            batches of 1 unless all are alike.
        fit: ``crop`` shrinks or enlarges until the shorter side fits and cuts out the middle; ``centre`` enlarges
            smaller images and cuts out the middle; ``squash`` changes the proportions; ``longest`` keeps them and
            leaves nothing out.
        kernel: What images are resized by, antialiased.
        flip: Whether half of the samples are mirrored.
    """

    size: int = Field(0, ge=0)
    fit: Literal["crop", "centre", "squash", "longest"] = "crop"
    kernel: Literal["bilinear", "bicubic", "lanczos"] = "bicubic"
    flip: bool = False

    def refuse(self, shapes: tuple[Shape, ...], scale: int) -> str | None:
        """Refuse images that are no multiple of the scale."""
        height, width = shapes[0][:2]
        return f"{width}x{height} is no multiple of {scale}" if height % scale or width % scale else None

    def prepared_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the size an image of a file's size is kept in."""
        if not self.size:
            return height, width
        return self._resized(height, width) if self.fit == "longest" else (self.size, self.size)

    def prepare(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Resize, then cut out the middle."""
        target = self._resized(*pixels.shape[:2])
        if target != pixels.shape[:2]:
            planes = torch.from_numpy(pixels).permute(2, 0, 1).float()
            levels = resize(planes, target, self.kernel).round().clamp(0, 255).to(torch.uint8)
            pixels = levels.permute(1, 2, 0).contiguous().numpy()
        height, width = self.prepared_size(*pixels.shape[:2])
        top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
        return np.ascontiguousarray(pixels[top : top + height, left : left + width])

    def cut(self, views: Views, sample: int, scale: int, rng: np.random.Generator) -> Views:
        """Take the whole image."""
        return tuple(view.flip(1) for view in views) if self.flip and rng.integers(2) else views

    def _resized(self, height: int, width: int) -> tuple[int, int]:
        if not self.size:
            return height, width
        if self.fit == "squash":
            return self.size, self.size
        side = max(height, width) if self.fit == "longest" else min(height, width)
        if self.fit == "centre" and side >= self.size:
            return height, width
        return max(1, round(height * self.size / side)), max(1, round(width * self.size / side))
