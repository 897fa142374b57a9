"""Opening an image file: its format is told by its content, and the record of the format says how it is read."""

from __future__ import annotations

from pathlib import Path

from imgrestore.codecs.options import ReadOptions
from imgrestore.codecs.reading import isolation
from imgrestore.codecs.reading.detection import detect
from imgrestore.codecs.reading.pipes import settled
from imgrestore.image import Header, Image, ImageStream


def open_image(data: Path | bytes, name: str | None = None, options: ReadOptions | None = None) -> ImageStream:
    """Open an image for reading from top to bottom; it comes upright.

    Args:
        data: The file, or its content.
        name: What messages call it; the path by default.
        options: What is accepted; by default nothing that is damaged, huge or holds several pictures.

    Raises:
        InputError: It is damaged or of a kind that is not supported.
    """
    called = name or (str(data) if isinstance(data, Path) else "the image")
    data = settled(data, called) if isinstance(data, Path) else data
    form = detect(data, called)
    read = isolation.open_stream if form.isolated else form.read
    return read(data, called, form, options or ReadOptions())


def read_header(data: Path | bytes, name: str, options: ReadOptions) -> Header:
    """Read what an image is, without decoding it where that can be; see :func:`open_image`."""
    form = detect(data, name)
    if not form.isolated:
        return open_image(data, name, options).header
    return isolation.open_stream(data, name, form, options, pixels=False).header


def read_image(data: Path | bytes, name: str | None = None, options: ReadOptions | None = None) -> Image:
    """Read a whole image; see :func:`open_image`."""
    return open_image(data, name, options).read()
