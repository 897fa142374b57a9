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
_XMP_KEYWORD, _RAW_PROFILE = b"XML:com.adobe.xmp", b"Raw profile type "
_XMP_MARK = b"http://ns.adobe.com/xap/1.0/\0"
_LONGEST_TEXT, _DENSEST_TEXT = 2**24, 128
"""Bytes of a text, and how many of them one byte can become."""
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
    """Return EXIF, XMP and profile of a PNG file by libvips' names for them, also those that it passes over.

    Those are what stands behind the pixels, and what ImageMagick keeps as text.
    """
    found: dict[str, bytes] = {}
    for kind, content in _chunks(data, (b"eXIf", *_PNG_TEXT), _LONGEST_TEXT):
        if (block := _png_block(kind, content)) is not None:
            found.setdefault(*block)
    return found


def png_text(data: Path | bytes) -> bytes | None:
    """Return the chunks of a PNG file's texts as they are, or None if there are none.

    Left out is what :func:`png_blocks` finds in them.
    """
    kept = b""
    for kind, content in _chunks(data, _PNG_TEXT, _LONGEST_TEXT):
        if len(kept) + len(content) <= _LONGEST_TEXT and _png_block(kind, content) is None:
            kept += png_chunk(kind, content)
    return kept or None


def _png_block(kind: bytes, content: bytes) -> tuple[str, bytes] | None:
    """Return what a chunk of a PNG file holds by libvips' name for it, or None if that is no EXIF, XMP or profile."""
    if kind == b"eXIf":
        return "exif-data", b"Exif\0\0" + content
    keyword, _, rest = content.partition(b"\0")
    if kind == b"iTXt" and keyword == _XMP_KEYWORD and rest.count(b"\0", 2) >= 2:
        text = rest[2:].split(b"\0", 2)[2]
        packet = _inflated(text) if rest[0] else text
        return ("xmp-data", packet) if packet else None
    if kind == b"iTXt" or not keyword.startswith(_RAW_PROFILE):
        return None
    return _raw_block(keyword.removeprefix(_RAW_PROFILE), _inflated(rest[1:]) if kind == b"zTXt" else rest)


def _raw_block(told: bytes, text: bytes) -> tuple[str, bytes] | None:
    """Return what ImageMagick keeps as text of a kind that it tells, see :func:`_png_block`."""
    profile = _raw_profile(text)
    if told in (b"exif", b"APP1") and profile.startswith((b"Exif\0\0", b"II*\0", b"MM\0*")):
        return "exif-data", profile
    if told in (b"xmp", b"APP1") and profile.startswith((_XMP_MARK, b"<")):
        return "xmp-data", profile.removeprefix(_XMP_MARK)
    if told in (b"icc", b"icm") and profile[36:40] == b"acsp":
        return "icc-profile-data", profile
    return None


def _raw_profile(text: bytes) -> bytes:
    """Return the bytes of a text that is a name, a length and hexadecimal digits; none if it is not."""
    try:
        _, length, digits = text.strip().split(b"\n", 2)
        profile = bytes.fromhex(digits.decode("ascii"))
        return profile if len(profile) == int(length) else b""
    except ValueError:
        return b""


def _inflated(content: bytes) -> bytes:
    """Inflate a text; nothing is returned of one that is damaged or too long."""
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(content, min(_LONGEST_TEXT, _DENSEST_TEXT * len(content)))
    except zlib.error:
        return b""
    return text if inflater.eof else b""


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
