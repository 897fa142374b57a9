"""The network that tells what is wrong with a picture from some tiles of it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from imgrestore.automatic.statistics import statistics
from imgrestore.weights.cards import estimator_weights, read_card
from imgrestore.weights.storage import fill

MEASURES = (
    "noise",
    "colour_noise",
    "grain",
    "colour_grain",
    "blur",
    "compression",
    "impulses",
    "pitch",
    "enlarged",
)
"""What is measured, on these scales: ln(1 + sigma) of the noise of luma and of Cb and Cr, sigma in levels of 255; log2
of the pixels along which each is alike; sigma of the blur in pixels; (100 - quality) / 100 of JPEG; log10 of 1,000
times the share of impulses; log2 of the pitch of a printed screen in pixels; log2 of the factor of an enlargement."""

CHANCES = (
    "noise",
    "colour_noise",
    "blur",
    "jpeg",
    "shifted",
    "twice",
    "halftone",
    "impulses",
    "scratches",
    "enlarged",
    "clean",
)
"""What is true or not of a picture; ``shifted`` and ``twice`` say how a picture was compressed, if it was."""

_FURTHEST = 5.0
"""Deviations from the mean beyond which statistics count as so far."""


class Estimator(nn.Module):
    """Says of a picture what :data:`MEASURES` and :data:`CHANCES` name.

    Three layers, beside a linear map, turn the statistics of each tile into answers and a weight for each answer; the
    picture's answer is the weighted mean of the tiles'. So it is learnt which tiles tell noise and which blur
    (attention pooling: M. Ilse, J. Tomczak, M. Welling, "Attention-based Deep Multiple Instance Learning", ICML 2018,
    arXiv:1802.04712).

    Attributes:
        mean: Of each of the statistics in training, which are brought to a mean of 0 and a deviation of 1.
        deviation: Their standard deviations.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, statistics: int, width: int = 192, dropout: float = 0.15) -> None:
        """Build with fresh numbers.

        Args:
            statistics: How many there are of a tile.
            width: Numbers between the layers.
            dropout: Share of them that is left out in training.
        """
        super().__init__()
        self.register_buffer("mean", torch.zeros(statistics))
        self.register_buffer("deviation", torch.ones(statistics))
        told = 2 * (len(MEASURES) + len(CHANCES))
        self.straight = nn.Linear(statistics, told)
        self.layers = nn.Sequential(
            nn.Linear(statistics, width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(width, told),
        )

    def forward(self, statistics: Tensor) -> tuple[Tensor, Tensor]:
        """Judge pictures.

        Args:
            statistics: (N, K, F) of K tiles of each of N pictures.

        Returns:
            The measures (N, 9) and the logits of the chances (N, 11).
        """
        even = ((statistics - self.mean) / self.deviation).clamp(-_FURTHEST, _FURTHEST)
        answers, weights = (self.straight(even) + self.layers(even)).chunk(2, dim=2)
        joined = (answers * weights.softmax(dim=1)).sum(dim=1)
        return joined[:, : len(MEASURES)], joined[:, len(MEASURES) :]


@cache
def estimator(path: Path) -> Estimator:
    """Return the trained network of a weights file.

    Raises:
        WeightsError: The file is missing or damaged, or does not fit.
    """
    card = read_card(path)
    network = Estimator(**card.dimensions)
    fill(network, path)
    return network.eval()


@torch.inference_mode()
def estimate(tiles: NDArray[np.float32]) -> tuple[dict[str, float], dict[str, float]]:
    """Judge a picture by its tiles.

    Args:
        tiles: (K, h, w, 3) in [0, 1].

    Returns:
        The :data:`MEASURES` and the :data:`CHANCES`, from 0 to 1, by their names.
    """
    seen = statistics(torch.from_numpy(tiles).permute(0, 3, 1, 2))
    measured, logits = estimator(estimator_weights())(seen[None])
    return (
        dict(zip(MEASURES, measured[0].tolist(), strict=True)),
        dict(zip(CHANCES, logits[0].sigmoid().tolist(), strict=True)),
    )
