"""Image files. No other package opens one.

libvips (through pyvips) reads and writes most formats row by row; Pillow reads the few it cannot, libheif HEIC, and
netpbm's are read here. Formats are told apart by their content; each has a record (:mod:`imgrestore.codecs.formats`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imgrestore.codecs.formats import Format
    from imgrestore.codecs.options import ReadOptions, SaveOptions
    from imgrestore.codecs.reading.detection import detect, looks_like_image
    from imgrestore.codecs.reading.finding import find_images
    from imgrestore.codecs.reading.opening import open_image, read_header, read_image
    from imgrestore.codecs.reading.pipes import read_pipe, settled
    from imgrestore.codecs.writing.output import write_image

__all__ = [
    "Format",
    "ReadOptions",
    "SaveOptions",
    "detect",
    "find_images",
    "looks_like_image",
    "open_image",
    "read_header",
    "read_image",
    "read_pipe",
    "settled",
    "write_image",
]

_HOMES = {
    "Format": "formats",
    "ReadOptions": "options",
    "SaveOptions": "options",
    "detect": "reading.detection",
    "find_images": "reading.finding",
    "looks_like_image": "reading.detection",
    "open_image": "reading.opening",
    "read_header": "reading.opening",
    "read_image": "reading.opening",
    "read_pipe": "reading.pipes",
    "settled": "reading.pipes",
    "write_image": "writing.output",
}


def __getattr__(name: str) -> Any:
    """Import names when they are first used: the formats can be listed without loading a decoder."""
    if name not in _HOMES:
        raise AttributeError(f"module 'imgrestore.codecs' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"imgrestore.codecs.{_HOMES[name]}"), name)
