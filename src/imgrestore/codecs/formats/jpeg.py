"""JPEG."""

from __future__ import annotations

from imgrestore.codecs.formats.record import EVERYWHERE, Deferred, Format, by_vips

FORMAT = Format(
    "jpeg",
    (".jpg", ".jpeg", ".jpe", ".jfif"),
    by_vips("jpeg"),
    signatures=(b"\xff\xd8\xff",),
    write=Deferred("writing.jpeg", "write"),
    largest_side=65500,
    carries=EVERYWHERE | {"iptc", "density"},
    largest_xmp=65533 - 29,  # what a segment holds, less the name of the block
    heeds=("quality", "subsampling"),
)
