"""Chunks of PNG files: what libvips passes over, and what of it can be carried along.

Only what is well formed is carried: readers refuse a whole file for one chunk that is not.

W3C, Portable Network Graphics (Third Edition), 11.3.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from imgrestore.files import open_bytes

LARGEST_CHUNK = 8_000_000
"""Bytes of a chunk beside the pixels that readers take (``PNG_USER_CHUNK_MALLOC_MAX`` of libpng)."""
_LONGEST_INFLATED = 2**20
"""Bytes of a compressed text that readers take (``MAX_TEXT_CHUNK`` of Pillow)."""
_LONGEST_TEXTS = 2**24
"""Bytes of all texts together; Pillow takes four times as many."""
_COST = 2**16
"""What a malformed text counts among them, so that a file full of bombs soon comes to its end."""
_LONGEST_BLOCK, _DENSEST_BLOCK = 2**24, 128
"""Bytes of an EXIF block, XMP packet or profile, and how many of them one byte can become."""
_LONGEST_KEYWORD = 79
_LARGEST_NUMBER = 2**31 - 1
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_XMP_KEYWORD, _RAW_PROFILE = b"XML:com.adobe.xmp", b"Raw profile type "
_XMP_MARK = b"http://ns.adobe.com/xap/1.0/\0"
_TIFF_MARKS = (b"II*\0", b"MM\0*")


def _numbers(content: bytes) -> tuple[int, ...]:
    return struct.unpack(f">{len(content) // 4}I", content)


def _are_colours(content: bytes) -> bool:
    """Return whether these are four places in the plane of colours, none of them without brightness."""
    places = _numbers(content)
    return max(places) <= _LARGEST_NUMBER and min(places[1::2]) > 0


_COLOUR: dict[bytes, tuple[int, Callable[[bytes], bool]]] = {
    b"gAMA": (4, lambda content: 0 < _numbers(content)[0] <= _LARGEST_NUMBER),
    b"cHRM": (32, _are_colours),
    b"sRGB": (1, lambda content: content[0] <= 3),
    b"cICP": (4, lambda content: content[2] == 0 and content[3] <= 1),
    b"mDCV": (24, lambda content: max(_numbers(content[16:])) <= _LARGEST_NUMBER),
    b"cLLI": (8, lambda content: max(_numbers(content)) <= _LARGEST_NUMBER),
}
"""The chunks that say how colours are meant: how long each is, and whether its content can be true."""
_READ = (b"IHDR", b"PLTE", b"IDAT", b"acTL", b"pHYs", b"eXIf", *_COLOUR, *_TEXTS)


@dataclass
class Chunks:
    """What a PNG file says beside its pixels.

    Attributes:
        size: Width and height in pixels, or None if its header is damaged.
        grey_palette: Whether its pixels are numbers of a palette that holds greys alone.
        frames: How many pictures an animation has; 1 if it is none.
        density: Pixels per millimetre along x and y, or None; libvips would take those of its EXIF.
        colour: The chunks that say how its colours are meant, as they are, but for the limited range.
        limited: Whether its samples have the limited range of video, which is expanded when they are read.
        text: The chunks of its texts as they are, but for those that hold :attr:`blocks`.
        blocks: EXIF, XMP and profile by libvips' names for them, also those that it passes over: what stands behind the
            pixels, and what ImageMagick keeps as text.
        malformed: Names of the chunks that cannot be carried along: they are not as they should be, or larger than
            readers take.
    """

    size: tuple[int, int] | None = None
    grey_palette: bool = False
    frames: int = 1
    density: tuple[float, float] | None = None
    colour: bytes = b""
    limited: bool = False
    text: bytes = b""
    blocks: dict[str, bytes] = field(default_factory=dict)
    malformed: list[str] = field(default_factory=list)


def read_chunks(data: Path | bytes) -> Chunks:
    """Read what a PNG file says beside its pixels; chunks whose checksum is wrong are passed over."""
    found = Chunks()
    seen: set[bytes] = set()
    palette, texts = False, 0
    for kind, content in _chunks(data):
        if kind == b"IHDR" and len(content) == 13:
            found.size = int.from_bytes(content[:4]), int.from_bytes(content[4:8])
            palette = content[9] == 3
        elif kind == b"PLTE":
            found.grey_palette = palette and content[::3] == content[1::3] == content[2::3]
        elif kind == b"acTL" and len(content) == 8 and b"IDAT" not in seen:
            found.frames = int.from_bytes(content[:4])
        elif kind == b"pHYs" and len(content) == 9 and kind not in seen:
            across, down, unit = struct.unpack(">IIB", content)
            found.density = (across / 1000, down / 1000) if unit == 1 and across and down else None
        elif kind in _COLOUR and b"IDAT" not in seen:
            length, sound = _COLOUR[kind]
            if kind not in seen and len(content) == length and sound(content):
                if kind == b"cICP":
                    found.limited, content = content[3] == 0, content[:3] + b"\1"
                found.colour += png_chunk(kind, content)
            else:
                found.malformed.append(kind.decode())
        elif (block := _block(kind, content)) is not None:
            found.blocks.setdefault(*block)
        elif kind in _TEXTS:
            text = _text(kind, content) if texts < _LONGEST_TEXTS else None
            texts += len(text) if text is not None else _COST
            if text is not None and texts <= _LONGEST_TEXTS:
                found.text += png_chunk(kind, content)
            else:
                found.malformed.append(kind.decode())
        elif kind == b"eXIf":
            found.malformed.append(kind.decode())
        seen.add(kind)
    return found


def _block(kind: bytes, content: bytes) -> tuple[str, bytes] | None:
    """Return what a chunk holds by libvips' name for it, or None if that is no EXIF, XMP or profile."""
    if kind == b"eXIf":
        return ("exif-data", b"Exif\0\0" + content) if content.startswith(_TIFF_MARKS) else None
    keyword, _, rest = content.partition(b"\0")
    if kind == b"iTXt" and keyword == _XMP_KEYWORD and rest.count(b"\0", 2) >= 2:
        text = rest[2:].split(b"\0", 2)[2]
        packet = _inflated(text, _longest_block(text)) if rest[0] else text
        return ("xmp-data", packet) if packet else None
    if kind not in (b"tEXt", b"zTXt") or not keyword.startswith(_RAW_PROFILE):
        return None
    raw = _inflated(rest[1:], _longest_block(rest)) if kind == b"zTXt" else rest
    return _raw_block(keyword.removeprefix(_RAW_PROFILE), raw or b"")


