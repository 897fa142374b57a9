"""Writing TIFF: encoded by libvips, EXIF and IPTC in a directory of our own."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any, BinaryIO

from imgrestore.codecs.formats import Format
from imgrestore.codecs.metadata import exif, iptc
from imgrestore.codecs.options import SaveOptions
from imgrestore.codecs.writing.vips import encode
from imgrestore.image import ImageStream, Metadata

_RESOLUTION = frozenset((0x011A, 0x011B, 0x0128))


def write(stream: ImageStream, path: Path, form: Format, options: SaveOptions) -> list[str]:
    """Write a TIFF file; see :attr:`imgrestore.codecs.formats.Format.write`."""

    def save(image: Any, target: bytes) -> None:
        predictor = "none" if image.format == "float" else "horizontal"  # few readers know the float predictor
        large = image.width * image.height * image.bands * 4 > 2**31
        image.tiffsave(target, compression="deflate", predictor=predictor, bigtiff=large, keep="icc:xmp")

    encode(stream, path, form, save)
    return _embed(path, stream.header.metadata)


def _embed(path: Path, metadata: Metadata) -> list[str]:
    """Put in EXIF and IPTC, and take out the resolution that libvips makes up; return what could not be kept."""
    blobs = {iptc.TIFF_TAG: metadata.iptc} if metadata.iptc is not None else {}
    drop = frozenset() if metadata.density is not None else _RESOLUTION
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
        if entry.tag == exif.EXTRA_SAMPLES:
            file.seek(entry.position + (12 if structure.big else 8))
            file.write(bytes(2))
    file.flush()  # the entries that are moved are read from ``data``
