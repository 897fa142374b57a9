"""Residual super-resolution network without batch normalisation.

B. Lim et al., "Enhanced Deep Residual Networks for Single Image Super-Resolution", CVPRW 2017 (arXiv:1707.02921), with
two differences that suit a CPU: the last convolution makes all colours of the enlarged pixels at once (W. Shi et al.,
CVPR 2016, arXiv:1609.05158), so that every convolution runs at low resolution; and the network only adds the detail
that bicubic interpolation lacks (a global skip), so that it starts from bicubic and cannot shift or tint.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pixel_shuffle

from imgrestore.filters import kernel_radius
from imgrestore.models.contract import RestorationModel
from imgrestore.registry import register_model


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a ReLU, added to their input: (N, width, H, W) to the same shape."""

    def __init__(self, width: int) -> None:
        """Make a block of ``width`` channels."""
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """Add what the two convolutions find."""
        added: Tensor = self.second(torch.relu(self.first(features)))
        return features + added


class ResNetSR(RestorationModel):
    """Residual blocks at low resolution, one sub-pixel convolution, and a bicubic skip around it all."""

    def __init__(self, scale: int, width: int, blocks: int) -> None:
        """Build for an enlargement of ``scale``, with ``blocks`` residual blocks of ``width`` channels."""
        super().__init__()
        self.scale = scale
        self.upsampling = scale
        self.halo = max(2 * blocks + 3, kernel_radius("bicubic"))
        self.activation_bytes = 4 * (4 * width + 9 * scale**2)
        self.head = nn.Conv2d(3, width, 3, padding=1)
        self.body = nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)))
        self.merge = nn.Conv2d(width, width, 3, padding=1)
        self.tail = nn.Conv2d(width, 3 * scale**2, 3, padding=1)
        for block in self.body:
            nn.init.zeros_(block.second.weight)  # type: ignore[union-attr, arg-type]
        nn.init.normal_(self.tail.weight, std=1e-3)
        nn.init.zeros_(self.tail.bias)  # type: ignore[arg-type]

    def forward(self, lq: Tensor) -> Tensor:
        """Enlarge (N, 3, H, W) in [0, 1] to (N, 3, scale H, scale W)."""
        skip = interpolate(lq.float(), scale_factor=self.upsampling, mode="bicubic", antialias=True)
        features = self.head(lq.to(self.head.weight.dtype))
        detail = self.tail(features + self.merge(self.body(features)))
        return skip + pixel_shuffle(detail, self.upsampling).float()


@register_model(
    task="upscale",
    default_scale=4,
    scales=(2, 4),
    paper="B. Lim et al., CVPRW 2017, arXiv:1707.02921",
)
def resnet_sr(scale: int = 4, width: int = 48, blocks: int = 6) -> ResNetSR:
    """Residual super-resolution network, for clean photos."""
    return ResNetSR(scale, width, blocks)
