"""Autoencoders of small blocks, with one decoder for all or one for each cluster of codes.

Paper 001: Yang & Zheng, multi-filter autoencoder with latent clustering. A block is encoded; the code belongs to one of
K clusters; the decoder of that cluster restores the block. Blocks overlap and are merged by the engine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from imgrestore.errors import RecipeError
from imgrestore.models.clusters import soft_k_means
from imgrestore.models.contract import RestorationModel
from imgrestore.registry import register_model

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
        norm = nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)  # Keras' defaults
        dense = [nn.Linear(channels * side**2, 96), nn.ReLU(), nn.Linear(96, latent), nn.ReLU()]
        super().__init__(*layers, norm, nn.Flatten(), *dense)
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


def initialise(module: nn.Module) -> None:
    """Draw weights as Keras does: Glorot uniform, biases zero."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


class BlockAutoencoder(RestorationModel):
    """An encoder and a decoder; with several clusters, a decoder for each of them besides.

    The stages of training are those of the paper: ``joint`` trains the encoder with one decoder, ``cluster`` finds
    clusters of the codes of the degraded blocks, ``per-cluster`` trains a fresh decoder for each cluster on its own
    blocks, behind the encoder as it is. All decoders are trained side by side, each on its share of every batch; the
    paper trains one after the other, which takes the same samples in another order.
    """

    centres: Tensor
    routed: Tensor

    def __init__(
        self, block: int, latent: int, clusters: int, encoder: nn.Module, decoder: Callable[[], nn.Module]
    ) -> None:
        """Join an encoder with decoders.

        Args:
            block: Side of a block in pixels.
            latent: Length of the code.
            clusters: How many clusters have a decoder of their own; 1 for a single decoder.
            encoder: (N, 3, block, block) to (N, latent).
            decoder: Makes a fresh (N, latent) to (N, 3, block, block).
        """
        super().__init__()
        self.native_size, self.overlap = block, min(_OVERLAP, block // 3)
        self.encoder, self.decoder = encoder, decoder()
        self.decoders = nn.ModuleList(decoder() for _ in range(clusters if clusters > 1 else 0))
        self.register_buffer("centres", torch.zeros(clusters, latent))
        self.register_buffer("routed", torch.zeros((), dtype=torch.bool))
        if clusters > 1:
            self.stages = ("joint", "cluster", "per-cluster")

    def forward(self, lq: Tensor) -> Tensor:
        """Restore blocks (N, 3, block, block)."""
        return self.outputs(lq)["restored"]

    def outputs(self, lq: Tensor) -> dict[str, Tensor]:
        """Return ``restored`` and ``code``."""
        code: Tensor = self.encoder(lq.to(next(self.encoder.parameters()).dtype))
        return {"restored": self._decoded(code).float(), "code": code}

    def _decoded(self, code: Tensor) -> Tensor:
        if not self.routed:
            restored: Tensor = self.decoder(code)
            return restored
        cluster = self.nearest(code)
        block = self.native_size or 0
        whole = code.new_zeros(len(code), 3, block, block)
        for number, decoder in enumerate(self.decoders):
            chosen = cluster == number
            if bool(chosen.any()):
                whole = whole.index_put((chosen,), decoder(code[chosen]).to(whole.dtype))
        return whole

    def nearest(self, code: Tensor) -> Tensor:
        """Return the number of the nearest centre for each code (N, latent)."""
        return torch.cdist(code.float(), self.centres.float()).argmin(dim=1)

    def enter(self, stage: str) -> None:
        """Choose what is trained: encoder and decoder, or the clusters' decoders behind them."""
        per_cluster = stage == "per-cluster"
        self.routed.fill_(per_cluster)
        self.encoder.requires_grad_(not per_cluster)
        self.decoder.requires_grad_(not per_cluster)
        self.decoders.requires_grad_(per_cluster)

    def train(self, mode: bool = True) -> BlockAutoencoder:
        """Switch between training and evaluation; an encoder that is not trained stays as it is."""
        super().train(mode)
        if self.routed:
            self.encoder.eval()
        return self

    @torch.no_grad()
    def cluster(self, batches: Iterable[Tensor]) -> None:
        """Find the centres of the codes of all blocks."""
        self.encoder.eval()
        codes = torch.cat([self.encoder(batch) for batch in batches])
        self.centres.copy_(soft_k_means(codes, len(self.centres)))


@register_model(task="denoise", default_scale=1, scales=(1,), paper="001: Yang & Zheng, figures 2 and 3")
def block_ae(scale: int = 1, block: int = 18, latent: int = 60, clusters: int = 1) -> BlockAutoencoder:
    """Autoencoder of 18x18 blocks; with clusters, one decoder for each of them."""
    if block % 6:
        raise RecipeError(f"'model.block' must be a multiple of 6, got {block}")
    return BlockAutoencoder(block, latent, clusters, BlockEncoder(block, latent), lambda: BlockDecoder(block, latent))
