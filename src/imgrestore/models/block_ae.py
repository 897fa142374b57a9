"""Autoencoders of blocks with long codes: paper 001 (Yang & Zheng, multi-filter autoencoder), figures 2, 3 and 5."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from imgrestore.errors import RecipeError
from imgrestore.models.multi_filter import Head, MultiFilter
from imgrestore.parts.registry import register_model

_OVERLAP = 4


class BlockEncoder(nn.Sequential):
    """Figure 2 of paper 001: (N, 3, block, block) to a non-negative code (N, latent).

    446,580 trainable parameters for blocks of 18 pixels and codes of 60 numbers.
    """

    def __init__(self, block: int, latent: int) -> None:
        """Build for blocks of a side and codes of a length."""
        layers: list[nn.Module] = []
        channels = 3
        for width, stride in ((16, 1), (32, 2), (48, 1), (72, 2), (128, 1)):
            layers += [nn.Conv2d(channels, width, 3, stride, padding=1), nn.ReLU()]
            channels = width
        side = math.ceil(math.ceil(block / 2) / 2)
        dense = [nn.Linear(channels * side**2, 96), nn.ReLU(), nn.Linear(96, latent), nn.ReLU()]
        super().__init__(*layers, keras_norm(channels), nn.Flatten(), *dense)
        initialise(self)


class BlockDecoder(nn.Sequential):
    """Figure 3 of paper 001: a code (N, latent) to a block (N, 3, block, block) in [0, 1].

    378,155 parameters for blocks of 18 pixels and codes of 60 numbers.
    """

    def __init__(self, block: int, latent: int) -> None:
        """Build for blocks whose side is a multiple of 6."""
        side, channels = block // 6, 144
        layers: list[nn.Module] = [nn.Linear(latent, channels * side**2), nn.ReLU()]
        layers.append(nn.Unflatten(1, (channels, side, side)))
        for width, stride in ((128, 1), (72, 2), (48, 1), (32, 3), (16, 1), (3, 1)):
            padding, beyond = (0, 0) if stride == 3 else (1, stride - 1)
            layers.append(nn.ConvTranspose2d(channels, width, 3, stride, padding, beyond))
            layers.append(nn.ReLU() if width != 3 else nn.Sigmoid())
            channels = width
        super().__init__(*layers)
        initialise(self)


class ResidualTrunk(nn.Module):
    """Figure 5 of paper 001 up to the sum: (N, channels, block, block) to 32 maps of half the side, rounded up.

    The shortcut is a convolution of 3x3 from the input, as its 896 parameters for three channels tell.
    """

    width = 32

    def __init__(self, channels: int) -> None:
        """Build for blocks of some channels."""
        super().__init__()
        self.first = nn.Conv2d(channels, self.width, 3, 2, padding=1)
        self.norm = keras_norm(self.width)
        self.second = nn.Conv2d(self.width, self.width, 3, padding=1)
        self.shortcut = nn.Conv2d(channels, self.width, 3, 2, padding=1)
        initialise(self)

    def forward(self, block: Tensor) -> Tensor:
        """Return the sum of the two branches."""
        deep = torch.relu(self.second(self.norm(torch.relu(self.first(block)))))
        shortcut: Tensor = self.shortcut(block)
        return deep + shortcut


def keras_norm(channels: int) -> nn.BatchNorm2d:
    """Return a batch normalisation with Keras' defaults."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


def initialise(module: nn.Module) -> None:
    """Draw weights as Keras does: Glorot uniform, biases zero."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def _autoencoder(
    encoder: nn.Module, block: int, latent: int, clusters: int, head: Head, init_from_stage1: bool
) -> MultiFilter:
    """Join an encoder with decoders after figure 3."""
    if block % 6:
        raise RecipeError(f"'model.block' must be a multiple of 6, got {block}")
    return MultiFilter(
        encoder,
        lambda: BlockDecoder(block, latent),
        block=block,
        latent=latent,
        clusters=clusters,
        head=head,
        init_from_stage1=init_from_stage1,
        overlap=min(_OVERLAP, block // 3),
    )


@register_model(
    task="denoise", default_scale=1, scales=(1,), fixed_size=True, paper="001: Yang & Zheng, figures 2 and 3"
)
def block_ae(
    scale: int = 1,
    block: int = 18,
    latent: int = 60,
    clusters: int = 1,
    head: Head = "none",
    init_from_stage1: bool = False,
) -> MultiFilter:
    """Autoencoder of 18x18 blocks; with clusters, one decoder for each of them."""
    return _autoencoder(BlockEncoder(block, latent), block, latent, clusters, head, init_from_stage1)


@register_model(
    task="denoise", default_scale=1, scales=(1,), fixed_size=True, paper="001: Yang & Zheng, figures 3 and 5"
)
def block_resnet_ae(
    scale: int = 1,
    block: int = 18,
    latent: int = 60,
    clusters: int = 1,
    head: Head = "none",
    init_from_stage1: bool = False,
) -> MultiFilter:
    """Autoencoder of 18x18 blocks with a residual encoder; with clusters, one decoder for each of them."""
    trunk = ResidualTrunk(3)
    features = trunk.width * math.ceil(block / 2) ** 2
    dense = [nn.Linear(features, 96), nn.ReLU(), nn.Linear(96, latent), nn.ReLU()]
    encoder = nn.Sequential(trunk, nn.Flatten(), *dense)
    initialise(encoder[2:])
    return _autoencoder(encoder, block, latent, clusters, head, init_from_stage1)
