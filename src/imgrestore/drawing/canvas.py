"""A picture to paint on: crisp rectangles, smooth shapes, and letters."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw

from imgrestore.drawing.fonts import Font

Colour = tuple[int, int, int]
"""sRGB levels from 0 to 255."""

Points = Sequence[tuple[float, float]]
"""Places (x, y) in pixels from the top left corner of the picture."""

_FINE = 4
"""Smooth shapes are drawn this many times larger, then each pixel takes the share of it that they cover."""

_HALF = 110
"""Shares beyond this belong to letters without smooth edges."""

_STEPS = 8192

_SRGB = np.arange(256) / 255
_LIGHT = np.where(_SRGB <= 0.04045, _SRGB / 12.92, ((_SRGB + 0.055) / 1.055) ** 2.4).astype(np.float32)
_EVEN = np.arange(_STEPS + 1) / _STEPS
_LEVELS = np.rint(
    255 * np.where(_EVEN <= 0.0031308, _EVEN * 12.92, 1.055 * np.maximum(_EVEN, 0.0031308) ** (1 / 2.4) - 0.055)
).astype(np.uint8)


def to_light(levels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Turn sRGB levels into linear light in [0, 1], any shape (IEC 61966-2-1)."""
    return _LIGHT[levels]


def to_levels(light: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Turn linear light in [0, 1] into sRGB levels, any shape."""
    levels: NDArray[np.uint8] = _LEVELS[np.rint(light * _STEPS).astype(np.int32)]
    return levels


class Box(NamedTuple):
    """A rectangle of whole pixels; ``right`` and ``bottom`` are the first ones beyond it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Pixels across."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Pixels down."""
        return self.bottom - self.top

    def inside(self, across: int, down: int | None = None) -> Box:
        """Return what is left without a margin."""
        down = across if down is None else down
        return Box(self.left + across, self.top + down, self.right - across, self.bottom - down)


@dataclass(frozen=True)
class Canvas:
    """A picture to paint on.

    Attributes:
        pixels: uint8 RGB (H, W, 3), painted over.
        linear: Whether a pixel that is covered in part mixes light, as lenses and scanners see it, or sRGB levels, as
            most programs draw on a screen.
    """

    pixels: NDArray[np.uint8]
    linear: bool

    @property
    def box(self) -> Box:
        """The whole of it."""
        return Box(0, 0, self.pixels.shape[1], self.pixels.shape[0])

    def fill(self, box: Box, colour: Colour) -> None:
        """Fill a rectangle."""
        self.pixels[max(box.top, 0) : max(box.bottom, 0), max(box.left, 0) : max(box.right, 0)] = colour

    def frame(self, box: Box, colour: Colour, width: int = 1) -> None:
        """Draw the edges of a rectangle, inside of it."""
        self.fill(Box(box.left, box.top, box.right, box.top + width), colour)
        self.fill(Box(box.left, box.bottom - width, box.right, box.bottom), colour)
        self.fill(Box(box.left, box.top, box.left + width, box.bottom), colour)
        self.fill(Box(box.right - width, box.top, box.right, box.bottom), colour)

    def cover(self, mask: NDArray[np.uint8], left: int, top: int, colour: Colour) -> None:
        """Cover pixels by shares.

        Args:
            mask: Shares (h, w) from 0 to 255; what lies beyond the picture is left out.
            left: Where the mask begins.
            top: Likewise.
            colour: What covers them.
        """
        y, x = max(top, 0), max(left, 0)
        mask = mask[y - top : self.box.bottom - top, x - left : self.box.right - left]
        place = self.pixels[y : y + mask.shape[0], x : x + mask.shape[1]]
        if not place.size:
            return
        share = mask[..., None].astype(np.float32) / 255
        if self.linear:
            light = to_light(place)
            place[...] = to_levels(light + (_LIGHT[list(colour)] - light) * share)
        else:
            place[...] = np.rint(place + (np.array(colour, np.float32) - place) * share).astype(np.uint8)

    def text(self, x: float, y: float, text: str, font: Font, colour: Colour, smooth: bool = True) -> float:
        """Write on a line and return how long it is, in pixels.

        Args:
            x: Where the text begins.
            y: The line that its letters stand on.
            text: What to write.
            font: Letters, with their size.
            colour: Of the letters.
            smooth: Whether their edges are, or each pixel is of the letter or not.
        """
        column, row = math.floor(x), round(y)
        left, top, right, bottom = (round(edge) for edge in font.getbbox(text, anchor="ls"))
        left, top, right, bottom = left - 1, top - 1, right + 2, bottom + 1
        mask = PillowImage.new("L", (right - left, bottom - top))
        ImageDraw.Draw(mask).text((x - column - left, -top), text, fill=255, font=font, anchor="ls")
        share = np.asarray(mask)
        self.cover(share if smooth else (share > _HALF) * np.uint8(255), column + left, row + top, colour)
        return float(font.getlength(text))

    def polygon(self, points: Points, colour: Colour) -> None:
        """Fill a polygon."""
        self._smooth(points, 0, colour, lambda pen, places: pen.polygon(places, fill=255))

    def stroke(self, points: Points, width: float, colour: Colour) -> None:
        """Draw a line through some places."""
        wide = max(1, round(width * _FINE))
        self._smooth(points, width, colour, lambda pen, places: pen.line(places, fill=255, width=wide, joint="curve"))

    def ellipse(self, box: Box, colour: Colour, width: float = 0) -> None:
        """Fill an ellipse, or draw its edge, inside of it."""
        wide = max(1, round(width * _FINE))

        def draw(pen: ImageDraw.ImageDraw, places: Points) -> None:
            (left, top), (right, bottom) = places
            pen.ellipse((left, top, right - 1, bottom - 1), fill=None if width else 255, outline=255, width=wide)

        self._smooth([box[:2], box[2:]], 0, colour, draw)

    def sector(self, box: Box, begin: float, end: float, colour: Colour) -> None:
        """Fill a sector of an ellipse between two angles in degrees, clockwise from the right."""

        def draw(pen: ImageDraw.ImageDraw, places: Points) -> None:
            (left, top), (right, bottom) = places
            pen.pieslice((left, top, right - 1, bottom - 1), begin, end, fill=255)

        self._smooth([box[:2], box[2:]], 0, colour, draw)

    def rounded(self, box: Box, radius: float, colour: Colour) -> None:
        """Fill a rectangle with round corners."""

        def draw(pen: ImageDraw.ImageDraw, places: Points) -> None:
            (left, top), (right, bottom) = places
            pen.rounded_rectangle((left, top, right - 1, bottom - 1), radius * _FINE, fill=255)

        self._smooth([box[:2], box[2:]], 0, colour, draw)

    def _smooth(
        self, points: Points, width: float, colour: Colour, draw: Callable[[ImageDraw.ImageDraw, Points], object]
    ) -> None:
        """Draw a shape through some places, four times larger, and cover what it covers."""
        margin = math.ceil(width) + 1
        left, top = (max(math.floor(min(p[i] for p in points)) - margin, -margin) for i in range(2))
        right, bottom = (min(math.ceil(max(p[i] for p in points)), self.box[2 + i]) + margin for i in range(2))
        if right <= left or bottom <= top:
            return
        mask = PillowImage.new("L", ((right - left) * _FINE, (bottom - top) * _FINE))
        draw(ImageDraw.Draw(mask), [((x - left) * _FINE, (y - top) * _FINE) for x, y in points])
        self.cover(np.asarray(mask.reduce(_FINE)), left, top, colour)
