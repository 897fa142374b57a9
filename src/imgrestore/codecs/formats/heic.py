"""HEIC, the photos of phones."""

from __future__ import annotations

from imgrestore.codecs.formats.record import Deferred, Format, branded

FORMAT = Format(
    "heic",
    (".heic", ".heif"),
    Deferred("reading.heic", "open_stream"),
    recognise=branded(b"heic", b"heix", b"hevc", b"mif1", b"msf1"),
    whole=True,
    isolated=True,
)
