"""Residual networks without batch normalisation, whose convolutions all run at low resolution.

B. Lim et al., "Enhanced Deep Residual Networks for Single Image Super-Resolution", CVPRW 2017 (arXiv:1707.02921), with
two differences that suit a CPU: the last convolution makes all colours of the enlarged pixels at once (W. Shi et al.,
CVPR 2016, arXiv:1609.05158), so that every convolution runs at low resolution; and the network only adds what its input
lacks (a global skip), so that it starts from that input and cannot shift or tint. Where input and output are of one
size the input is folded into channels first (as in K. Zhang et al., "FFDNet", IEEE TIP 27, 2018, arXiv:1710.04026).
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad, pixel_shuffle, pixel_unshuffle

from imgrestore.image.resampling import axis_weights, kernel_radius
from imgrestore.models.contract import RestorationModel
from imgrestore.parts.registry import register_model

Border = Literal["zeros", "replicate"]
"""What a convolution reads beyond the edge."""


_EDGE = 8
"""By how many pixels of a trunk images go on: with that, flat pictures of any colour are flat up to their corners."""


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a ReLU, added to their input: (N, width, H, W) to the same shape.

    The second one starts at zero, so that the block begins by changing nothing.
    """

    def __init__(self, width: int, border: Border = "zeros") -> None:
        """Make a block of ``width`` channels whose convolutions read ``border`` beyond the edge."""
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1, padding_mode=border)
        self.second = nn.Conv2d(width, width, 3, padding=1, padding_mode=border)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, features: Tensor) -> Tensor:
        """Add what the two convolutions find."""
        added: Tensor = self.second(self.first(features).relu_())
        return added.add_(features)


class _ResNet(RestorationModel):
    """A trunk of residual blocks that starts as doing nothing."""

    def __init__(
        self, fold: int, spread: int, width: int, blocks: int, border: Border = "zeros", views: int = 1
    ) -> None:
        """Build for ``views`` of inputs folded ``fold`` times, unfolded ``spread`` times in the end."""
        super().__init__()
        self.fold, self.spread = fold, spread
        self.multiple_of = fold
        self.halo = fold * (2 * blocks + 3)
        self.edge = _EDGE * fold if border == "zeros" else 0
        self.activation_bytes = 4 * (4 * width // fold**2 + 9 * max(1, spread // fold) ** 2)
        self.head = nn.Conv2d(3 * views * fold**2, width, 3, padding=1, padding_mode=border)
        self.body = nn.Sequential(*(ResidualBlock(width, border) for _ in range(blocks)))
        self.merge = nn.Conv2d(width, width, 3, padding=1, padding_mode=border)
        self.tail = nn.Conv2d(width, 3 * views * spread**2, 3, padding=1, padding_mode=border)
        nn.init.normal_(self.tail.weight, std=1e-3)
        nn.init.zeros_(self.tail.bias)  # type: ignore[arg-type]

    def grown(self, earlier: RestorationModel) -> bool:
        """Width and blocks may grow, whatever the networks are trained for."""
        return type(earlier) is type(self) and (earlier.fold, earlier.spread) == (self.fold, self.spread)

    def detail(self, lq: Tensor) -> Tensor:
        """Return what the trunk adds to the skip as sub-pixels, (N, 3 spread^2, H / fold, W / fold)."""
        features = self.head(pixel_unshuffle(lq.to(self.head.weight.dtype), self.fold))
        detail: Tensor = self.tail(self.merge(self.body(features)).add_(features))
        return detail


_REACH = kernel_radius("bicubic")


@cache
@torch.inference_mode(mode=False)  # what is kept must serve training too
def _bicubic(scale: int, device: torch.device) -> Tensor:
    """Return bicubic enlargement as weights of a convolution from each colour to its sub-pixels, kept on each device.

    As one convolution whose result joins the sub-pixels of the trunk, it takes a third of the time of a resampling.
    """
    side = 2 * _REACH + 1
    first, weights = axis_weights("bicubic", side, side * scale, _REACH * scale, (_REACH + 1) * scale)
    along = torch.zeros(scale, side)
    along[:, first : first + weights.shape[1]] = torch.from_numpy(weights)
    enlarging = torch.einsum("iy,jx->ijyx", along, along).reshape(-1, 1, side, side).repeat(3, 1, 1, 1)
    return enlarging.to(device)


class ResNetSR(_ResNet):
    """Residual blocks at low resolution, one sub-pixel convolution, and a bicubic skip around it all."""

    def __init__(self, scale: int, width: int, blocks: int) -> None:
        """Build for an enlargement of ``scale``, with ``blocks`` residual blocks of ``width`` channels."""
        super().__init__(1, scale, width, blocks)
        self.scale = scale
        self.halo = max(self.halo, _REACH)

    def forward(self, lq: Tensor) -> Tensor:
        """Enlarge (N, 3, H, W) in [0, 1] to (N, 3, scale H, scale W)."""
        with torch.autocast(lq.device.type, enabled=False):
            wider = pad(lq.float(), (_REACH,) * 4, mode="replicate")
            skip = conv2d(wider, _bicubic(self.spread, wider.device), groups=3)
        return pixel_shuffle(skip + self.detail(lq), self.spread)


class ResNetRestorer(_ResNet):
    """Residual blocks at a fraction of the resolution that estimate what the input lacks, and add it."""

    def __init__(self, fold: int, width: int, blocks: int, border: Border = "zeros", views: int = 1) -> None:
        """Build with ``blocks`` residual blocks of ``width`` channels at 1 / ``fold`` of the resolution."""
        super().__init__(fold, fold, width, blocks, border, views)

    def forward(self, lq: Tensor) -> Tensor:
        """Restore (N, 3, H, W) in [0, 1]; height and width are multiples of ``fold``."""
        return lq.float() + pixel_shuffle(self.detail(lq), self.spread).float()


@register_model(
    task="upscale",
    default_scale=4,
    scales=(2, 4),
    paper="B. Lim et al., CVPRW 2017, arXiv:1707.02921",
)
def resnet_sr(scale: int = 4, width: int = 48, blocks: int = 6) -> ResNetSR:
    """Residual super-resolution network, for clean photos."""
    return ResNetSR(scale, width, blocks)


@register_model(
    task="denoise",
    default_scale=1,
    scales=(1,),
    paper="K. Zhang et al., IEEE TIP 27, 2018, arXiv:1710.04026; B. Lim et al., CVPRW 2017, arXiv:1707.02921",
)
def resnet_denoise(scale: int = 1, width: int = 48, blocks: int = 8) -> ResNetRestorer:
    """Blind denoiser at half resolution, for noise of any strength."""
    return ResNetRestorer(2, width, blocks)


@register_model(
    task="deblur",
    default_scale=1,
    scales=(1,),
    paper="S. Nah et al., CVPR 2017, arXiv:1612.02177; B. Lim et al., CVPRW 2017, arXiv:1707.02921",
)
def resnet_deblur(scale: int = 1, fold: int = 2, width: int = 48, blocks: int = 10) -> ResNetRestorer:
    """Blind deblurring at a fraction of the resolution, where a kernel sees far."""
    return ResNetRestorer(fold, width, blocks)
