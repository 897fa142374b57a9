"""PBM, PGM and PPM."""

from __future__ import annotations

from imgrestore.codecs.formats.record import Deferred, Format


def _recognise(head: bytes, tail: bytes, extension: str) -> bool:
    return head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace()


FORMAT = Format(
    "netpbm", (".ppm", ".pgm", ".pbm", ".pnm"), Deferred("reading.netpbm", "open_stream"), recognise=_recognise
)
