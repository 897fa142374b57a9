"""Image formats: how to recognise one by its content, and what its files can hold. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes:
        name: What ``--format`` calls it.
        extensions: File name endings, the usual one first.
        recognise: Whether the first bytes of a file are of this format.
        library: ``"vips"``, ``"pillow"``, ``"libheif"`` or ``"netpbm"``: who decodes it.
        writable: Whether results can be saved in it.
        depths: Sample types it can hold.
        alpha: Whether it can hold transparency.
        largest_side: Longest side in pixels, a limit of the format.
        largest_xmp: Longest XMP packet in bytes, a limit of the format, or None.
        isolated: Whether it is decoded in a process of its own, because its files can bring decoders to abort.
    """

    name: str
    extensions: tuple[str, ...]
    recognise: Callable[[bytes], bool]
    library: str
    writable: bool = False
    depths: tuple[str, ...] = ("uint8",)
    alpha: bool = False
    largest_side: int = 2**31 - 1
    largest_xmp: int | None = None
    isolated: bool = False


def _starts(*prefixes: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(prefixes)


def _brand(*brands: bytes) -> Callable[[bytes], bool]:
    """Recognise files that name one of these brands, as their own or as one they are compatible with."""

    def recognise(head: bytes) -> bool:
        end = int.from_bytes(head[:4])
        named = (head[8:12], *(head[i : i + 4] for i in range(16, min(end, len(head)), 4)))
        return head[4:8] == b"ftyp" and not set(brands).isdisjoint(named)

    return recognise


FORMATS = (
    Format("png", (".png",), _starts(b"\x89PNG\r\n\x1a\n"), "vips", True, ("uint8", "uint16"), alpha=True),
    Format(
        "jpeg",
        (".jpg", ".jpeg", ".jpe", ".jfif"),
        _starts(b"\xff\xd8\xff"),
        "vips",
        True,
        largest_side=65500,
        largest_xmp=65533 - 29,  # what a segment holds, less the name of the block
    ),
    Format(
        "tiff",
        (".tif", ".tiff"),
        _starts(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
        "vips",
        True,
        ("uint8", "uint16", "float32"),
        alpha=True,
    ),
    Format(
        "webp",
        (".webp",),
        lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP",
        "vips",
        True,
        alpha=True,
        largest_side=16383,
    ),
    Format("avif", (".avif",), _brand(b"avif", b"avis"), "vips", isolated=True),
    Format("heic", (".heic", ".heif"), _brand(b"heic", b"heix", b"hevc", b"mif1", b"msf1"), "libheif", isolated=True),
    Format("gif", (".gif",), _starts(b"GIF87a", b"GIF89a"), "vips"),
    Format("bmp", (".bmp", ".dib"), _starts(b"BM"), "pillow"),
    Format(
        "netpbm",
        (".ppm", ".pgm", ".pbm", ".pnm"),
        lambda head: head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace(),
        "netpbm",
    ),
    Format(
        "jpeg2000",
        (".jp2", ".j2k", ".jpx", ".jpf", ".j2c"),
        _starts(b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  \r\n\x87\n"),
        "pillow",
        isolated=True,
    ),
    Format(
        "ico",
        (".ico",),
        lambda head: head[:4] == b"\0\0\1\0" and head[4] > 0 and head[5] == 0,
        "pillow",
        isolated=True,
    ),
    Format("tga", (".tga", ".icb", ".vda", ".vst"), lambda head: False, "pillow"),
)

HEAD = 512
"""Bytes that suffice to recognise a format."""

TAIL = 26
"""Bytes at the end of a file that say that it is a TGA."""

_DOCUMENTS = (
    (b"%PDF-", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript document"),
    (b"\x1f\x8b", "a compressed file"),
    (b"PK\3\4", "an archive or office document"),
)


def recognise(head: bytes) -> Format | None:
    """Return the format of a file that begins with these bytes, or None."""
    return next((candidate for candidate in FORMATS if candidate.recognise(head)), None)


def is_tga(head: bytes, tail: bytes, extension: str) -> bool:
    """Return whether a file is a TGA: by its last bytes, or, for the first version, by its name and a possible header.

    Truevision TGA File Format Specification, version 2.0. The format has no mark at its beginning.
    """
    if len(head) < 18:
        return False
    palette, kind, bits, flags = head[1], head[2], head[16], head[17]
    sized = head[12] + head[13] > 0 and head[14] + head[15] > 0
    depths = {1: (8, 16), 2: (16, 24, 32), 3: (8, 16)}.get(kind & 7, ())
    possible = palette <= 1 and kind in (1, 2, 3, 9, 10, 11) and sized and bits in depths and flags & 0xC0 == 0
    marked = tail[-18:] == b"TRUEVISION-XFILE.\0"
    return possible and (marked or by_extension(extension) is by_name("tga")) and (kind & 7 != 1 or palette == 1)


def document(head: bytes) -> str | None:
    """Return what kind of document a file is whose beginning is known, or None."""
    if b"<svg" in head:
        return "an SVG drawing"
    return next((kind for mark, kind in _DOCUMENTS if head.startswith(mark)), None)


def by_extension(extension: str) -> Format | None:
    """Return the format whose files end like this (with the dot, any case), or None."""
    return next((candidate for candidate in FORMATS if extension.lower() in candidate.extensions), None)


def by_name(name: str) -> Format | None:
    """Return the format of this name, or of this extension without its dot; None if there is none."""
    wanted = name.lower()
    named = next((candidate for candidate in FORMATS if candidate.name == wanted), None)
    return named or by_extension(f".{wanted}")


WRITABLE = tuple(candidate.name for candidate in FORMATS if candidate.writable)
"""Names of the formats results can be saved in."""
