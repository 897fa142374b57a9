"""Soft normalised cut of the code space."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor

from imgrestore.losses.contract import Loss
from imgrestore.parts.registry import register_loss

_NEIGHBOUR = 10
_PROJECTIONS = 8


@register_loss
class SoftNcut(Loss):
    """Soft normalised cut of the batch: K minus the sum over the clusters k of p_k' W p_k / p_k' W 1.

    W holds the affinity of every two codes of the batch, p_k the probabilities of belonging to cluster k. With a true
    affinity it goes from 0, clusters that have nothing in common, to K - 1, images that belong equally to all. J. Shi
    and J. Malik, "Normalized Cuts and Image Segmentation", IEEE PAMI 22, 2000, doi:10.1109/34.868688; soft as in X. Xia
    and B. Kulis, "W-Net", arXiv:1711.08506. Paper 001 (Yang & Zheng, multi-filter autoencoder) applies it to the codes
    of image blocks. It is a statistic of the batch: images do not count one by one.

    Attributes:
        affinity: ``"gaussian"`` exp(-d^2 / s^2) of the distance d, with s^2 the median over the batch of the squared
            distance to the tenth neighbour, a constant for the gradient; ours, and the one to use. ``"distance"`` d^2
            itself, as the paper prints: it rewards clusters of *distant* codes and inflates the code. ``"projection"``
            the sum of eight cuts, each along a fixed random direction, where codes are near that are near along it and
            in the order of the batch, as the paper's first code has it: close to noise.
    """

    needs: ClassVar[tuple[str, ...]] = ("code", "assignment")

    affinity: Literal["gaussian", "distance", "projection"] = "gaussian"

    @property
    def sees_brightness(self) -> bool:
        """No: it looks at the code alone."""
        return False

    def __call__(self, restored: Tensor, gt: Tensor, *, code: Tensor, assignment: Tensor) -> Tensor:
        """Return the cut of the batch; ``code`` is (N, D), ``assignment`` (N, K) with rows that sum to 1."""
        affinity = _AFFINITIES[self.affinity](code)
        within = (assignment * (affinity @ assignment)).sum(1)
        total = (assignment * affinity.sum(2, keepdim=True)).sum(1)
        return (1 - within / total.clamp_min(1e-6)).sum()


def _distances(code: Tensor) -> Tensor:
    """Return the squared distances of (N, D) codes, (1, N, N)."""
    return (code[None, :, None] - code[None, None, :]).square().sum(3)


def _gaussian(code: Tensor) -> Tensor:
    distances = _distances(code)
    neighbour = min(_NEIGHBOUR, len(code) - 1)
    scale = distances.detach().sort(2).values[:, :, neighbour].median().clamp_min(1e-12)
    return torch.exp(-distances / scale)


def _projection(code: Tensor) -> Tensor:
    """Return eight affinities, (8, N, N)."""
    width = code.shape[1]
    directions = torch.randn(_PROJECTIONS, width, generator=torch.Generator().manual_seed(0)).to(code)
    place = directions @ code.T / width**0.5
    order = torch.arange(len(code)).to(code)
    gaps = (place[:, :, None] - place[:, None, :]) / 3
    return torch.exp(-gaps.square() - (order[:, None] - order).square())


_AFFINITIES = {"gaussian": _gaussian, "distance": _distances, "projection": _projection}
