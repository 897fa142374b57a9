"""Metrics of compact codes, and of one method against another."""

from __future__ import annotations

import torch
from torch import Tensor

from imgrestore.losses.kl_gauss import divergences


def kl_nats(mean: Tensor, logvar: Tensor) -> Tensor:
    """Return the divergence of Gaussian codes (N, D) from N(0, I) in nats, (N,): what a code can say of its image."""
    return divergences(mean.double(), logvar.double()).sum(1)


def silhouette(codes: Tensor, clusters: Tensor) -> float:
    """Return how well clusters are separated, from -1 to 1.

    The mean over all codes of ``(b - a) / max(a, b)``: a is the mean distance to the other codes of its own cluster, b
    that to the nearest other cluster; 0 for a code alone in its cluster. P. J. Rousseeuw, "Silhouettes", J. Comput.
    Appl. Math. 20, 1987, doi:10.1016/0377-0427(87)90125-7. Needs memory for N x N distances.

    Args:
        codes: (N, D).
        clusters: Number of the cluster of each code, (N,).

    Returns:
        The mean; NaN if all codes are in one cluster.
    """
    own = clusters[:, None] == torch.unique(clusters)
    members = own.double()
    sizes = members.sum(0)
    if len(sizes) < 2:
        return float("nan")
    totals = torch.cdist(codes.double(), codes.double()) @ members
    companions = members @ sizes - 1
    within = totals[own] / companions.clamp_min(1)
    between = (totals / sizes).masked_fill(own, torch.inf).min(1).values
    score = (between - within) / torch.maximum(between, within).clamp_min(1e-300)
    return float(torch.where(companions > 0, score, 0).mean())


def win_percentage(ours: Tensor, control: Tensor, higher: bool = True) -> float:
    """Return the percentage of images on which one method is strictly better than another.

    Args:
        ours: A metric of each image, (N,).
        control: The same metric of the method that it is compared with.
        higher: Whether higher is better.
    """
    better = ours > control if higher else ours < control
    return 100 * float(better.double().mean())
