"""Enlargement by three transposed convolutions."""

from __future__ import annotations

from torch import Tensor, nn

from imgrestore.models.contract import RestorationModel
from imgrestore.parts.registry import register_model


class Deconv2x(RestorationModel):
    """Sides n -> n -> 2n - 1 -> 2n, 3,063 parameters: the small network of paper 004 (DTU).

    The middle layer puts input sample m at 2m, so offsets between layers do not depend on the size of the image, and
    tiles equal the whole. An output pixel of input pixel m sees samples 2m - 2 to 2m + 2 of the middle layer, these see
    m - 1 to m + 1, and those, through the first layer, m - 2 to m + 2.

    The last layer, 4x4 with a padding of one, is written as one with a padding of two on a border of zeros, which is
    the same. Of a convolution whose result is wider than what it is given, oneDNN adds up by one of two kernels as the
    width will have it, and these round differently.
    """

    def __init__(self) -> None:
        """Build it; it has no dimensions."""
        super().__init__()
        self.scale, self.halo = 2, 2
        self.activation_bytes = 2 * 4 * (10 + 4 * (20 + 3))
        self.layers = nn.Sequential(
            nn.ConvTranspose2d(3, 10, 3, 1, 1),
            nn.ReLU(),
            nn.ConvTranspose2d(10, 20, 3, 2, 1),
            nn.Sequential(nn.ZeroPad2d(1), nn.ReLU(inplace=True)),
            nn.ConvTranspose2d(20, 3, 4, 1, 2),
            nn.Sigmoid(),
        )

    def forward(self, lq: Tensor) -> Tensor:
        """Enlarge (N, 3, H, W) in [0, 1] to (N, 3, 2H, 2W)."""
        enlarged: Tensor = self.layers(lq.to(next(self.parameters()).dtype))
        return enlarged.float()


@register_model(task="upscale", default_scale=2, scales=(2,), paper="004: DTU, image quality improvement")
def deconv2x(scale: int = 2) -> Deconv2x:
    """Small super-resolution network of transposed convolutions."""
    return Deconv2x()
