"""Image formats, one file each: its record says all about it. Imports nothing heavy.

A format is added by its own file and its name in the list below; from outside the package, by :func:`register`.
"""

from __future__ import annotations

from imgrestore.codecs.formats import (
    avif,
    bmp,
    gif,
    heic,
    ico,
    jpeg,
    jpeg2000,
    netpbm,
    png,
    tga,
    tiff,
    webp,
)
from imgrestore.codecs.formats.record import Deferred, Format
from imgrestore.codecs.formats.registry import by_extension, by_name, known, named, recognise, register, writable

__all__ = [
    "Deferred",
    "Format",
    "by_extension",
    "by_name",
    "known",
    "named",
    "recognise",
    "register",
    "writable",
]

for _module in (png, jpeg, tiff, webp, avif, heic, gif, bmp, netpbm, jpeg2000, ico, tga):
    register(_module.FORMAT)
