"""A residual U-Net of plain convolutions, which sees far for little.

K. Zhang et al., "Plug-and-Play Image Restoration with Deep Denoiser Prior", IEEE TPAMI 44(10), 2022, arXiv:2008.13751,
join the U-Net of O. Ronneberger, P. Fischer, T. Brox (MICCAI 2015, arXiv:1505.04597) to residual blocks: resolution is
halved by convolutions of 2x2 pixels, and what an upper level knows is added on the way back. Here the first level
already works at half the resolution, its pixels folded into channels, as convolutions at full resolution cost most; and
the network adds what its input lacks, so that it begins by changing nothing. Pixels are doubled by repeating them, and
convolutions repeat the outermost ones instead of reading zeros beyond: a flat picture has flat features, up to its
corners.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn.functional import interpolate, pixel_shuffle, pixel_unshuffle

from imgrestore.models.contract import RestorationModel
from imgrestore.registry import register_model

_FOLD = 2


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="replicate")


class _Block(nn.Module):
    """Two 3x3 convolutions around a ReLU, added to their input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = _convolution(width, width), _convolution(width, width)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, features: Tensor) -> Tensor:
        added: Tensor = self.second(self.first(features).relu_())
        return added.add_(features)


def _blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(_Block(width) for _ in range(count)))


class UNet(RestorationModel):
    """Residual blocks at 1/2, 1/4, 1/8 … of the resolution."""

    def __init__(self, widths: Sequence[int], down: int, bottom: int, up: int) -> None:
        """Build the network.

        Args:
            widths: Channels of each level, from half the resolution on.
            down: Blocks of each level on the way down, but for the last level.
            bottom: Blocks of the last level.
            up: Blocks of each level on the way back up.
        """
        super().__init__()
        levels = len(widths) - 1
        self.multiple_of = _FOLD * 2**levels
        self.halo = _FOLD * _reach(levels, down, bottom, up)
        self.activation_bytes = 4 * (6 * widths[0] // _FOLD**2 + 6 * widths[1] // (2 * _FOLD) ** 2 + 12)
        self.head = _convolution(3 * _FOLD**2, widths[0])
        self.down = nn.ModuleList(_blocks(width, down) for width in widths[:-1])
        self.shrink = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairwise(widths))
        self.bottom = _blocks(widths[-1], bottom)
        self.enlarge = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(widths))
        self.up = nn.ModuleList(_blocks(width, up) for width in widths[:-1])
        self.tail = _convolution(widths[0], 3 * _FOLD**2)
        nn.init.normal_(self.tail.weight, std=1e-3)
        nn.init.zeros_(self.tail.bias)  # type: ignore[arg-type]

    def grown(self, earlier: RestorationModel) -> bool:
        """Widths and blocks may grow, levels may not."""
        return isinstance(earlier, UNet) and len(earlier.up) == len(self.up)

    def forward(self, lq: Tensor) -> Tensor:
        """Restore (N, 3, H, W) in [0, 1]; height and width are multiples of :attr:`multiple_of`."""
        features = self.head(pixel_unshuffle(lq.to(self.head.weight.dtype), _FOLD))
        known = []
        for blocks, shrink in zip(self.down, self.shrink, strict=True):
            features = blocks(features)
            known.append(features)
            features = shrink(features)
        features = self.bottom(features)
        for blocks, enlarge in zip(reversed(self.up), reversed(self.enlarge), strict=True):
            features = blocks(interpolate(enlarge(features), scale_factor=2).add_(known.pop()))
        return lq.float() + pixel_shuffle(self.tail(features), _FOLD).float()


def _reach(levels: int, down: int, bottom: int, up: int) -> int:
    """Return how far an output pixel sees, in pixels of the first level, from the square that is one of the last."""
    reach = 1
    for _ in range(levels):
        reach = -(-(reach + 2 * up) // 2)  # a pixel that is seen in part is seen
    reach += 2 * bottom
    for _ in range(levels):
        reach = 2 * reach + 2 * down
    return reach + 1


@register_model(
    task="denoise",
    default_scale=1,
    scales=(1,),
    paper="K. Zhang et al., IEEE TPAMI 44(10), 2022, arXiv:2008.13751",
)
def unet_denoise(
    scale: int = 1, width: int = 48, quarter: int = 96, eighth: int = 128, down: int = 1, bottom: int = 2, up: int = 2
) -> UNet:
    """Blind denoiser that sees far: grain, blotches and the noise of cameras."""
    return UNet((width, quarter, eighth), down, bottom, up)
