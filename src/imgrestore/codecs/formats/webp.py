"""WebP."""

from __future__ import annotations

from imgrestore.codecs.formats.record import Deferred, Format, by_vips


def _recognise(head: bytes, tail: bytes, extension: str) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


FORMAT = Format(
    "webp",
    (".webp",),
    by_vips("webp"),
    recognise=_recognise,
    write=Deferred("writing.webp", "write"),
    alpha=True,
    largest_side=16383,
    heeds=("quality", "lossless"),
)
