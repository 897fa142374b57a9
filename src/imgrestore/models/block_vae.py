"""Variational autoencoders of blocks with codes of two numbers: paper 001 (Yang & Zheng, multi-filter autoencoder).

Figures 5 and 6 and a trunk of VGG16. The paper does not show the decoder; ours is that of the example of the Keras
library which figure 6 shows the encoder of, with 59,331 parameters for blocks of 16 pixels.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from imgrestore.errors import RecipeError
from imgrestore.models.block_ae import ResidualTrunk, initialise, keras_norm
from imgrestore.models.multi_filter import MultiFilter
from imgrestore.parts.registry import register_model

_VGG16 = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
_HALVED = 2 ** len(_VGG16)


class GaussianEncoder(nn.Module):
    """A trunk as it is, a hidden layer of 16, and of the code first the means, then the logarithms of the variances."""

    def __init__(self, trunk: nn.Module, features: int, latent: int) -> None:
        """Build behind a trunk that gives some number of features."""
        super().__init__()
        self.trunk = trunk
        self.hidden = nn.Linear(features, 16)
        self.mean, self.logvar = nn.Linear(16, latent), nn.Linear(16, latent)
        for layer in (self.hidden, self.mean, self.logvar):
            initialise(layer)

    def forward(self, block: Tensor) -> Tensor:
        """Encode (N, C, block, block) as (N, 2 latent)."""
        hidden = torch.relu(self.hidden(self.trunk(block).flatten(1)))
        return torch.cat([self.mean(hidden), self.logvar(hidden)], dim=1)


class VaeDecoder(nn.Module):
    """A code (N, latent) to a block (N, channels, block, block) in [0, 1], the middle of what the last layer gives."""

    def __init__(self, block: int, latent: int, channels: int) -> None:
        """Build for blocks of a side; made from maps of a quarter of it, rounded up."""
        super().__init__()
        self.block, side = block, math.ceil(block / 4)
        self.layers = nn.Sequential(
            nn.Linear(latent, 64 * side**2),
            nn.ReLU(),
            nn.Unflatten(1, (64, side, side)),
            nn.ConvTranspose2d(64, 64, 3, 2, padding=1, output_padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(64, 32, 3, 2, padding=1, output_padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(32, channels, 3, padding=1),
            nn.Sigmoid(),
        )
        initialise(self)

    def forward(self, code: Tensor) -> Tensor:
        """Decode."""
        restored: Tensor = self.layers(code)
        first = (restored.shape[-1] - self.block) // 2
        return restored[..., first : first + self.block, first : first + self.block]


def _autoencoder(
    trunk: nn.Module,
    features: int,
    block: int,
    latent: int,
    channels: int,
    clusters: int,
    init_from_stage1: bool,
) -> MultiFilter:
    """Join a trunk with a Gaussian code and decoders. Blocks do not overlap, as in the paper's data for these rows."""
    return MultiFilter(
        GaussianEncoder(trunk, features, latent),
        lambda: VaeDecoder(block, latent, channels),
        block=block,
        latent=latent,
        clusters=clusters,
        init_from_stage1=init_from_stage1,
        variational=True,
        channels=channels,
    )


@register_model(task="denoise", default_scale=1, scales=(1,), fixed_size=True, paper="001: Yang & Zheng, figure 6")
def block_vae(
    scale: int = 1,
    block: int = 16,
    latent: int = 2,
    channels: Literal[1, 3] = 3,
    clusters: int = 1,
    init_from_stage1: bool = False,
) -> MultiFilter:
    """Variational autoencoder of 16x16 blocks; with clusters, one decoder for each of them."""
    layers: list[nn.Module] = []
    for before, width in ((channels, 32), (32, 64)):
        layers += [nn.Conv2d(before, width, 3, 2, padding=1), nn.ReLU(), keras_norm(width)]
    trunk, features = nn.Sequential(*layers), 64 * math.ceil(block / 4) ** 2
    initialise(trunk)
    return _autoencoder(trunk, features, block, latent, channels, clusters, init_from_stage1)


@register_model(task="denoise", default_scale=1, scales=(1,), fixed_size=True, paper="001: Yang & Zheng, figure 5")
def block_resnet_vae(
    scale: int = 1,
    block: int = 16,
    latent: int = 2,
    channels: Literal[1, 3] = 3,
    clusters: int = 1,
    init_from_stage1: bool = False,
) -> MultiFilter:
    """Variational autoencoder of 16x16 blocks with a residual encoder; with clusters, one decoder for each of them."""
    features = ResidualTrunk.width * math.ceil(block / 2) ** 2
    return _autoencoder(ResidualTrunk(channels), features, block, latent, channels, clusters, init_from_stage1)


@register_model(
    task="denoise", default_scale=1, scales=(1,), fixed_size=True, paper="001: Yang & Zheng, VGG16 as the encoder"
)
def block_vgg_vae(
    scale: int = 1, block: int = 32, latent: int = 2, clusters: int = 1, init_from_stage1: bool = False
) -> MultiFilter:
    """Variational autoencoder of 32x32 blocks behind a fresh VGG16; with clusters, one decoder for each of them.

    The paper does not say how VGG16 is embedded; here its thirteen convolutions are the encoder, for blocks of 32
    pixels, the least they take. K. Simonyan and A. Zisserman, ICLR 2015, arXiv:1409.1556. Their weights are drawn after
    K. He et al., ICCV 2015, arXiv:1502.01852: under Glorot's the signal of a trunk as deep fades away.
    """
    if block % _HALVED:
        raise RecipeError(f"'model.block' must be a multiple of {_HALVED}, got {block}")
    return _autoencoder(_Vgg16(), 512 * (block // _HALVED) ** 2, block, latent, 3, clusters, init_from_stage1)


class _Vgg16(nn.Sequential):
    """The convolutions of VGG16: (N, 3, H, W) to (N, 512, H / 32, W / 32)."""

    def __init__(self) -> None:
        layers: list[nn.Module] = []
        channels = 3
        for stage in _VGG16:
            for width in stage:
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
            layers.append(nn.MaxPool2d(2))
        super().__init__(*layers)
        initialise(self)
        for layer in self:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
