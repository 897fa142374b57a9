"""What the samples of results are, where that is not what those of the input were. No torch."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from imgrestore.errors import UsageError, nearest
from imgrestore.image import Header

_DEPTHS: dict[int, np.dtype[Any]] = {8: np.dtype(np.uint8), 16: np.dtype(np.uint16)}

_COLOURS = {
    "white": "#ffffff",
    "silver": "#c0c0c0",
    "grey": "#808080",
    "gray": "#808080",
    "black": "#000000",
    "red": "#ff0000",
    "green": "#008000",
    "blue": "#0000ff",
    "yellow": "#ffff00",
}
"""The plainest of the names of CSS Color, with their values there."""


@dataclass(frozen=True)
class Colour:
    """A colour, in the colour space of whatever file it is put into.

    Attributes:
        red: 0 to 255.
        green: 0 to 255.
        blue: 0 to 255.
    """

    red: int
    green: int
    blue: int

    @classmethod
    def parse(cls, text: str) -> Colour:
        """Read a name, ``#rgb`` or ``#rrggbb``.

        Raises:
            UsageError: It is none of these.
        """
        wanted = _COLOURS.get(text.strip().lower(), text.strip().lower())
        short = re.fullmatch(r"#([0-9a-f])([0-9a-f])([0-9a-f])", wanted)
        wanted = "#" + "".join(digit * 2 for digit in short.groups()) if short else wanted
        if not re.fullmatch(r"#[0-9a-f]{6}", wanted):
            raise UsageError(
                f"{text!r} is not a colour{nearest(wanted, _COLOURS)}",
                hint=f"write '#rrggbb', or one of {', '.join(_COLOURS)}",
            )
        return cls(*bytes.fromhex(wanted[1:]))

    @property
    def grey(self) -> bool:
        """Whether it has no hue."""
        return self.red == self.green == self.blue

    @property
    def rgb(self) -> tuple[float, float, float]:
        """The colour in [0, 1]."""
        return self.red / 255, self.green / 255, self.blue / 255

    def __str__(self) -> str:
        """Return ``#rrggbb``."""
        return f"#{self.red:02x}{self.green:02x}{self.blue:02x}"


@dataclass(frozen=True)
class Conversion:
    """What results are, unlike their inputs.

    Attributes:
        depth: 8 or 16 bits a sample, or None for the input's type.
        background: What is put behind transparent images, which makes them opaque, or None to keep transparency.
    """

    depth: int | None = None
    background: Colour | None = None

    def __post_init__(self) -> None:
        """Check the depth.

        Raises:
            UsageError: It is neither 8 nor 16.
        """
        if self.depth is not None and self.depth not in _DEPTHS:
            raise UsageError(f"depth must be 8 or 16 bits, got {self.depth}")

    def applied(self, header: Header) -> Header:
        """Return the header of the result for that of its input; grey stays grey before a grey background."""
        if self.depth is not None:
            header = replace(header, dtype=_DEPTHS[self.depth])
        if self.background is not None and header.alpha:
            grey = header.grey and self.background.grey
            header = replace(header, channels=1 if grey else 3)
        return header

    def notices(self, header: Header) -> tuple[str, ...]:
        """Return what a person should know of converting an image with this header."""
        if self.depth is None or header.dtype != np.float32:
            return ()
        return (f"its float samples were rounded to {self.depth} bits; what lay outside 0 to 1 was clipped",)
