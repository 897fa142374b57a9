"""Writing WebP: encoded by libvips, EXIF in a chunk of our own.

Google, WebP Container Specification.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, BinaryIO

from imgrestore.codecs.formats import Format
from imgrestore.codecs.options import SaveOptions
from imgrestore.codecs.writing.splicing import insert
from imgrestore.codecs.writing.vips import encode
from imgrestore.image import ImageStream


def write(stream: ImageStream, path: Path, form: Format, options: SaveOptions) -> list[str]:
    """Write a WebP file; see :attr:`imgrestore.codecs.formats.Format.write`."""

    def save(image: Any, target: bytes) -> None:
        image.webpsave(target, Q=options.quality, lossless=options.lossless, exact=True, keep="icc:xmp")

    encode(stream, path, form, save)
    if stream.header.metadata.exif is not None:
        _add_exif(path, stream.header.metadata.exif)
    return []


def _add_exif(path: Path, block: bytes) -> None:
    """Append an EXIF chunk and announce it in the extended header, which is added if there is none."""
    chunk = b"EXIF" + struct.pack("<I", len(block)) + block + bytes(len(block) % 2)
    with path.open("rb") as file:
        extended = file.read(30)[12:16] == b"VP8X"
    if not extended:
        width, height, alpha = _size(path)
        size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
        insert(path, 12, b"VP8X" + struct.pack("<IB3x", 10, 0x10 if alpha else 0) + size)
    with path.open("rb+") as file:
        file.seek(20)
        flags = file.read(1)[0] | 0x08
        file.seek(20)
        file.write(bytes([flags]))
        file.seek(0, 2)
        file.write(chunk)
        _set_riff_size(file)


def _set_riff_size(file: BinaryIO) -> None:
    length = file.seek(0, 2)
    file.seek(4)
    file.write(struct.pack("<I", length - 8))


def _size(path: Path) -> tuple[int, int, bool]:
    """Return width, height and presence of alpha of a simple (not extended) WebP file."""
    with path.open("rb") as file:
        head = file.read(30)
    if head[12:16] == b"VP8L":
        bits = struct.unpack("<I", head[21:25])[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)
    width, height = struct.unpack("<HH", head[26:30])
    return width & 0x3FFF, height & 0x3FFF, False
