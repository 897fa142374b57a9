"""TIFF and BigTIFF."""

from __future__ import annotations

from imgrestore.codecs.formats.record import EVERYWHERE, Deferred, Format, by_vips

FORMAT = Format(
    "tiff",
    (".tif", ".tiff"),
    by_vips("tiff"),
    signatures=(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    write=Deferred("writing.tiff", "write"),
    depths=("uint8", "uint16", "float32"),
    alpha=True,
    carries=EVERYWHERE | {"iptc", "density", "extra"},
)
