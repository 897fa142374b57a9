"""What the directory of a TIFF file says before it is decoded: whether it can be true, and how its samples are meant.

libvips decodes TIFF row by row, but reads some kinds wrongly without a word (planes of 16-bit floats, YCbCr and ICC Lab
as if they were RGB, floats whose white is zero) and others not at all (planes in tiles, 8-bit Lab, 64-bit floats).
Those are read by :mod:`imgrestore.codecs.reading.tiffraw`.

Specification: Adobe, TIFF Revision 6.0; Adobe Photoshop TIFF Technical Notes (2002) for ICC Lab and floats.
"""

from __future__ import annotations

from dataclasses import dataclass
from mmap import mmap

import numpy as np
from numpy.typing import NDArray

from imgrestore.codecs.metadata.exif import EXTRA_SAMPLES, Entry, Structure

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, SEPARATED, YCBCR, CIELAB, ICCLAB = 0, 1, 2, 3, 5, 6, 8, 9
_COLOURS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, PALETTE: 1, SEPARATED: 4, YCBCR: 3, CIELAB: 3, ICCLAB: 3}
UNSIGNED, _SIGNED, FLOAT, _UNKNOWN = 1, 2, 3, 4
_DEPTHS = {UNSIGNED: (1, 2, 4, 8, 16, 32), FLOAT: (16, 32, 64)}
_PLAIN, _LZW, _JPEG, _DEFLATE, _ADOBE_DEFLATE, _PACKBITS = 1, 5, 7, 32946, 8, 32773
_READABLE = (_PLAIN, 2, 3, 4, _LZW, _JPEG, _ADOBE_DEFLATE, _PACKBITS, _DEFLATE)
_NAMES = {6: "old-style JPEG", 34661: "JBIG", 34712: "JPEG 2000", 34887: "LERC", 34925: "LZMA", 50000: "ZSTD"}
_NAMES |= {50001: "WebP", 50002: "JPEG XL", 52546: "JPEG XL", 34892: "lossy JPEG", 34676: "SGI LogLuv"}
_DENSEST = {_PLAIN: 1, _LZW: 2731, _ADOBE_DEFLATE: 1032, _DEFLATE: 1032, _PACKBITS: 64}
"""How many bytes one byte can become, by compression."""
_LARGEST_BLOCK = 2**30
_MOST_PAGES = 65536
_REDUCED_OR_MASK = 1 | 4
_SUBFILE, _WIDTH, _HEIGHT, BITS, _COMPRESSION, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
OFFSETS, SAMPLES, _ROWS_PER_STRIP, COUNTS, PLANAR, _PREDICTOR = 273, 277, 278, 279, 284, 317
_TILE_WIDTH, _TILE_HEIGHT, TILE_OFFSETS, TILE_COUNTS = 322, 323, 324, 325
FORMAT, _SUBSAMPLING, _DNG = 339, 530, 50706
_KINDS = {1: "u1", 3: "u2", 4: "u4", 6: "i1", 8: "i2", 9: "i4", 13: "u4", 16: "u8", 18: "u8"}
_SPACES = {PALETTE: "a palette", SEPARATED: "CMYK", YCBCR: "YCbCr", CIELAB: "Lab", ICCLAB: "Lab"}


class UnsupportedError(ValueError):
    """A file of a kind that is sound, but not read here."""


