"""PNG."""

from __future__ import annotations

from imgrestore.codecs.formats.record import EVERYWHERE, Deferred, Format, by_vips

FORMAT = Format(
    "png",
    (".png",),
    by_vips("png"),
    signatures=(b"\x89PNG\r\n\x1a\n",),
    write=Deferred("writing.png", "write"),
    depths=("uint8", "uint16"),
    alpha=True,
    carries=EVERYWHERE | {"density", "png_colour", "png_text"},
    largest_xmp=8_000_000 - 22,  # what readers take of a chunk, less the name of the block
)
