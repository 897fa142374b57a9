"""Writing an image file: its metadata brought up to date, and handed to the writer of its format."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from imgrestore.codecs.formats import Format
from imgrestore.codecs.metadata import exif, xmp
from imgrestore.codecs.metadata.pngcolor import profile_for
from imgrestore.codecs.options import SaveOptions
from imgrestore.image import Header, ImageStream

_NAMES = {
    "png_text": "a PNG file's texts, which were",
    "icc": "its colour profile, which was",
    "exif": "EXIF, which was",
    "xmp": "XMP, which was",
    "iptc": "IPTC, which was",
}
"""What is said of metadata that a format cannot hold."""


def write_image(stream: ImageStream, path: Path, form: Format, options: SaveOptions | None = None) -> list[str]:
    """Encode an image into a new file.

    The caller gives a temporary name and renames the finished file (:func:`imgrestore.files.replacing`).

    Args:
        stream: The image; its type and channels must be ones the format can hold.
        path: The file to make.
        form: Its format.
        options: How to compress.

    Returns:
        One line for each thing that could not be kept.

    Raises:
        OutputError: The file cannot be written.
        ValueError: Results cannot be saved in this format.
    """
    if form.write is None:
        raise ValueError(f"{form.name} is not a format to save in")
    header, lost = _fitted(stream.header, form)
    return [*lost, *form.write(replace(stream, header=header), path, form, options or SaveOptions())]


def _fitted(header: Header, form: Format) -> tuple[Header, list[str]]:
    """Return the header with metadata that is true of the result and fits into the format, and what does not fit."""
    metadata = header.metadata
    lost: list[str] = []
    if metadata.exif is not None:
        metadata = replace(metadata, exif=exif.updated(metadata.exif, header.width, header.height))
    if metadata.xmp is not None:
        metadata = replace(metadata, xmp=xmp.updated(metadata.xmp, header.width, header.height))
    if metadata.png_colour is not None and "png_colour" not in form.carries:
        icc, lost = profile_for(metadata.png_colour, grey=header.grey, icc=metadata.icc)
        metadata = replace(metadata, icc=icc, png_colour=None)
    if metadata.icc is not None and metadata.icc[16:20] != (b"GRAY" if header.grey else b"RGB "):
        lost.append(f"its colour profile is not one of {'grey' if header.grey else 'RGB'} images, and was left out")
        metadata = replace(metadata, icc=None)
    homeless = [name for name in _NAMES if name not in form.carries and getattr(metadata, name) is not None]
    lost += [f"{form.name} has no place for {_NAMES[name]} left out" for name in homeless]
    without: dict[str, Any] = dict.fromkeys(homeless)
    metadata = replace(metadata, **without)
    return replace(header, metadata=metadata), lost
