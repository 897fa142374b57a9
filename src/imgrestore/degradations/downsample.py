"""Downsampling, the degradation that super-resolution undoes."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor

from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.streams import Streams
from imgrestore.image.resampling import resize
from imgrestore.parts.part import Field
from imgrestore.parts.registry import register_degradation

Kernel = Literal["nearest", "bilinear", "bicubic", "lanczos"]
"""The kernels of :mod:`imgrestore.image.resampling`."""


@register_degradation
class Downsample(Degradation):
    """Shrinking by ``scale`` with an antialiased kernel, the literature's "bicubic degradation" by default.

    Height and width must be multiples of ``scale``; overshoot at edges is clipped. Kernels are stretched by ``scale``
    and centred, as in MATLAB's imresize; but at the border, where that mirrors the image, they are cut off and rescaled
    to sum to one. ``bicubic`` is that of R. Keys, "Cubic Convolution Interpolation for Digital Image Processing", IEEE
    TASSP 29, 1981, doi:10.1109/TASSP.1981.1163711, with a = -0.5.
    """

    random: ClassVar[bool] = False

    scale: int = Field(ge=1, le=16, description="how many times smaller")
    kernel: Kernel = Field("bicubic", description="how pixels are weighted")

    @property
    def keeps_size(self) -> bool:
        """Whether nothing shrinks."""
        return self.scale == 1

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return (N, C, H / scale, W / scale)."""
        height, width = image.shape[-2:]
        return resize(image, (height // self.scale, width // self.scale), self.kernel).clamp(0, 1)
