"""Writing PNG: encoded by libvips, metadata in chunks of our own."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from imgrestore.codecs.formats import Format
from imgrestore.codecs.metadata.png import LARGEST_CHUNK, png_chunk
from imgrestore.codecs.options import SaveOptions
from imgrestore.codecs.writing.splicing import insert, splice
from imgrestore.codecs.writing.vips import encode
from imgrestore.image import ImageStream, Metadata

_BEHIND_HEADER = 8 + 25


def write(stream: ImageStream, path: Path, form: Format, options: SaveOptions) -> list[str]:
    """Write a PNG file; see :attr:`imgrestore.codecs.formats.Format.write`."""

    def save(image: Any, target: bytes) -> None:
        image.pngsave(target, compression=6, filter="sub:up:avg:paeth", keep="icc")

    encode(stream, path, form, save)
    metadata = stream.header.metadata
    if metadata.density is None:
        _remove_chunk(path, b"pHYs")  # libvips makes one up
    chunks, lost = _chunks(metadata)
    insert(path, _BEHIND_HEADER, chunks)
    return lost


def _chunks(metadata: Metadata) -> tuple[bytes, list[str]]:
    """Return the chunks that libvips does not write, or not as readers expect: XMP is to be plain, in iTXt.

    And one line for each thing that is larger than readers take.
    """
    chunks, lost = (metadata.png_colour or b"") + (metadata.png_text or b""), []
    for name, kind, prefix, block in (
        ("XMP", b"iTXt", b"XML:com.adobe.xmp" + bytes(5), metadata.xmp),
        ("EXIF", b"eXIf", b"", metadata.exif),
    ):
        if block is not None and len(prefix + block) > LARGEST_CHUNK:
            lost.append(f"{name} of {len(block)} bytes is larger than readers of PNG take, and was left out")
        elif block is not None:
            chunks += png_chunk(kind, prefix + block)
    return chunks, lost


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
    splice(path, position, position + 12 + length, b"")
