"""What the beginnings of PNG and JPEG files say that libvips passes over: colours, animations, further pictures."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_PNG_COLOUR = (b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV", b"cLLI")
_PNG_TEXT = (b"tEXt", b"zTXt", b"iTXt")
_PNG_BLOCKS = (
    b"XML:com.adobe.xmp",
    *(b"Raw profile type " + kind for kind in (b"exif", b"APP1", b"xmp", b"icc", b"icm")),
)
_PLAIN_XMP = b"XML:com.adobe.xmp\0\0\0"
_LONGEST_TEXT = 2**24
_LONGEST_MOOV = 2**20
_LARGEST_CHUNK = 1024
"""Bytes of a chunk that is read here; all of these are much shorter."""


def open_bytes(data: Path | bytes) -> BinaryIO:
    """Open a file, or its content, for reading."""
    return io.BytesIO(data) if isinstance(data, bytes) else data.open("rb")


def png_header(data: Path | bytes) -> tuple[bytes, int]:
    """Return the chunks of a PNG file that say how its colours are meant, as they are, and how many frames it has."""
    colour, frames = b"", 1
    with open_bytes(data) as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            if kind == b"IDAT":
                break
            if length > _LARGEST_CHUNK or kind not in (*_PNG_COLOUR, b"acTL"):
                file.seek(length + 4, 1)
                continue
            content = file.read(length)
            file.seek(4, 1)
            if kind == b"acTL" and len(content) == 8:
                frames = int(struct.unpack(">I", content[:4])[0])
            elif kind != b"acTL" and len(content) == length:
                colour += png_chunk(kind, content)
    return colour, frames


def png_size(data: Path | bytes) -> tuple[int, int] | None:
    """Return the width and height that a PNG file states; None if its header is damaged."""
    for _, content in _chunks(data, (b"IHDR",), 13):
        return int.from_bytes(content[:4]), int.from_bytes(content[4:8])
    return None


def png_density(data: Path | bytes) -> tuple[float, float] | None:
    """Return the pixels per millimetre that a PNG file states, or None; libvips would take those of its EXIF."""
    for _, content in _chunks(data, (b"pHYs",), 9):
        across, down, unit = struct.unpack(">IIB", content.ljust(9, b"\0"))
        return (across / 1000, down / 1000) if unit == 1 and across and down else None
    return None


def png_blocks(data: Path | bytes) -> dict[str, bytes]:
    """Return EXIF and XMP of a PNG file by libvips' names for them; it passes over those behind the pixels."""
    found: dict[str, bytes] = {}
    for kind, content in _chunks(data, (b"eXIf", b"iTXt"), _LONGEST_TEXT):
        if kind == b"eXIf":
            found.setdefault("exif-data", b"Exif\0\0" + content)
        elif content.startswith(_PLAIN_XMP) and content.count(b"\0", len(_PLAIN_XMP)) >= 2:
            found.setdefault("xmp-data", content[len(_PLAIN_XMP) :].split(b"\0", 2)[2])
    return found


def png_text(data: Path | bytes) -> bytes | None:
    """Return the chunks of a PNG file's texts as they are, or None if there are none.

    Left out are blocks that other programs keep as text and that are carried by themselves: XMP, EXIF, profiles.
    """
    kept = b""
    for kind, content in _chunks(data, _PNG_TEXT, _LONGEST_TEXT):
        if content.split(b"\0", 1)[0] not in _PNG_BLOCKS and len(kept) + len(content) <= _LONGEST_TEXT:
            kept += png_chunk(kind, content)
    return kept or None


def _chunks(data: Path | bytes, kinds: tuple[bytes, ...], longest: int) -> Iterator[tuple[bytes, bytes]]:
    """Give kind and content of a PNG file's chunks of some kinds; damaged ones and longer ones are passed over."""
    with open_bytes(data) as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            if kind not in kinds or length > longest:
                file.seek(length + 4, 1)
                continue
            content, check = file.read(length), file.read(4)
            if check == struct.pack(">I", zlib.crc32(content, zlib.crc32(kind))):
                yield kind, content


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG file."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))


def png_chunks(chunks: bytes) -> dict[bytes, bytes]:
    """Take chunks that follow one another apart."""
    found, position = {}, 0
    while position < len(chunks):
        length, kind = struct.unpack_from(">I4s", chunks, position)
        found[kind] = chunks[position + 8 : position + 8 + length]
        position += 12 + length
    return found


def sequence_frames(data: Path | bytes) -> int:
    """Return how many frames an AVIF or HEIC file says its first track has; 1 if it has none.

    ISO/IEC 14496-12: the box ``stsz`` inside ``moov`` counts the samples of a track.
    """
    with open_bytes(data) as file:
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            if kind == b"moov":
                _, _, samples = file.read(min(length, _LONGEST_MOOV)).partition(b"stsz")
                return max(1, int.from_bytes(samples[8:12]))
            if length < 8:
                break
            file.seek(length - 8, 1)
    return 1


def holds_no_colour(data: Path | bytes, form: str) -> bool:
    """Return whether the palette of a PNG file holds greys alone, or an AVIF file says that it is monochrome.

    Decoders turn these into RGB. In AVIF the box ``av1C`` says it (AV1 Codec ISO Media File Format Binding 2.3.3).
    """
    if form == "png":
        chunks = dict(_chunks(data, (b"IHDR", b"PLTE"), 768))
        palette = chunks.get(b"PLTE", b"")
        return chunks.get(b"IHDR", b"")[9:10] == b"\3" and palette[::3] == palette[1::3] == palette[2::3]
    if form != "avif":
        return False
    with open_bytes(data) as file:
        _, found, content = file.read(_LONGEST_MOOV).partition(b"av1C")
    return bool(found) and len(content) > 2 and bool(content[2] & 0x10)


def mpo_pictures(data: Path | bytes) -> int:
    """Return how many pictures a JPEG file says it holds.

    CIPA DC-007, Multi-Picture Format: a TIFF structure in an APP2 segment, whose tag 0xB001 is the number.
    """
    with open_bytes(data) as file:
        file.seek(2)
        while len(head := file.read(4)) == 4:
            marker, length = struct.unpack(">HH", head)
            if not 0xFFC0 <= marker <= 0xFFFE or marker == 0xFFDA or length < 2:
                break
            if marker != 0xFFE2:
                file.seek(length - 2, 1)
                continue
            content = file.read(length - 2)
            if content.startswith(b"MPF\0"):
                return _mpf_number(content[4:])
    return 1


def _mpf_number(block: bytes) -> int:
    order = "<" if block[:2] == b"II" else ">"
    try:
        start = struct.unpack_from(f"{order}I", block, 4)[0]
        for i in range(struct.unpack_from(f"{order}H", block, start)[0]):
            tag, _, _, value = struct.unpack_from(f"{order}HHII", block, start + 2 + 12 * i)
            if tag == 0xB001:
                return int(value)
    except struct.error:
        pass
    return 1
