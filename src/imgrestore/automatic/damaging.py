"""Pictures damaged on purpose, with the truth of what was done to them: what the estimator learns from."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from imgrestore.automatic.estimator import CHANCES, MEASURES
from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.streams import Streams
from imgrestore.image.color import luma
from imgrestore.image.resampling import resize
from imgrestore.parts import registry

MOST_CAUSES = 3
_SHARES = {"soft": 0.24, "noise": 0.42, "halftone": 0.06, "strokes": 0.16, "impulses": 0.09, "jpeg": 0.38}
"""How often each cause is there among pictures that are not left clean."""

_CLEAN, _GREY = 0.3, 0.06
_VISIBLE_NOISE, _VISIBLE_BLUR = (1.0, 2.5), (0.5, 1.0)
"""Levels of noise and pixels of blur that nobody would see, and that everybody would."""

_STRUCK, _VISIBLE_STROKES = 10 / 255, (20, 150)
"""By how much a pixel of a scratch is changed at least, and how many of them may pass unseen, and do not."""

_ALIKE = 8
"""Side of the squares over which noise is averaged to tell how large its grains are."""

Rng = np.random.Generator


class Damaged:
    """A picture that is damaged step by step, and the truth about it.

    Attributes:
        image: (1, 3, H, W) in [0, 1].
        measures: True values of :data:`.MEASURES`; those that nothing can be said of are missing.
        chances: Likewise of :data:`.CHANCES`, from 0 to 1: damage that nobody would see counts in part.
        moved: By how many pixels the image lies lower and further right than the clean picture, wrapped around.
    """

    def __init__(self, image: Tensor, rng: Rng) -> None:
        """Begin with a clean picture (3, H, W) in [0, 1]."""
        self.image, self._rng = image[None], rng
        self.measures: dict[str, float] = {}
        self.chances: dict[str, float] = dict.fromkeys(CHANCES, 0.0)
        self.moved = (0, 0)
        for conditional in ("shifted", "twice"):
            del self.chances[conditional]

    def truth(self) -> tuple[Tensor, Tensor]:
        """Return measures and chances in their order, NaN for what is missing."""
        told = ((names, found) for names, found in ((MEASURES, self.measures), (CHANCES, self.chances)))
        measures, chances = (torch.tensor([found.get(name, math.nan) for name in names]) for names, found in told)
        return measures, chances

    def damage(self) -> None:
        """Do to the picture what is drawn: nothing, or up to three of all causes in the order of life."""
        rng = self._rng
        if rng.random() >= _CLEAN:
            causes = [name for name, share in _SHARES.items() if rng.random() < share]
            chosen = set(rng.permutation(causes)[:MOST_CAUSES])
            steps: dict[str, Callable[[], None]] = {
                "soft": self.blur if rng.random() < 0.65 else self.enlarge,
                "halftone": self.print,
                "noise": self.add_noise,
                "strokes": self.scratch,
                "impulses": self.strike,
                "jpeg": self.compress,
            }
            for name, step in steps.items():
                if name in chosen:
                    step()
                if name == "noise" and rng.random() < 0.1:
                    self._by("sharpen", amount=(0.2, 1.5))
        if rng.random() < _GREY:
            self.image = luma(self.image).expand(-1, 3, -1, -1)
            self.measures.pop("colour_noise", None)
            self.measures.pop("colour_grain", None)
            self.chances["colour_noise"] = 0.0
        self.image = (self.image.clamp(0, 1) * 255).round() / 255
        hurt = [value for name, value in self.chances.items() if name not in ("clean", "shifted", "twice")]
        self.chances["clean"] = 1 - max(hurt)

    def blur(self) -> None:
        """Blur by a lens, a motion or an unsteady hand; the sigma is that of the Gaussian that spreads as far."""
        kind = self._rng.choice(["gaussian-blur", "gaussian-blur", "defocus", "motion-blur", "camera-shake"])
        sigma = float(self._rng.uniform(0.3, 4))
        settings = {
            "gaussian-blur": {"sigma": sigma},
            "defocus": {"radius": 2 * sigma},
            "motion-blur": {"length": 3.5 * sigma},
            "camera-shake": {"size": 5 * sigma},
        }[kind]
        self._by(kind, **{name: (value, value) for name, value in settings.items()})
        self.chances["blur"] = _between(sigma, *_VISIBLE_BLUR)
        if self.chances["blur"] > 0:
            self.measures["blur"] = sigma

    def enlarge(self) -> None:
        """Shrink and enlarge again."""
        factor = float(np.exp(self._rng.uniform(math.log(1.15), math.log(4))))
        height, width = self.image.shape[2:]
        kernels = ("bilinear", "bicubic", "lanczos")
        small = resize(self.image, (round(height / factor), round(width / factor)), str(self._rng.choice(kernels)))
        self.image = resize(small, (height, width), str(self._rng.choice(kernels))).clamp(0, 1)
        self.measures["enlarged"] = math.log2(factor)
        self.chances["enlarged"] = _between(factor, 1.1, 1.6)
        del self.chances["blur"]

    def print(self) -> None:
        """Print with a screen, and scan."""
        pitch = float(np.exp(self._rng.uniform(math.log(2.5), math.log(10))))
        self._by("halftone", pitch=(pitch, pitch))
        self.measures["pitch"] = math.log2(pitch)
        self.chances["halftone"] = 1.0
        self.measures.pop("blur", None)
        self.chances.pop("blur", None)

    def add_noise(self) -> None:
        """Add noise of one kind, whose strength and grain are measured."""
        kind = str(self._rng.choice(list(_NOISE), p=[share for share, _ in _NOISE.values()]))
        before = self.image
        self._by(kind, **_NOISE[kind][1](self._rng))
        noise = 255 * (self.image - before)
        grey = luma(noise)
        colour = torch.cat([(noise[:, 2:] - grey) / 1.772, (noise[:, :1] - grey) / 1.402], dim=1)
        for name, planes in (("noise", grey), ("colour_noise", colour)):
            sigma = float(planes.square().mean().sqrt())
            self.chances[name] = _between(sigma, *_VISIBLE_NOISE)
            if self.chances[name] > 0:
                self.measures[name] = math.log1p(sigma)
                alike = avg_pool2d(planes, _ALIKE).square().mean().sqrt() * _ALIKE / sigma
                self.measures["grain" if name == "noise" else "colour_grain"] = math.log2(min(max(float(alike), 1), 8))

    def scratch(self) -> None:
        """Scratch, or let dust fall."""
        before = self.image
        if self._rng.random() < 0.65:
            self._by("scratches", density=(float(self._rng.uniform(0.3, 3)),) * 2)
        else:
            self._by("dust", specks=(float(self._rng.uniform(2, 10)),) * 2)
        struck = int((luma(self.image - before).abs() > _STRUCK).sum())
        self.chances["scratches"] = _between(struck, *_VISIBLE_STROKES)

    def strike(self) -> None:
        """Lose pixels to other values."""
        if self._rng.random() < 0.15:
            self._by("hot-pixels", amount=(5e-4, 3e-3))
            self.chances["scratches"] = 1.0
            return
        amount = float(np.exp(self._rng.uniform(math.log(0.002), math.log(0.3))))
        self._by("impulse", amount=(amount, amount))
        self.measures["impulses"] = math.log10(1000 * amount)
        self.chances["impulses"] = 1.0

    def compress(self) -> None:
        """Compress once, or twice with grids that need not meet; some files are cropped afterwards."""
        twice, shifted = self._rng.random() < 0.2, self._rng.random() < 0.4
        quality = int(self._rng.integers(30, 80) if twice else self._rng.integers(8, 99))
        self._by("jpeg", quality=(quality, quality), subsampling="random")
        offset = self._rng.integers(0, 8, 2) if shifted else np.zeros(2, np.int64)
        self.moved = int(offset[0]), int(offset[1])
        self.image = self.image.roll(self.moved, dims=(2, 3))
        if twice:
            second = int(self._rng.integers(55, 96))
            quality = min(quality, second)
            self._by("jpeg", quality=(second, second), subsampling="random")
        self.measures["compression"] = (100 - quality) / 100
        self.chances["jpeg"] = _between(100 - quality, 5, 14)
        if quality < 90:
            self.chances |= {"shifted": float(offset.any()), "twice": float(twice)}

    def _by(self, kind: str, **settings: Any) -> None:
        part: Degradation = registry.find("degradation", kind).load()(**settings)
        self.image = part(self.image, Streams.seeded(int(self._rng.integers(2**62))))


def _sigma(rng: Rng, least: float, most: float) -> tuple[float, float]:
    """Draw a standard deviation log-evenly between two in levels of 255."""
    value = float(np.exp(rng.uniform(math.log(least), math.log(most)))) / 255
    return value, value


def _range(rng: Rng, least: float, most: float) -> tuple[float, float]:
    value = float(rng.uniform(least, most))
    return value, value


_NOISE: dict[str, tuple[float, Callable[[Rng], dict[str, Any]]]] = {
    "gaussian": (
        0.3,
        lambda rng: {"sigma": _sigma(rng, 0.7, 130), "colour": "grey" if rng.random() < 0.2 else "rgb"},
    ),
    "poisson": (0.06, lambda rng: {"peak": _range(rng, 15, 1000)}),
    "camera": (0.24, lambda rng: {"compressed": 0.0}),
    "grain": (
        0.28,
        lambda rng: {
            "sigma": _sigma(rng, 2, 35),
            "size": _range(rng, 0.6, 3),
            "one_plane": float(rng.random() < 0.6),
        },
    ),
    "chroma-noise": (
        0.12,
        lambda rng: {
            "luma": _range(rng, 0, 0.05 * (rng.random() < 0.5)),
            "chroma": _sigma(rng, 3, 30),
            "grain": _range(rng, 0.4, 6),
        },
    ),
}
"""Kinds of noise: how often each is drawn, and what draws its settings."""


def _between(value: float, nothing: float, certain: float) -> float:
    """Return 0 up to one value, 1 from another on, and what lies between."""
    return min(max((value - nothing) / (certain - nothing), 0.0), 1.0)
