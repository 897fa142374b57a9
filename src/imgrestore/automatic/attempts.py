"""Good and bad attempts at restoring a damaged picture: what the guard learns to tell apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imgrestore.degradations import opencv
from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.streams import Streams
from imgrestore.parts import registry

Rng = np.random.Generator
Network = Callable[[Tensor], Tensor]

_NETWORKS, _OTHER, _SPOILT = 0.55, 0.4, 0.3
"""How often each network restores a picture, and, for each that does, how often another attempt is made, or spoilt."""


def attempts(image: Tensor, truth: Tensor, networks: Mapping[str, Network], rng: Rng) -> list[tuple[str, Tensor]]:
    """Restore a damaged picture in several ways, rightly and wrongly.

    Args:
        image: (3, H, W) in [0, 1].
        truth: The picture without damage.
        networks: Take such an image to a restored one, by their names.
        rng: Decides what is tried.

    Returns:
        Results with the names of the networks that gave them, or ``"ideal"``, ``"other"`` or ``"spoilt"``.
    """
    tried = [name for name in networks if rng.random() < _NETWORKS] or [next(iter(networks))]
    found = []
    for name in tried:
        restored = networks[name](image)
        found += [(name, restored), ("ideal", _ideal(image, truth, rng)), ("ideal", _ideal(image, truth, rng))]
        if rng.random() < _OTHER:
            found.append(("other", _other(image, restored, rng)))
        if rng.random() < _SPOILT:
            found.append(("spoilt", _spoilt(image if rng.random() < 0.4 else restored, rng)))
    return found


def _ideal(image: Tensor, truth: Tensor, rng: Rng) -> Tensor:
    """Give what a network may that knows the damage: the truth, smoothed, and some of the damage or its shades."""
    damage = image - truth
    left, smoothed, shades = (float(rng.uniform()) ** 2 for _ in range(3))
    softer = _blurred(truth, float(rng.uniform(0.4, 1.4)), rng)
    coarse = 2 * _blurred(damage / 2 + 0.5, float(rng.uniform(1, 3)), rng) - 1
    return truth + 0.9 * left * damage + smoothed * (softer - truth) + shades * coarse


def _other(image: Tensor, restored: Tensor, rng: Rng) -> Tensor:
    """Do too little or too much, or what one filter for all pictures does."""
    kind = rng.choice(["more", "median", "smooth", "sharpen"])
    if kind == "more":
        return image + float(rng.uniform(0.3, 1.8)) * (restored - image)
    if kind == "median":
        size = int(rng.choice([3, 3, 5]))
        return opencv.each_picture(image[None], lambda _, picture: opencv.median(picture, size))[0]
    if kind == "smooth":
        return _blurred(image, float(rng.uniform(0.5, 1.8)), rng)
    return image + float(rng.uniform(0.2, 1.5)) * (image - _blurred(image, float(rng.uniform(0.7, 2.5)), rng))


def _spoilt(result: Tensor, rng: Rng) -> Tensor:
    """Give a result another tint or contrast, smooth it, or add blocks, a pattern or noise."""
    kind = rng.choice(["tint", "contrast", "smooth", "blocks", "pattern", "noise"])
    if kind == "tint":
        tint = rng.normal(0, 1, 3) * _even(rng, 0.5, 15) / 255
        return result + torch.tensor(tint).float()[:, None, None]
    if kind == "contrast":
        gain = 1 + rng.normal(0, 1, 3 if rng.random() < 0.5 else 1) * rng.uniform(0.01, 0.15)
        middle = 0.5 if rng.random() < 0.5 else 0.0
        return (result - middle) * torch.tensor(gain).float()[:, None, None] + middle
    if kind == "smooth":
        return _blurred(result, float(rng.uniform(0.6, 3)), rng)
    if kind == "blocks":
        quality, offset = int(rng.integers(5, 60)), rng.integers(0, 8, 2)
        down, across = int(offset[0]), int(offset[1])
        moved = result.clamp(0, 1).roll((down, across), dims=(1, 2))
        return _by("jpeg", moved, rng, quality=(quality, quality)).roll((-down, -across), dims=(1, 2))
    if kind == "pattern":
        return result + _pattern(result.shape[1], result.shape[2], rng) * _even(rng, 0.7, 12) / 255
    noise = torch.from_numpy(rng.normal(0, 1, tuple(result.shape))).float()
    return result + noise * _even(rng, 0.7, 12) / 255


def _pattern(height: int, width: int, rng: Rng) -> Tensor:
    """Draw waves or stripes from -1 to 1 (H, W), half of them along the axes."""
    angle = math.pi / 2 * float(rng.integers(0, 2)) if rng.random() < 0.5 else float(rng.uniform(0, math.pi))
    way = torch.arange(height)[:, None] * math.sin(angle) + torch.arange(width) * math.cos(angle)
    waves = torch.sin(2 * math.pi / _even(rng, 2, 16) * way + 0.1)
    return waves if rng.random() < 0.5 else waves.sign()


def _blurred(image: Tensor, sigma: float, rng: Rng) -> Tensor:
    return _by("gaussian-blur", image.clamp(0, 1), rng, sigma=(sigma, sigma))


def _by(kind: str, image: Tensor, rng: Rng, **settings: Any) -> Tensor:
    part: Degradation = registry.find("degradation", kind).load()(**settings)
    return part(image[None], Streams.seeded(int(rng.integers(2**62))))[0]


def _even(rng: Rng, least: float, most: float) -> float:
    """Draw log-evenly between two numbers."""
    return float(np.exp(rng.uniform(math.log(least), math.log(most))))
