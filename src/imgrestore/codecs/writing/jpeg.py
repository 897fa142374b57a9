"""Writing JPEG: encoded by libvips, metadata in segments of our own.

JFIF 1.02; Adobe, XMP Specification Part 3: Storage in Files.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from imgrestore.codecs.formats import Format
from imgrestore.codecs.metadata import iptc
from imgrestore.codecs.options import SaveOptions
from imgrestore.codecs.writing.splicing import insert
from imgrestore.codecs.writing.vips import encode
from imgrestore.image import ImageStream, Metadata

_LONGEST_SEGMENT = 65533
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_LARGEST_OPTIMIZED = 2**24
"""Pixels up to which JPEG codes are optimised: that takes two passes, so the encoder holds the whole image."""


def write(stream: ImageStream, path: Path, form: Format, options: SaveOptions) -> list[str]:
    """Write a JPEG file; see :attr:`imgrestore.codecs.formats.Format.write`."""

    def save(image: Any, target: bytes) -> None:
        chroma = "on" if options.subsampling else "off"
        small = image.width * image.height <= _LARGEST_OPTIMIZED
        image.jpegsave(target, Q=options.quality, subsample_mode=chroma, optimize_coding=small, keep="icc")

    encode(stream, path, form, save)
    segments, lost = _segments(stream.header.metadata)
    insert(path, 2, segments)
    return lost


def _segments(metadata: Metadata) -> tuple[bytes, list[str]]:
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
