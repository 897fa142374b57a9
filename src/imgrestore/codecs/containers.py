"""Putting metadata into a finished JPEG, PNG, WebP or TIFF file without touching anything else in it.

libvips rewrites EXIF through a library that drops entries it does not know, and stores none in TIFF; EXIF blocks are
therefore added here, byte for byte.
"""

from __future__ import annotations

import mmap
import shutil
import struct
from pathlib import Path
from typing import BinaryIO

from imgrestore.codecs import exif, iptc
from imgrestore.codecs.headers import png_chunk
from imgrestore.codecs.tiff import EXTRA
from imgrestore.files import unfinished
from imgrestore.image import Metadata

_LONGEST_SEGMENT = 65533
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
TIFF_IPTC = 0x83BB
"""Tag of IPTC in a TIFF file."""
_TIFF_RESOLUTION = frozenset((0x011A, 0x011B, 0x0128))


def embed(path: Path, format_name: str, metadata: Metadata) -> list[str]:
    """Put what libvips cannot write faithfully into a finished file that nobody else reads yet.

    That is EXIF everywhere, IPTC in TIFF and JPEG, XMP in JPEG and PNG (libvips drops long packets without a word), and
    the resolution: libvips writes JPEG without a JFIF segment, and makes one up for PNG and TIFF where none is known.

    Args:
        path: The file.
        format_name: ``"jpeg"``, ``"png"``, ``"webp"`` or ``"tiff"``.
        metadata: What it should carry.

    Returns:
        One line for each thing that could not be kept.
    """
    if format_name == "tiff":
        return _into_tiff(path, metadata)
    if format_name == "jpeg":
        segments, lost = _jpeg_segments(metadata)
        _insert(path, 2, segments)
        return lost
    if format_name == "png":
        if metadata.density is None:
            _remove_chunk(path, b"pHYs")
        _insert(path, 8 + 25, _png_chunks(metadata))
    elif metadata.exif is not None:
        _add_webp_chunk(path, metadata.exif)
    return [f"{format_name} has no place for IPTC, which was left out"] if metadata.iptc is not None else []


def _jpeg_segments(metadata: Metadata) -> tuple[bytes, list[str]]:
    """Return the segments that libvips does not write, and one line for each thing that fits into none."""
    segments, lost = b"", []
    if metadata.density is not None:
        inches = (min(65535, max(1, round(value * 25.4))) for value in metadata.density)
        segments = b"\xff\xe0" + struct.pack(">H5sHBHHBB", 16, b"JFIF\0", 0x0102, 1, *inches, 0, 0)
    for name, marker, prefix, block in (
        ("EXIF", b"\xff\xe1", b"Exif\0\0", metadata.exif),
        ("XMP", b"\xff\xe1", _XMP, metadata.xmp),
        ("IPTC", b"\xff\xed", b"", iptc.wrapped(metadata.iptc) if metadata.iptc is not None else None),
    ):
        if block is None:
            continue
        if len(prefix + block) > _LONGEST_SEGMENT:
            lost.append(f"{name} of {len(block)} bytes does not fit into a JPEG and was left out")
            continue
        segments += marker + struct.pack(">H", len(prefix + block) + 2) + prefix + block
    return segments, lost


def _png_chunks(metadata: Metadata) -> bytes:
    """Return the chunks that libvips does not write, or, XMP, not as readers expect it: plain, in iTXt."""
    chunks = (metadata.png_colour or b"") + (metadata.png_text or b"")
    if metadata.xmp is not None:
        chunks += png_chunk(b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + metadata.xmp)
    if metadata.exif is not None:
        chunks += png_chunk(b"eXIf", metadata.exif)
    return chunks


def _insert(path: Path, position: int, content: bytes) -> None:
    _splice(path, position, position, content)


def _splice(path: Path, start: int, stop: int, content: bytes) -> None:
    """Put ``content`` in place of the bytes from ``start`` to ``stop``."""
    changed = path.with_name(path.name + "x")
    with unfinished(changed):
        with path.open("rb") as source, changed.open("xb") as target:
            target.write(source.read(start))
            target.write(content)
            source.seek(stop)
            shutil.copyfileobj(source, target)
        changed.replace(path)


def _remove_chunk(path: Path, kind: bytes) -> None:
    """Take a chunk that stands before the pixels out of a PNG file."""
    with path.open("rb") as file:
        position = 8
        while True:
            file.seek(position)
            length, found = struct.unpack(">I4s", file.read(8))
            if found == kind:
                break
            if found == b"IDAT":
                return
            position += 12 + length
    _splice(path, position, position + 12 + length, b"")


def _add_webp_chunk(path: Path, block: bytes) -> None:
    """Append an EXIF chunk and announce it in the extended header, which is added if there is none.

    Google, WebP Container Specification.
    """
    chunk = b"EXIF" + struct.pack("<I", len(block)) + block + bytes(len(block) % 2)
    with path.open("rb") as file:
        extended = file.read(30)[12:16] == b"VP8X"
    if not extended:
        width, height, alpha = _webp_size(path)
        size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
        _insert(path, 12, b"VP8X" + struct.pack("<IB3x", 10, 0x10 if alpha else 0) + size)
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


def _webp_size(path: Path) -> tuple[int, int, bool]:
    """Return width, height and presence of alpha of a simple (not extended) WebP file."""
    with path.open("rb") as file:
        head = file.read(30)
    if head[12:16] == b"VP8L":
        bits = struct.unpack("<I", head[21:25])[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)
    width, height = struct.unpack("<HH", head[26:30])
    return width & 0x3FFF, height & 0x3FFF, False


def _into_tiff(path: Path, metadata: Metadata) -> list[str]:
    blobs = {TIFF_IPTC: metadata.iptc} if metadata.iptc is not None else {}
    drop = frozenset() if metadata.density is not None else _TIFF_RESOLUTION
    lost = []
    with path.open("rb+") as file:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if metadata.extra:
                _unname_channel(file, data)
            try:
                link, pointer, appended = exif.into_tiff(data, metadata.exif, blobs, drop)
            except ValueError as error:
                lost.append(f"EXIF could not be moved into a TIFF ({error}) and was left out")
                link, pointer, appended = exif.into_tiff(data, None, blobs, drop)
        file.seek(0, 2)
        file.write(appended)
        file.seek(link)
        file.write(pointer)
    return lost


def _unname_channel(file: BinaryIO, data: mmap.mmap) -> None:
    """Say that the channel beyond the colours of a TIFF file is not alpha, as which libvips writes it."""
    structure = exif.Structure(data)
    for entry in structure.entries(structure.first):
        if entry.tag == EXTRA:
            file.seek(entry.position + (12 if structure.big else 8))
            file.write(bytes(2))
    file.flush()  # the entries that are moved are read from ``data``