def _longest_block(content: bytes) -> int:
    return min(_LONGEST_BLOCK, _DENSEST_BLOCK * len(content))


def _raw_block(told: bytes, text: bytes) -> tuple[str, bytes] | None:
    """Return what ImageMagick keeps as text of a kind that it tells, see :func:`_block`."""
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


def _text(kind: bytes, content: bytes) -> bytes | None:
    """Return the text that a chunk holds, or None if it is not well formed or too long."""
    keyword, mark, rest = content.partition(b"\0")
    if not mark or not _is_keyword(keyword) or len(content) > LARGEST_CHUNK:
        return None
    if kind == b"tEXt":
        return rest if b"\0" not in rest else None
    if kind == b"zTXt":
        return _inflated(rest[1:], _LONGEST_INFLATED) if rest[:1] == b"\0" else None
    if rest[:2] not in (b"\0\0", b"\1\0") or rest.count(b"\0", 2) < 2:
        return None
    stored = rest[2:].split(b"\0", 2)[2]
    text = _inflated(stored, _LONGEST_INFLATED) if rest[0] else stored
    try:
        return text if text is not None and text.decode() is not None else None
    except UnicodeDecodeError:
        return None


def _is_keyword(keyword: bytes) -> bool:
    """Return whether this can name a text: printable Latin-1, and spaces that each stand alone between words."""
    printable = all(32 <= code <= 126 or code >= 161 for code in keyword)
    return 1 <= len(keyword) <= _LONGEST_KEYWORD and printable and all(keyword.split(b" "))


def _inflated(content: bytes, longest: int) -> bytes | None:
    """Inflate a text; None if it is damaged, or longer than this."""
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(content, longest)
    except zlib.error:
        return None
    return text if inflater.eof else None


def _chunks(data: Path | bytes) -> Iterator[tuple[bytes, bytes]]:
    """Give kind and content of the chunks that are read here; nothing of pixels, and nothing of one that is too long.

    Chunks whose checksum is wrong are passed over.
    """
    with open_bytes(data) as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            if kind not in _READ or kind == b"IDAT" or length > _LONGEST_BLOCK:
                file.seek(length + 4, 1)
                if kind in _READ:
                    yield kind, b""
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
