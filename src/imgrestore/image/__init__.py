"""An image, in memory or as a stream of rows, with everything its file carried that must survive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from imgrestore.image.arrays import checked_array

Pixels = NDArray[Any]
"""Samples (H, W, C) of uint8, uint16 or float32."""


@dataclass(frozen=True)
class Metadata:
    """What an image file carries besides pixels.

    Attributes:
        icc: ICC profile.
        exif: EXIF block (a TIFF structure), orientation already applied and reset.
        xmp: XMP packet.
        iptc: IPTC block.
        density: Pixels per millimetre along x and y, or None if the file states none.
        png_colour: The chunks of a PNG file that say how its colours are meant, besides an ICC profile.
        png_text: The chunks of a PNG file that hold text.
        extra: Whether the channel beyond the colours is no transparency, but something that the file does not name: a
            mask, a saved selection.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    density: tuple[float, float] | None = None
    png_colour: bytes | None = None
    png_text: bytes | None = None
    extra: bool = False


@dataclass(frozen=True)
class Header:
    """What is known of an upright image before its pixels are read.

    Attributes:
        width: In pixels.
        height: In pixels.
        channels: 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGB, alpha); colours are not multiplied by alpha. In place of
            alpha, there may be an extra channel.
        dtype: uint8, uint16 or float32; the range is [0, 255], [0, 65535] or [0, 1].
        metadata: What must survive a restoration.
    """

    width: int
    height: int
    channels: int
    dtype: np.dtype[Any]
    metadata: Metadata = field(default_factory=Metadata)

    @property
    def grey(self) -> bool:
        """Whether there is no colour."""
        return self.channels <= 2

    @property
    def alpha(self) -> bool:
        """Whether there is transparency."""
        return self.channels in (2, 4) and not self.metadata.extra

    @property
    def peak(self) -> int:
        """The value of white."""
        return {"uint8": 255, "uint16": 65535, "float32": 1}[self.dtype.name]


@dataclass(frozen=True)
class ImageStream:
    """An image whose rows come when asked for, once, from top to bottom.

    Attributes:
        header: Size, type and metadata.
        bands: Arrays (h, W, C) of the header's type.
        notices: What a person should know about how the file was read.
    """

    header: Header
    bands: Iterator[Pixels]
    notices: tuple[str, ...] = ()

    def counted(self, advance: Callable[[int], None]) -> ImageStream:
        """Return the stream that tells ``advance`` how many more pixels have gone by, band after band."""

        def passing() -> Iterator[Pixels]:
            for band in self.bands:
                yield band
                advance(band.shape[0] * band.shape[1])

        return replace(self, bands=passing())

    def read(self) -> Image:
        """Read all rows."""
        return Image(np.concatenate(list(self.bands)), self.header.metadata)


@dataclass(frozen=True, eq=False)
class Image:
    """An upright image in memory.

    Attributes:
        pixels: (H, W, C) of uint8, uint16 or float32, see :class:`Header`.
        metadata: What must survive a restoration.
    """

    pixels: Pixels
    metadata: Metadata = field(default_factory=Metadata)

    @classmethod
    def from_array(cls, array: NDArray[Any]) -> Self:
        """Take (H, W) or (H, W, C) of uint8, uint16 or any float in [0, 1].

        Raises:
            ImageTypeError: The samples are of another type.
            ImageValueError: The shape is not that of an image, or floats lie outside [0, 1].
        """
        return cls(checked_array(array))

    def __eq__(self, other: object) -> bool:
        """Return whether another image has the same samples, of the same type, and the same metadata."""
        if not isinstance(other, Image):
            return NotImplemented
        alike = self.pixels.dtype == other.pixels.dtype and self.metadata == other.metadata
        return alike and np.array_equal(self.pixels, other.pixels)

    @property
    def header(self) -> Header:
        """Size, type and metadata."""
        height, width, channels = self.pixels.shape
        return Header(width, height, channels, self.pixels.dtype, self.metadata)

    def stream(self) -> ImageStream:
        """Give the image as a stream of one band."""
        return ImageStream(self.header, iter([self.pixels]))

    def rgb8(self) -> NDArray[np.uint8]:
        """Return (H, W, 3) of uint8, grey repeated and alpha left out."""
        header = self.header
        colour = self.pixels[..., :1].repeat(3, axis=2) if header.grey else self.pixels[..., :3]
        if colour.dtype != np.uint8:
            colour = np.rint(np.clip(colour.astype(np.float64) / header.peak, 0, 1) * 255).astype(np.uint8)
        return np.ascontiguousarray(colour)


BAND = 64
"""Usual height of a band of rows."""


def scaled_size(width: int, height: int, scale: float) -> tuple[int, int]:
    """Return the size of an image enlarged by ``scale``, in whole pixels, at least one a side."""
    return max(1, round(width * scale)), max(1, round(height * scale))


def resized(header: Header, width: int, height: int) -> Header:
    """Return the header of the same image at another size."""
    return replace(header, width=width, height=height)
