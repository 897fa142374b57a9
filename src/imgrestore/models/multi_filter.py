"""Autoencoders of blocks with one decoder for all, or one for each cluster of codes.

Paper 001: Yang & Zheng, multi-filter autoencoder with latent clustering. A block is encoded; its code belongs to one of
K clusters; the decoder of that cluster restores the block. The engine cuts images into blocks and merges them again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

import torch
from torch import Tensor, nn

from imgrestore.errors import RecipeError
from imgrestore.models.clusters import ClusterHead, soft_k_means
from imgrestore.models.contract import RestorationModel
from imgrestore.models.variational import drawn

Head = Literal["none", "trainable", "frozen"]
"""What tells clusters apart: centres found by soft k-means, or a layer that a loss trains, or that stays as drawn."""


class MultiFilter(RestorationModel):
    """Any encoder of blocks, a decoder, and with several clusters a decoder for each of them besides.

    The stages of training are those of the paper. ``joint`` trains the encoder with one decoder, the paper's control.
    ``cluster`` finds clusters of the codes of the degraded blocks; with a cluster head there is nothing to find.
    ``per-cluster`` trains a decoder for each cluster on its own blocks, behind the encoder as it is. All decoders are
    trained side by side, each on its share of every batch; the paper trains one after the other, which takes the same
    samples in another order.

    A trained model of several clusters still holds the control, and :meth:`control` gives it as a model of its own, so
    that the two can be compared: ``Restorer(model)`` against ``Restorer(model.control())``.

    A variational code is drawn from its Gaussian in training, by torch's global generator, and is the mean in
    evaluation. Clusters are told apart by the mean.
    """

    centres: Tensor
    routed: Tensor

    def __init__(
        self,
        encoder: nn.Module,
        decoder: Callable[[], nn.Module],
        *,
        block: int,
        latent: int,
        clusters: int = 1,
        head: Head = "none",
        init_from_stage1: bool = False,
        variational: bool = False,
        overlap: int = 0,
        channels: int = 3,
    ) -> None:
        """Join an encoder with decoders.

        Args:
            encoder: (N, channels, block, block) to a code (N, latent); if variational, to (N, 2 latent), means before
                log-variances.
            decoder: Makes a fresh (N, latent) to (N, channels, block, block).
            block: Side of a block in pixels.
            latent: Length of the code.
            clusters: How many clusters have a decoder of their own; 1 for a single decoder.
            head: What tells clusters apart.
            init_from_stage1: Whether the clusters' decoders begin as copies of the control instead of afresh, as later
                work of the authors does; good for clusters of few blocks.
            variational: Whether the encoder gives Gaussians.
            overlap: Pixels that neighbouring blocks share in the paper.
            channels: 3, or 1 for blocks without colours.

        Raises:
            RecipeError: There is a head, but nothing to tell apart.
        """
        super().__init__()
        if clusters == 1 and head != "none":
            raise RecipeError("'model.head' tells clusters apart", hint="set model.clusters=2, or model.head=none")
        self.native_size, self.overlap, self.channels = block, overlap, channels
        self.latent, self.variational, self.init_from_stage1 = latent, variational, init_from_stage1
        self.encoder, self.decoder = encoder, decoder()
        self.decoders = nn.ModuleList(decoder() for _ in range(clusters if clusters > 1 else 0))
        self.head = None if head == "none" else ClusterHead(latent, clusters)
        self._trains_head = head == "trainable"
        if self.head is None:
            self.register_buffer("centres", torch.zeros(clusters, latent))
        else:
            self.head.requires_grad_(self._trains_head)
        self.register_buffer("routed", torch.zeros((), dtype=torch.bool))
        if clusters > 1:
            self.stages = ("joint", "cluster", "per-cluster") if self.head is None else ("joint", "per-cluster")

    def forward(self, lq: Tensor) -> Tensor:
        """Restore blocks (N, channels, block, block)."""
        return self.outputs(lq)["restored"]

    def outputs(self, lq: Tensor) -> dict[str, Tensor]:
        """Return ``restored`` and ``code``, if variational ``mean`` and ``logvar``, with a head ``assignment``."""
        encoded: Tensor = self.encoder(lq.to(next(self.encoder.parameters()).dtype))
        named: dict[str, Tensor] = {}
        mean = code = encoded
        if self.variational:
            mean, logvar = encoded.chunk(2, dim=1)
            named = {"mean": mean, "logvar": logvar}
            code = drawn(mean, logvar) if self.training else mean
        if self.head is not None:
            named["assignment"] = self.head(mean)
        restored = self._decoded(code, self.cluster_of(mean)) if self.routed else self.decoder(code)
        return {"restored": restored.float(), "code": code, **named}

    def control(self) -> MultiFilter:
        """Return the single-decoder control: the encoder and the decoder it was trained with, sharing their numbers."""
        assert self.native_size is not None, "blocks have a size"
        return MultiFilter(
            self.encoder,
            lambda: self.decoder,
            block=self.native_size,
            latent=self.latent,
            variational=self.variational,
            overlap=self.overlap,
            channels=self.channels,
        ).train(self.training)

    def cluster_of(self, code: Tensor) -> Tensor:
        """Return the number of the cluster of each code (N, latent): the head's favourite, or the nearest centre."""
        if self.head is not None:
            assignment: Tensor = self.head(code)
            return assignment.argmax(dim=1)
        gaps = code.float()[:, None] - self.centres.float()  # no matrix product: it would round by the batch's size
        return gaps.square().sum(dim=2).argmin(dim=1)

    def _decoded(self, code: Tensor, cluster: Tensor) -> Tensor:
        """Decode each code (N, latent) by the decoder of its cluster.

        In evaluation each decoder that is needed computes the whole batch. A share of it would be a batch of another
        size, whose sums round differently, so that a block's result would depend on the blocks beside it.
        """
        block = self.native_size or 0
        whole = code.new_zeros(len(code), self.channels, block, block)
        for number, decoder in enumerate(self.decoders):
            chosen = cluster == number
            if bool(chosen.any()):
                restored = decoder(code[chosen]) if self.training else decoder(code)[chosen]
                whole = whole.index_put((chosen,), restored.to(whole.dtype))
        return whole

    def enter(self, stage: str) -> None:
        """Choose what is trained: encoder, head and decoder, or the clusters' decoders behind them."""
        per_cluster = stage == "per-cluster"
        if per_cluster and self.init_from_stage1 and not self.routed:
            for decoder in self.decoders:
                decoder.load_state_dict(self.decoder.state_dict())
        self.routed.fill_(per_cluster)
        self.encoder.requires_grad_(not per_cluster)
        self.decoder.requires_grad_(not per_cluster)
        self.decoders.requires_grad_(per_cluster)
        if self.head is not None:
            self.head.requires_grad_(self._trains_head and not per_cluster)

    def train(self, mode: bool = True) -> MultiFilter:
        """Switch between training and evaluation; an encoder that is not trained stays as it is."""
        super().train(mode)
        if self.routed:
            self.encoder.eval()
        return self

    @torch.no_grad()
    def cluster(self, batches: Iterable[Tensor]) -> None:
        """Find the centres of the codes of all blocks."""
        self.encoder.eval()
        codes = torch.cat([self.encoder(batch)[:, : self.latent] for batch in batches])
        self.centres.copy_(soft_k_means(codes, len(self.centres)))
