"""ICO."""

from __future__ import annotations

from imgrestore.codecs.formats.record import Format, by_pillow


def _recognise(head: bytes, tail: bytes, extension: str) -> bool:
    return head[:4] == b"\0\0\1\0" and head[4] > 0 and head[5] == 0


FORMAT = Format("ico", (".ico",), by_pillow("Ico"), recognise=_recognise, whole=True, isolated=True)
