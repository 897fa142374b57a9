"""Downsampling, the degradation that super-resolution undoes."""

from __future__ import annotations

from typing import Literal

from torch import Generator, Tensor

from imgrestore.filters import resize
from imgrestore.parts import Field, Part
from imgrestore.registry import register_degradation


@register_degradation
class Downsample(Part):
    """Shrink by ``scale`` with an antialiased kernel: the literature's "bicubic degradation" by default.

    Height and width must be multiples of ``scale``. Not random.
    """

    scale: int = Field(ge=1, le=16)
    kernel: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bicubic"

    def __call__(self, image: Tensor, generator: Generator) -> Tensor:
        """Return (N, C, H / scale, W / scale)."""
        height, width = image.shape[-2:]
        return resize(image, (height // self.scale, width // self.scale), self.kernel)
