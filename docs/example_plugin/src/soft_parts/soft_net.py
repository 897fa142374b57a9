"""A residual network of three convolutions."""

from __future__ import annotations

from torch import Tensor, nn

from imgrestore.models.contract import RestorationModel
from imgrestore.parts import register_model


class SoftNet(RestorationModel):
    """Adds to the image what three 3x3 convolutions find missing; each reaches one pixel further."""

    def __init__(self, width: int) -> None:
        """Build it with ``width`` channels between the convolutions."""
        super().__init__()
        self.halo = 3
        self.activation_bytes = 2 * 4 * (3 + width)
        self.layers = nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, 3, 3, padding=1),
        )

    def forward(self, lq: Tensor) -> Tensor:
        """Restore (N, 3, H, W) in [0, 1]."""
        missing: Tensor = self.layers(lq.to(next(self.parameters()).dtype))
        return lq + missing.float()


@register_model(task="deblur", default_scale=1, scales=(1,))
def soft_net(scale: int = 1, width: int = 16) -> SoftNet:
    """Small residual network, an example."""
    return SoftNet(width)
