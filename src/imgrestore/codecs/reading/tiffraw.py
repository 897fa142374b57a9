"""TIFF files whose samples libvips would read wrongly, or not at all.

It is shown a directory that claims something simpler, one plane at a time; the samples, as they are stored, are put
together here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from imgrestore.codecs.metadata.exif import EXTRA_SAMPLES, Entry, with_directory
from imgrestore.codecs.reading import tiff
from imgrestore.codecs.reading.tiff import Layout

_REFERENCE = 532
_RANGES = (280, 281, 301, 320, 330, 332, 334, 338, 340, 341, _REFERENCE)
"""Entries about samples, which must not stay where their number changes."""


def simplified(layout: Layout) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield, for each plane, a change to the file after which libvips gives its samples as they are stored.

    Each is a position, the bytes that replace what is there, and the bytes to append.
    """
    words = 2 if layout.bits == 64 else 1
    planes = layout.samples if layout.planar else 1
    samples = layout.samples // planes * words
    extra = samples - (3 if samples in (3, 4) else 1)
    for plane in range(planes):
        changes = {
            tiff.BITS: [layout.bits // words] * samples,
            tiff.SAMPLES: [samples],
            tiff.FORMAT: [tiff.FLOAT if layout.floating and words == 1 else tiff.UNSIGNED] * samples,
            tiff.PHOTOMETRIC: [tiff.RGB if samples in (3, 4) else tiff.BLACK_IS_ZERO],
            tiff.PLANAR: [1],
        } | ({EXTRA_SAMPLES: [0] * extra} if extra else {})
        for tag in (tiff.OFFSETS, tiff.COUNTS, tiff.TILE_OFFSETS, tiff.TILE_COUNTS):
            if planes > 1 and tag in layout.entries:
                changes[tag] = layout.parts(tag, plane)
        own = {tag: entry for tag, entry in layout.entries.items() if tag not in _RANGES}
        own |= {tag: _entry(layout, tag, values) for tag, values in changes.items()}
        yield with_directory(layout.structure, list(own.values()))


def tidied(layout: Layout) -> tuple[int, bytes, bytes]:
    """Return a change to the file after which its directory is in order, as libvips wants it when it is strict."""
    return with_directory(layout.structure, [entry for entry in layout.entries.values() if entry.count])


def _entry(layout: Layout, tag: int, values: list[int]) -> Entry:
    short = tag not in (tiff.OFFSETS, tiff.COUNTS, tiff.TILE_OFFSETS, tiff.TILE_COUNTS)
    kind, unit = (3, "u2") if short else (16, "u8") if layout.structure.big else (4, "u4")
    return Entry(tag, kind, len(values), np.array(values).astype(layout.structure.order + unit).tobytes(), 0)


def assembled(planes: list[Any], layout: Layout) -> Any:
    """Put samples as they are stored together: an image as libvips would give it if it knew this kind.

    Args:
        planes: One image for each plane, or one for all.
        layout: What the samples mean.
    """
    if layout.bits == 64:
        planes = [_doubles(plane, layout.structure.order == ">") for plane in planes]
    image = planes[0].bandjoin(planes[1:]) if len(planes) > 1 else planes[0]
    peak = {"uchar": 255, "ushort": 65535, "uint": 2**32 - 1}.get(image.format, 1)
    colour, alpha = image, None
    if layout.samples > layout.colours:
        colour = image.extract_band(0, n=layout.colours)
        alpha = image.extract_band(layout.colours, n=layout.samples - layout.colours)
    if layout.photometric == tiff.WHITE_IS_ZERO:
        colour = (colour.cast("double") * -1 + peak).cast(image.format)
    if layout.photometric == tiff.YCBCR:
        colour = _from_ycbcr(colour, layout)
    if layout.photometric in (tiff.CIELAB, tiff.ICCLAB):
        return _lab(colour, layout).copy(interpretation="lab")
    whole = colour.bandjoin(alpha) if alpha is not None else colour
    if layout.associated and alpha is not None:
        whole = whole.unpremultiply(max_alpha=peak)
        whole = whole.cast(image.format) if peak == 1 else (whole + 0.5).cast(image.format)
    return whole.copy(interpretation=_interpretation(layout))


def _interpretation(layout: Layout) -> str:
    if layout.photometric == tiff.SEPARATED:
        return "cmyk"
    deep = layout.bits == 16 and not layout.floating
    return ("grey16" if deep else "b-w") if layout.colours == 1 else ("rgb16" if deep else "srgb")


def _doubles(words: Any, swapped: bool) -> Any:
    """Make 64-bit floats of pairs of 32-bit numbers."""
    if swapped:
        words = words[1].bandjoin([words[place ^ 1] for place in range(1, words.bands)])
    return words.copy(format="double", bands=words.bands // 2)


def _from_ycbcr(image: Any, layout: Layout) -> Any:
    """Convert 8-bit samples as JFIF does (ITU-R BT.601), from the range that the file says, or the full one."""
    matrix = [[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]]
    black, white = _reference(layout)
    return (((image - black) * [255 / white[0], 127 / white[1], 127 / white[2]]).recomb(matrix) + 0.5).cast("uchar")


def _reference(layout: Layout) -> tuple[list[float], list[float]]:
    """Return the numbers of black, or no colour, of three channels, and how far white, or full colour, is from them.

    TIFF 6.0, section 20, ReferenceBlackWhite: six fractions.
    """
    entry = layout.entries.get(_REFERENCE)
    if entry is not None and (entry.kind, entry.count) == (5, 6):
        pairs = np.frombuffer(entry.value, layout.structure.order + "u4").reshape(6, 2).astype(np.float64)
        if (pairs[:, 1] > 0).all():
            numbers = pairs[:, 0] / pairs[:, 1]
            if (numbers[1::2] > numbers[::2]).all():
                return numbers[::2].tolist(), (numbers[1::2] - numbers[::2]).tolist()
    return [0, 128, 128], [255, 127, 127]


def _lab(image: Any, layout: Layout) -> Any:
    """Return L in 0 to 100, a and b in -128 to 127, as floats.

    Photoshop's ICC Lab has 128 where Lab has 0, and 0xFF00 for 100 where it has 16 bits.
    """
    if layout.floating:
        return image
    deep = layout.bits == 16
    unit = 256 if deep else 1
    if layout.photometric == tiff.ICCLAB:
        return (image * [100 / (65280 if deep else 255), 1 / unit, 1 / unit] - [0, 128, 128]).cast("float")
    lightness = image[0] * (100 / (65535 if deep else 255))
    signed = image.extract_band(1, n=2).copy(format="short" if deep else "char") / unit
    return lightness.bandjoin(signed).cast("float")
