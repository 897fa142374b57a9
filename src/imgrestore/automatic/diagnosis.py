"""What is wrong with a picture, estimated from its own pixels. No torch until a picture is judged.

A small network looks at a few tiles of the picture. What it says is a chance for each kind of damage, and a measure of
it; from which chance on damage counts was set on held-out photos of the training set, so that a good photo is rarely
called bad: what is slightly damaged may pass.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from imgrestore.automatic.tiles import chosen_tiles
from imgrestore.automatic.white_noise import noise_level
from imgrestore.image import ImageStream

LIMITS = {
    "noise": 0.5,
    "colour_noise": 0.65,
    "impulses": 0.5,
    "scratches": 0.9,
    "jpeg": 0.7,
    "blur": 0.5,
    "halftone": 0.5,
    "enlarged": 0.85,
}
"""Chance from which what is wrong counts as found."""

CLEAN = 0.65
"""Chance of there being nothing to restore from which nothing counts as found."""

GRAINY, COLOURED = 0.8, 0.25
"""Chance of noise from which coarse noise counts in any picture, and chance of noise in the colours beside which it
counts from its ordinary limit on. Fine texture looks like coarse noise, and what takes the one away takes the other
along; but the noise of cameras is in the colours, too."""

SOFT = 0.3
"""Chance of coarse noise beside which blur does not count: such noise is soft itself, and deblurring would raise it."""

COARSE, BLOTCHY = 1.35, 1.6
"""Pixels along which noise of luma, and of colour, is alike from which it is no longer called white."""

NAMES = {
    "noise": "noise",
    "grain": "coarse noise",
    "blotches": "blotches of colour",
    "impulses": "lost pixels",
    "scratches": "scratches or dust",
    "jpeg": "JPEG",
    "blur": "blur",
    "halftone": "a printed screen",
    "enlarged": "an earlier enlargement",
}
"""Damage in words, in the order in which it is told."""

_HIDING = {"impulses", "jpeg", "blotches"}
"""Damage beside which white noise cannot be measured directly, which is more exact than what the network says."""

_COLOUR_IN_RGB = 1.35
"""What the variance of Cb and Cr adds to that of red, green and blue where these are independent."""

_SMALLEST = 48
"""Pixels a side below which a picture tells nothing."""


@dataclass(frozen=True)
class Diagnosis:
    """What a picture's pixels say of its damage.

    Every measure is the likeliest value if there is such damage at all, which the chances tell; all are 0 where there
    is too little to judge by.

    Attributes:
        noise: Standard deviation of the noise of red, green and blue, in levels of 255.
        luma_noise: Likewise of luma.
        colour_noise: Likewise of Cb and Cr.
        grain: Side in pixels of the squares that share their noise of luma, 1 if it is white.
        colour_grain: Likewise of Cb and Cr.
        impulses: Share of pixels lost to other values.
        quality: Lowest quality of JPEG that it went through.
        blur: Standard deviation in pixels of the Gaussian that blurs as much.
        pitch: Distance of a printed screen's dots in pixels.
        enlarged: Factor by which it was enlarged before.
        chances: Chance of each entry of :data:`LIMITS`; if it is a JPEG, of ``shifted`` (its blocks do not begin in the
            corner) and ``twice`` (it was compressed more than once); and of ``clean``, that there is nothing to
            restore. Empty if there is too little to judge by.
    """

    noise: float = 0.0
    luma_noise: float = 0.0
    colour_noise: float = 0.0
    grain: float = 0.0
    colour_grain: float = 0.0
    impulses: float = 0.0
    quality: float = 0.0
    blur: float = 0.0
    pitch: float = 0.0
    enlarged: float = 0.0
    chances: Mapping[str, float] = field(default_factory=dict)

    @property
    def damage(self) -> tuple[str, ...]:
        """What is clearly damaged, of :data:`NAMES`. A printed screen hides everything else."""
        found = {name for name, limit in LIMITS.items() if self.chances.get(name, 0.0) >= limit}
        if self.chances.get("clean", 0.0) >= CLEAN:
            return ()
        if "halftone" in found:
            return ("halftone",)
        coarse, blotchy = self.grain >= COARSE, self.colour_grain >= BLOTCHY
        luma, colour = "noise" in found, "colour_noise" in found and (blotchy or "noise" not in found)
        luma &= (
            not coarse or self.chances.get("colour_noise", 0.0) >= COLOURED or self.chances.get("noise", 0.0) >= GRAINY
        )
        found |= {"noise"} if (luma and not coarse) or (colour and not blotchy) else set()
        found -= {"noise"} if coarse and not (colour and not blotchy) else set()
        found |= {"grain"} if luma and coarse else set()
        found |= {"blotches"} if colour and blotchy else set()
        found -= {"blur"} if coarse and self.chances.get("noise", 0.0) >= SOFT else set()
        return tuple(name for name in NAMES if name in found)

    @property
    def strengths(self) -> dict[str, float]:
        """What is clearly damaged, and how strong: sigma of noise from 0 to 1, negative quality of JPEG, else 0."""
        known = {"noise": self.noise / 255, "jpeg": -self.quality}
        return {name: known.get(name, 0.0) for name in self.damage}

    def table(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        return asdict(self) | {"damage": list(self.damage)}

    def __str__(self) -> str:
        """Return what was found, in words and figures."""
        twice = " compressed twice" if self.chances.get("twice", 0.0) >= 0.5 else ""
        figures = {
            "noise": f" of sigma {self.noise:.0f}",
            "grain": f" of sigma {self.noise:.0f}",
            "blotches": f" of sigma {self.colour_noise:.0f}",
            "impulses": f" ({100 * self.impulses:.2g} %)",
            "jpeg": f" of quality {self.quality:.0f}{twice}",
            "blur": f" of {self.blur:.1f} pixels",
            "halftone": f" of {self.pitch:.0f} pixels",
            "enlarged": f" ({self.enlarged:.1f} times)",
        }
        found = [NAMES[name] + figures.get(name, "") for name in self.damage]
        return " and ".join(filter(None, (", ".join(found[:-1]), *found[-1:]))) or "no damage"

    def lines(self) -> list[str]:
        """Return how likely everything is, and how strong it would be."""
        chances = self.chances
        if not chances:
            return ["too little to judge by"]
        told = {
            "clean": "nothing to restore",
            "noise": f"noise of brightness: sigma {self.luma_noise:.1f}, {self.grain:.1f} pixels wide",
            "colour_noise": f"noise of colour: sigma {self.colour_noise:.1f}, {self.colour_grain:.1f} pixels wide",
            "impulses": f"lost pixels: {100 * self.impulses:.2g} %",
            "scratches": "scratches or dust",
            "jpeg": f"JPEG: quality {self.quality:.0f}",
            "shifted": "  if so, its blocks do not begin in the corner",
            "twice": "  if so, compressed more than once",
            "blur": f"blur: sigma {self.blur:.1f} pixels",
            "halftone": f"printed screen: {self.pitch:.1f} pixels",
            "enlarged": f"enlarged before: {self.enlarged:.1f} times",
        }
        return [f"{100 * chances[name]:3.0f} %  {words}" for name, words in told.items()]


def diagnose(picture: ImageStream) -> Diagnosis:
    """Estimate what is wrong with a picture, whose rows are all read.

    Raises:
        WeightsError: The estimator's weights are missing or damaged.
    """
    tiles = chosen_tiles(picture)
    if not tiles or min(picture.header.width, picture.header.height) < _SMALLEST:
        return Diagnosis()
    shown = np.stack(tiles)
    if np.ptp(shown, axis=(1, 2)).max() == 0:
        return Diagnosis()
    from imgrestore.automatic.estimator import estimate

    measures, chances = estimate(shown)
    of_luma, of_colour = (max(0.0, float(np.expm1(measures[name]))) for name in ("noise", "colour_noise"))
    found = Diagnosis(
        noise=round(math.sqrt(of_luma**2 + _COLOUR_IN_RGB * of_colour**2), 1),
        luma_noise=round(of_luma, 1),
        colour_noise=round(of_colour, 1),
        grain=_power_of_two(measures["grain"]),
        colour_grain=_power_of_two(measures["colour_grain"]),
        impulses=round(min(1.0, 10 ** measures["impulses"] / 1000), 4),
        quality=round(100 - 100 * min(max(measures["compression"], 0.0), 0.99)),
        blur=round(max(0.0, measures["blur"]), 2),
        pitch=_power_of_two(measures["pitch"]),
        enlarged=_power_of_two(measures["enlarged"]),
        chances={name: round(chance, 3) for name, chance in chances.items()},
    )
    if "noise" in found.damage and not _HIDING.intersection(found.damage):
        measured = noise_level(255 * shown[..., 1])
        return replace(found, noise=round(measured, 1)) if measured else found
    return found


def _power_of_two(exponent: float) -> float:
    return round(float(2 ** max(exponent, 0.0)), 2)
