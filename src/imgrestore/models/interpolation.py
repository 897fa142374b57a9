"""Classical interpolation: what a restoration has to beat. No weights, any factor."""

from __future__ import annotations

from torch import Tensor

from imgrestore.image.resampling import kernel_radius, resize
from imgrestore.models.contract import RestorationModel
from imgrestore.parts.registry import register_model


class Interpolation(RestorationModel):
    """Resampling by one of the kernels of :mod:`imgrestore.image.resampling`."""

    def __init__(self, kernel: str, scale: float) -> None:
        """Take the kernel's name and the enlargement factor."""
        super().__init__()
        self.resampler = kernel
        self.scale = scale
        self.halo = kernel_radius(kernel)
        self.kernel = kernel

    def forward(self, lq: Tensor) -> Tensor:
        """Enlarge (N, C, H, W) by ``scale``, sizes rounded to whole pixels (at least one)."""
        height, width = (max(1, round(side * self.scale)) for side in lq.shape[-2:])
        return resize(lq, (height, width), self.kernel)


@register_model(task="upscale", default_scale=2, trained=False)
def nearest(scale: float = 2) -> Interpolation:
    """Nearest neighbour: repeats pixels."""
    return Interpolation("nearest", scale)


@register_model(task="upscale", default_scale=2, trained=False, paper="R. Keys, IEEE TASSP 29, 1981 (a = -0.5)")
def bicubic(scale: float = 2) -> Interpolation:
    """Bicubic interpolation, antialiased when shrinking."""
    return Interpolation("bicubic", scale)


@register_model(task="upscale", default_scale=2, trained=False, paper="C. Duchon, J. Appl. Meteorology 18, 1979")
def lanczos(scale: float = 2) -> Interpolation:
    """Lanczos interpolation with three lobes, antialiased when shrinking."""
    return Interpolation("lanczos", scale)
