"""JPEG 2000."""

from __future__ import annotations

from imgrestore.codecs.formats.record import Format, by_pillow

FORMAT = Format(
    "jpeg2000",
    (".jp2", ".j2k", ".jpx", ".jpf", ".j2c"),
    by_pillow("Jpeg2K"),
    signatures=(b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  \r\n\x87\n"),
    whole=True,
    isolated=True,
)
