"""A residual network at half resolution that sees far for little, by a U-Net hung into its middle.

K. Zhang et al., "Plug-and-Play Image Restoration with Deep Denoiser Prior", IEEE TPAMI 44(10), 2022, arXiv:2008.13751,
join the U-Net of O. Ronneberger, P. Fischer, T. Brox (MICCAI 2015, arXiv:1505.04597) to residual blocks: resolution is
halved by convolutions of 2x2 pixels, and what a lower level finds is added to what the upper one knows. Here the first
level is a whole :class:`~imgrestore.models.resnet.ResNetRestorer`, whose trained weights it can begin with; the levels
below show it what is beyond its reach: blotches, coarse grain, the smoothness of skies. Pixels are doubled by repeating
them, and convolutions repeat the outermost ones instead of reading zeros beyond: a flat picture has flat features, up
to its corners.

Lost pixels are hard for such a network: it would have to find both that a pixel is lost and what to add to it, to the
level. So it is shown the median of every pixel's neighbourhood, too (J. W. Tukey's filter, in two dimensions), and says
how far each pixel goes towards it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad, pixel_shuffle, pixel_unshuffle

from imgrestore.models.contract import RestorationModel
from imgrestore.models.resnet import ResidualBlock, ResNetRestorer
from imgrestore.parts.registry import register_model

_BORDER: Final = "replicate"


def _in_order(first: Tensor, second: Tensor, third: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    least, most = torch.minimum(first, second), torch.maximum(first, second)
    return torch.minimum(least, third), torch.maximum(least, torch.minimum(most, third)), torch.maximum(most, third)


def median(image: Tensor) -> Tensor:
    """Return the median of each pixel and its eight neighbours, the outermost repeated: (N, C, H, W) to the same shape.

    It is the middle one of the greatest of the least of the three columns, the middle of their middles and the least
    of their greatest.
    """
    height, width = image.shape[-2:]
    wider = pad(image, (1, 1, 1, 1), mode="replicate")
    columns = _in_order(*(wider[..., row : row + height, :] for row in range(3)))
    least, middle, most = ([part[..., column : column + width] for column in range(3)] for part in columns)
    return _in_order(_in_order(*least)[2], _in_order(*middle)[1], _in_order(*most)[0])[1]


def _blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(width, _BORDER) for _ in range(count)))


class _Coarser(nn.Module):
    """What can be seen at half the resolution and below: features (N, width, H, W) to what to add to them."""

    def __init__(self, width: int, widths: Sequence[int], down: int, bottom: int, up: int) -> None:
        """Build levels of ``widths`` channels below one of ``width``; the other arguments are those of UNet."""
        super().__init__()
        inner, *lower = widths
        self.shrink = nn.Conv2d(width, inner, 2, stride=2)
        self.down = _blocks(inner, down if lower else bottom)
        self.coarser = _Coarser(inner, lower, down, bottom, up) if lower else None
        self.up = _blocks(inner, up if lower else 0)
        self.enlarge = nn.Conv2d(inner, width, 1)
        nn.init.zeros_(self.enlarge.weight)
        nn.init.zeros_(self.enlarge.bias)  # type: ignore[arg-type]

    def reach(self, pixels: int) -> int:
        """Return how far a pixel of the level above sees through here if it saw ``pixels`` of what is added there."""
        reach = -(-pixels // 2) + 2 * len(self.up)  # a pixel that is seen in part is seen
        if self.coarser is not None:
            reach = self.coarser.reach(reach)
        return 2 * (reach + 2 * len(self.down))

    def forward(self, features: Tensor) -> Tensor:
        seen: Tensor = self.down(self.shrink(features))
        if self.coarser is not None:
            seen = self.up(self.coarser(seen).add_(seen))
        return interpolate(self.enlarge(seen), scale_factor=2)


class UNet(ResNetRestorer):
    """Residual blocks at 1/2 of the resolution, in their midst others at 1/4, 1/8 and so on, and a median beside."""

    def __init__(self, widths: Sequence[int], before: int, after: int, down: int, bottom: int, up: int) -> None:
        """Build the network.

        Args:
            widths: Channels of each level, from half the resolution on; two or more.
            before: Blocks of the first level before what the lower levels find is added.
            after: Blocks of the first level after that.
            down: Blocks of each level between the first and the last, before what those below it find.
            bottom: Blocks of the last level.
            up: Blocks of each level between the first and the last, after what those below it find.
        """
        super().__init__(2, widths[0], before + after, _BORDER, views=2)
        self.before = before
        self.coarser = _Coarser(widths[0], widths[1:], down, bottom, up)
        self.multiple_of = self.fold * 2 ** (len(widths) - 1)
        self.halo = self.fold * (self.coarser.reach(2 + 2 * after) + 2 * before + 1) + 1
        self.activation_bytes = 4 * (6 * widths[0] // 2**2 + 6 * widths[1] // 4**2 + 24)
        nn.init.zeros_(self.tail.weight[3 * self.fold**2 :])

    def grown(self, earlier: RestorationModel) -> bool:
        """Widths and blocks may grow, and a first level become a whole; levels may not come between."""
        if isinstance(earlier, UNet):
            return (earlier.multiple_of, earlier.before) == (self.multiple_of, self.before)
        return type(earlier) is ResNetRestorer and earlier.fold == self.fold

    def forward(self, lq: Tensor) -> Tensor:
        """Restore (N, 3, H, W) in [0, 1]; height and width are multiples of :attr:`multiple_of`."""
        towards = median(lq) - lq
        detail, share = pixel_shuffle(self.detail(torch.cat([lq, towards], dim=1)), self.spread).float().chunk(2, dim=1)
        return torch.addcmul(lq.float(), share, towards.float()).add_(detail)

    def detail(self, lq: Tensor) -> Tensor:
        """Return what to add to the input, and how far to go towards the median, as sub-pixels.

        Args:
            lq: Of shape (N, 6, H, W): the input, and what the median adds to it.

        Returns:
            Of shape (N, 6 fold^2, H / fold, W / fold).
        """
        features = self.head(pixel_unshuffle(lq.to(self.head.weight.dtype), self.fold))
        near = self.body[: self.before](features)
        found = self.body[self.before :](self.coarser(near).add_(near))
        detail: Tensor = self.tail(self.merge(found).add_(features))
        return detail


@register_model(
    task="denoise",
    default_scale=1,
    scales=(1,),
    paper="K. Zhang et al., IEEE TPAMI 44(10), 2022, arXiv:2008.13751",
)
def unet_denoise(
    scale: int = 1,
    width: int = 48,
    quarter: int = 96,
    eighth: int = 128,
    before: int = 3,
    after: int = 5,
    down: int = 1,
    bottom: int = 2,
    up: int = 1,
) -> UNet:
    """Blind denoiser that sees far: grain, blotches and the noise of cameras."""
    return UNet((width, quarter, eighth), before, after, down, bottom, up)