@dataclass(frozen=True)
class Layout:
    """The picture that a file is about.

    Attributes:
        page: Its place among the directories of the file.
        pages: How many pictures there are; smaller versions and masks do not count.
        width: In pixels.
        height: In pixels.
        bits: Bits a sample.
        floating: Whether samples are floats.
        photometric: How they are meant, TIFF's number for it.
        samples: Samples a pixel.
        associated: Whether colours are multiplied by alpha.
        planar: Whether each sample has a plane of its own.
        compression: TIFF's number for it.
        entries: The entries of the directory by tag; of several of one tag the first.
        tidy: Whether its directory is in order: sorted, no tag twice, no entry without a value.
        structure: The file.
    """

    page: int
    pages: int
    width: int
    height: int
    bits: int
    floating: bool
    photometric: int
    samples: int
    associated: bool
    planar: bool
    compression: int
    entries: dict[int, Entry]
    tidy: bool
    structure: Structure

    @property
    def colours(self) -> int:
        """Samples of a pixel without alpha."""
        return _COLOURS[self.photometric]

    @property
    def extra(self) -> bool:
        """Whether the channel beyond the colours is said to be something else than alpha."""
        return self.samples > self.colours and bool(self.numbers(EXTRA_SAMPLES, (1,))[0] == 0)

    @property
    def raw(self) -> bool:
        """Whether libvips is to give samples as they are stored, because it would read them wrongly."""
        inverted = self.photometric == WHITE_IS_ZERO and (self.floating or self.bits == 32 or self.samples > 1)
        converted = self.photometric in (CIELAB, ICCLAB) or (self.photometric == YCBCR and self.compression != _JPEG)
        return self.planar or inverted or converted or self.bits == 64

    def numbers(self, tag: int, default: tuple[int, ...] = ()) -> NDArray[np.int64]:
        """Return the whole numbers of an entry."""
        return _numbers(self.structure, self.entries, tag, default)

    def check_extent(self) -> None:
        """Check that the pixels that are claimed can be in the file.

        Raises:
            ValueError: They cannot.
        """
        tiled = TILE_OFFSETS in self.entries
        offsets = self.numbers(TILE_OFFSETS if tiled else OFFSETS)
        lengths = self.numbers(TILE_COUNTS if tiled else COUNTS)
        block, blocks, total = self._blocks(tiled)
        if block > _LARGEST_BLOCK:
            raise ValueError(f"one of its {'tiles' if tiled else 'strips'} would take {block} bytes")
        if len(offsets) < blocks or len(lengths) < blocks:
            raise ValueError(f"{blocks} parts are needed, and {min(len(offsets), len(lengths))} are there")
        if (offsets + lengths > len(self.structure.data)).any() or (lengths <= 0).any() or (offsets <= 0).any():
            raise ValueError("it ends too early, or points outside itself")
        subsampled = self.photometric == YCBCR and self.numbers(_SUBSAMPLING, (2, 2)).prod() > 1
        densest = _DENSEST.get(self.compression)
        if densest is not None and not subsampled and total > densest * int(lengths[:blocks].sum()) + 64 * blocks:
            raise ValueError(f"{self.width}x{self.height} pixels cannot be in so few bytes")

    def parts(self, tag: int, plane: int) -> list[int]:
        """Return what an entry with a number for each strip or tile says about one plane."""
        numbers = self.numbers(tag)
        each = len(numbers) // self.samples
        return [int(number) for number in numbers[plane * each : (plane + 1) * each]]

    def _blocks(self, tiled: bool) -> tuple[int, int, int]:
        """Return the bytes of a strip or tile once decoded, how many there are, and the bytes of all."""
        samples, planes = (1, self.samples) if self.planar else (self.samples, 1)
        if not tiled:
            rows = min(max(1, self._number(_ROWS_PER_STRIP, 2**32 - 1)), self.height)
            row = (self.width * samples * self.bits + 7) // 8
            return row * rows, -(-self.height // rows) * planes, row * self.height * planes
        width, height = self._number(_TILE_WIDTH, 0), self._number(_TILE_HEIGHT, 0)
        if width <= 0 or height <= 0:
            raise ValueError("its tiles have no size")
        block = (width * samples * self.bits + 7) // 8 * height
        blocks = -(-self.width // width) * -(-self.height // height) * planes
        return block, blocks, block * blocks

    def _number(self, tag: int, default: int) -> int:
        return int(self.numbers(tag, (default,))[0])


def read_layout(data: bytes | mmap) -> Layout:
    """Read what a file says of its first picture.

    Raises:
        UnsupportedError: It is of a kind that is not read here.
        ValueError: It makes no sense.
    """
    structure = Structure(data)
    page, pages, listed = _picture(structure)
    entries = {entry.tag: entry for entry in reversed(listed)}

    def number(tag: int, default: int) -> int:
        values = _numbers(structure, entries, tag, (default,))
        if (values != values[0]).any():
            raise UnsupportedError("with channels of different kinds")
        return int(values[0])

    samples = number(SAMPLES, 1)
    kind = number(FORMAT, UNSIGNED)
    extra = _numbers(structure, entries, EXTRA_SAMPLES, ())
    layout = Layout(
        page=page,
        pages=pages,
        width=number(_WIDTH, 0),
        height=number(_HEIGHT, 0),
        bits=number(BITS, 1),
        floating=kind == FLOAT,
        photometric=number(PHOTOMETRIC, RGB if samples > 2 else BLACK_IS_ZERO),
        samples=samples,
        associated=len(extra) > 0 and extra[0] == 1,
        planar=number(PLANAR, 1) == 2 and samples > 1,
        compression=number(_COMPRESSION, _PLAIN),
        entries=entries,
        tidy=[entry.tag for entry in listed if entry.count] == sorted(entries),
        structure=structure,
    )
    if layout.width <= 0 or layout.height <= 0 or samples <= 0:
        raise ValueError("its directory says nothing about its size")
    refused = _refused(layout, kind, number(_PREDICTOR, 1))
    if refused is not None:
        raise UnsupportedError(refused)
    return layout


def _refused(layout: Layout, kind: int, predictor: int) -> str | None:
    """Return what it is that keeps a file from being read, or None."""
    photometric, bits, samples = layout.photometric, layout.bits, layout.samples
    packed = bits < 8 and (samples > 1 or photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, PALETTE))
    colours = _COLOURS.get(photometric, 0)
    exact = photometric in (PALETTE, YCBCR, CIELAB, ICCLAB, SEPARATED)
    subsampled = layout.numbers(_SUBSAMPLING, (2, 2)).prod() > 1
    checks = {
        "raw from a camera": _DNG in layout.entries or photometric in (32803, 34892),
        f"compressed by {_NAMES.get(layout.compression, f'method {layout.compression}')}": (
            layout.compression not in _READABLE
        ),
        "with signed samples": kind == _SIGNED,
        f"with samples of kind {kind}": kind not in (UNSIGNED, _SIGNED, FLOAT, _UNKNOWN),
        f"with {bits} bits a sample": bits not in _DEPTHS[FLOAT if layout.floating else UNSIGNED] or packed,
        f"of photometric interpretation {photometric}": colours == 0,
        f"with {samples} channels": samples < colours or samples > colours + (0 if exact else 1),
        "in YCbCr with colours at lower resolution, without JPEG": (
            photometric == YCBCR and layout.compression != _JPEG and subsampled
        ),
        f"in {_SPACES.get(photometric)} with {bits} bits": photometric in _SPACES and not _converted(layout),
        "with 64 bits and a predictor": bits == 64 and predictor != 1,
    }
    return next((what for what, wrong in checks.items() if wrong), None)


def _converted(layout: Layout) -> bool:
    """Return whether a colour space other than grey and RGB is read at this depth."""
    if layout.photometric == CIELAB and layout.floating:
        return layout.bits == 32
    usual = layout.bits == 8 or (layout.bits == 16 and layout.photometric not in (PALETTE, YCBCR))
    return not layout.floating and (usual or (layout.photometric == PALETTE and layout.bits < 8))


def _picture(structure: Structure) -> tuple[int, int, list[Entry]]:
    """Return the place of the first full picture of a file, how many there are, and its entries.

    The entry that says whether a picture is full has the lowest number, and so is the first of its directory.

    Raises:
        UnsupportedError: There are previews alone.
        ValueError: There is none.
    """
    full: list[tuple[int, int]] = []
    directory, seen = structure.first, set[int]()
    while directory != 0 and directory not in seen and len(seen) < _MOST_PAGES:
        if not structure.first_number(directory, _SUBFILE) & _REDUCED_OR_MASK:
            full.append((len(seen), directory))
        seen.add(directory)
        directory = structure.following(directory)
    if seen and not full:
        raise UnsupportedError("that hold a preview alone at their top, as raw files of cameras do,")
    if not full:
        raise ValueError("it has no directory")
    page, directory = full[0]
    return page, len(full), list(structure.entries(directory))


def _numbers(structure: Structure, entries: dict[int, Entry], tag: int, default: tuple[int, ...]) -> NDArray[np.int64]:
    entry = entries.get(tag)
    kind = _KINDS.get(entry.kind) if entry is not None else None
    if entry is None or kind is None or entry.count == 0:
        return np.array(default, dtype=np.int64)
    return np.frombuffer(entry.value, structure.order + kind).astype(np.int64)
