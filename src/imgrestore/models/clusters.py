"""Groups of codes: soft k-means, which finds them, and a layer that learns to tell them apart."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn

_ITERATIONS = 50
_STILL = 1e-4


class ClusterHead(nn.Sequential):
    """The "transformer" of paper 001 (Yang & Zheng): codes (N, latent) to the chances (N, K) of belonging to a cluster.

    One layer with ReLU, then softmax. Its weights are drawn from N(1, 0.1), as in the authors' code, where they stay
    so. Codes that are not negative then reach every cluster, so that none of the units is dead from the start.
    """

    def __init__(self, latent: int, clusters: int) -> None:
        """Build for codes of a length."""
        layer = nn.Linear(latent, clusters)
        nn.init.normal_(layer.weight, 1.0, 0.1)
        nn.init.zeros_(layer.bias)
        super().__init__(layer, nn.ReLU(), nn.Softmax(dim=1))


def soft_k_means(codes: Tensor, clusters: int, seed: int = 0) -> Tensor:
    """Find the centres of groups of codes; each code belongs to all of them to some extent.

    r_nk is proportional to exp(-kappa |z_n - mu_k|^2) and mu_k = sum_n r_nk z_n / sum_n r_nk in turn, from k-means++
    centres, with kappa = 1 / (2 times the mean squared distance to the nearest centre) of the moment; until no centre
    moves by more than 1e-4, or 50 times. Paper 001 (Yang & Zheng) gives no stiffness kappa; this one is our choice.

    Args:
        codes: (N, D).
        clusters: K, at most N.
        seed: Decides the first centres.

    Returns:
        (K, D).
    """
    centres = _plus_plus(codes, clusters, Generator().manual_seed(seed))
    for _ in range(_ITERATIONS):
        squares = torch.cdist(codes, centres).square()
        nearest = squares.min(dim=1).values
        kappa = 1 / (2 * nearest.mean()).clamp_min(1e-12)
        belonging = torch.softmax(-kappa * squares, dim=1)
        moved = (belonging.T @ codes) / belonging.sum(dim=0).clamp_min(1e-12)[:, None]
        shift = (moved - centres).norm(dim=1).max()
        centres = moved
        if shift < _STILL:
            break
    return centres


def _plus_plus(codes: Tensor, clusters: int, generator: Generator) -> Tensor:
    """Draw centres far from each other (D. Arthur, S. Vassilvitskii, SODA 2007)."""
    chosen = [int(torch.randint(len(codes), (), generator=generator))]
    while len(chosen) < clusters:
        squares = torch.cdist(codes, codes[chosen]).square().min(dim=1).values.double().cpu()
        weights = squares if float(squares.sum()) > 0 else torch.ones_like(squares)
        chosen.append(int(torch.multinomial(weights, 1, generator=generator)))
    return codes[chosen].clone()
