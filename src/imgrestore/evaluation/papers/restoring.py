"""What a paper's network makes of the pictures it is measured on."""

from __future__ import annotations

import math
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from imgrestore.engine.restorer import Restorer
from imgrestore.evaluation.papers import CONTROL, MEAN_CODE
from imgrestore.metrics.codes import kl_nats, silhouette
from imgrestore.models.contract import RestorationModel

_MOST_CODES = 4000
"""Codes that a silhouette is taken of: the memory for it goes with the square."""


@runtime_checkable
class Drawn(Protocol):
    """A model that can decode codes drawn from their Gaussians as well as the mean ones."""

    def restore_drawn(self, lq: Tensor) -> Tensor:
        """Restore a batch from drawn codes."""


@runtime_checkable
class Published(Protocol):
    """A model that its paper measures in another geometry than the one in which photos are restored."""

    def restore_as_published(self, lq: Tensor) -> Tensor:
        """Restore a batch of whole images."""


@runtime_checkable
class Routed(Protocol):
    """A model with a decoder for each cluster of codes, and the single decoder that it is compared with."""

    def control(self) -> RestorationModel:
        """Return the model with the single decoder."""

    def cluster_of(self, code: Tensor) -> Tensor:
        """Return the number of the cluster of each code."""


class PaperNetwork:
    """A network as a paper's table wants it: with its control, and on drawn codes where the paper draws them."""

    def __init__(self, model: RestorationModel, device: torch.device, *, drawn: bool) -> None:
        """Take a network; with ``drawn``, variational ones restore from codes drawn from their Gaussians."""
        self.model, self.device, self.drawn = model.to(device), device, drawn
        self.network, self.codes = _Network(model, device), _Codes()
        routed = _routed(model)
        self.control = _Network(routed.control(), device) if routed else None

    def __call__(self, lq: Tensor) -> dict[str, Tensor]:
        """Restore a batch (N, C, h, w) in every way that is measured, by the ending of the metrics' names.

        The network's own restoration has the ending ``""``; random numbers are PyTorch's global ones.
        """
        self.codes.add(self.model, lq.to(self.device))
        restored = {"": self.network(lq)}
        if self.control is not None:
            restored[CONTROL] = self.control(lq)
        if self.drawn and isinstance(self.model, Drawn):
            restored[MEAN_CODE] = restored[""]
            with torch.inference_mode():
                restored[""] = self.model.restore_drawn(lq.to(self.device)).float().cpu()
        return restored


class _Network:
    """A network on batches of images of any size: in one go if they are what it takes, by the engine if not."""

    def __init__(self, model: RestorationModel, device: torch.device) -> None:
        self.model, self.device = model.eval(), device
        self.engine = Restorer(model, device=device, precision="fp32", overlap=model.overlap)

    def __call__(self, lq: Tensor) -> Tensor:
        compute = self.model.restore_as_published if isinstance(self.model, Published) else self.model
        if compute is not self.model or _fits(self.model, lq):
            with torch.inference_mode():
                restored: Tensor = compute(lq.to(self.device))
            return restored.float().cpu()
        images = [self.engine.restore_tensor(image.expand(3, -1, -1)) for image in lq]
        return torch.stack(images)[:, : lq.shape[1]]


class _Codes:
    """What the codes of a model are like, gathered batch by batch."""

    def __init__(self) -> None:
        self.codes: list[Tensor] = []
        self.clusters: list[Tensor] = []
        self.nats: list[Tensor] = []

    def add(self, model: RestorationModel, lq: Tensor) -> None:
        """Look at the codes of some pictures (N, C, H, W)."""
        with torch.inference_mode():
            if _fits(model, lq):
                outputs = model.outputs(lq)
                if "mean" in outputs and "logvar" in outputs:
                    self.nats.append(kl_nats(outputs["mean"], outputs["logvar"]).cpu())
            if routed := _routed(model):
                outputs = model.outputs(_blocks(lq, model))
                code = outputs.get("mean", outputs["code"])
                self.codes.append(code.cpu())
                self.clusters.append(routed.cluster_of(code).cpu())

    def values(self) -> dict[str, float]:
        """Return the divergence in nats and the silhouette, as far as the model has them."""
        found = {}
        if self.nats:
            found["kl_nats"] = float(torch.cat(self.nats).mean())
        if self.codes:
            codes, clusters = torch.cat(self.codes), torch.cat(self.clusters)
            step = math.ceil(len(codes) / _MOST_CODES)
            found["silhouette"] = silhouette(codes[::step], clusters[::step])
        return found


def _routed(model: RestorationModel) -> Routed | None:
    """Return the model if it has a decoder for each cluster."""
    return model if "per-cluster" in model.stages and isinstance(model, Routed) else None


def _fits(model: RestorationModel, lq: Tensor) -> bool:
    """Return whether a batch has the network's own size and channels."""
    return model.channels == lq.shape[1] and lq.shape[-2:] == (model.native_size, model.native_size)


def _blocks(lq: Tensor, model: RestorationModel) -> Tensor:
    """Cut (N, C, H, W) into the blocks of a model of fixed size."""
    side = model.native_size or 0
    step = side - model.overlap
    cut = lq.unfold(2, side, step).unfold(3, side, step)
    return cut.permute(0, 2, 3, 1, 4, 5).reshape(-1, lq.shape[1], side, side)
