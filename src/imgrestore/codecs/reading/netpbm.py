"""Reading PBM, PGM and PPM, row by row where they are binary; Pillow would cut 16-bit colour to 8 bits in silence.

https://netpbm.sourceforge.net/doc/ppm.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from imgrestore.codecs.formats import Format
from imgrestore.codecs.options import ReadOptions
from imgrestore.codecs.reading.refusals import reading, refused
from imgrestore.files import open_bytes
from imgrestore.image import BAND, Header, ImageStream, Pixels

_LONGEST_HEADER = 65536
_LONGEST_WORD = 5
"""Digits of 65535."""
_PIECE = 2**20
_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"


def open_stream(data: Path | bytes, name: str, form: Format, options: ReadOptions) -> ImageStream:
    """Open an image file for reading from top to bottom.

    Raises:
        InputError: It is damaged or too large.
    """
    with reading(name), open_bytes(data) as file:
        head = file.read(_LONGEST_HEADER)
    kind = head[1] - ord("0")
    numbers = 2 if kind in (1, 4) else 3
    found = re.match(rb"P[1-6]" + (_GAP + rb"(\d{1,9})") * numbers + rb"(?:\s|$)", head)
    if found is None:
        raise refused(name, form, "its header cannot be understood")
    width, height, *rest = (int(number) for number in found.groups())
    limit = rest[0] if rest else 1
    if width == 0 or height == 0 or not 1 <= limit <= 65535:
        raise refused(name, form, "its header cannot be true")
    options.check_size(name, width, height)
    dtype = np.dtype(np.uint8 if limit <= 255 else np.uint16)
    header = Header(width, height, 3 if kind in (3, 6) else 1, dtype)
    damage = _Damage(name, form, options.allow_damaged)
    notices: tuple[str, ...] = ()
    if kind >= 4:
        row_bytes = (width + 7) // 8 if kind == 4 else width * header.channels * dtype.itemsize
        size = len(data) if isinstance(data, bytes) else data.stat().st_size
        notices = damage.found(size - found.end() < row_bytes * height, "it ends too early")
        bands = _binary(data, found.end(), kind, header, limit, row_bytes, damage)
    else:
        bands = _text(data, found.end(), kind, header, limit, damage)
    return ImageStream(header, bands, notices)


class _Damage:
    """What to do about missing samples."""

    def __init__(self, name: str, form: Format, allowed: bool) -> None:
        self.name, self._form, self._allowed = name, form, allowed

    def found(self, damaged: bool, what: str) -> tuple[str, ...]:
        if damaged and not self._allowed:
            raise refused(self.name, self._form, what)
        return (f"{self.name}: is damaged ({what}); what could be read was taken",) if damaged else ()


def _binary(
    data: Path | bytes, start: int, kind: int, header: Header, limit: int, row_bytes: int, damage: _Damage
) -> Iterator[Pixels]:
    with reading(damage.name), open_bytes(data) as file:
        file.seek(start)
        for top in range(0, header.height, BAND):
            rows = min(BAND, header.height - top)
            content = file.read(rows * row_bytes)
            damage.found(len(content) < rows * row_bytes, "it ends too early")
            stored = np.frombuffer(content.ljust(rows * row_bytes, b"\0"), np.uint8).reshape(rows, row_bytes)
            if kind == 4:
                values = 1 - np.unpackbits(stored, axis=1)[:, : header.width]
            else:
                values = stored.view(">u2") if header.dtype == np.uint16 else stored
            yield _scaled(values.reshape(rows, header.width, header.channels), limit, header)


def _text(data: Path | bytes, start: int, kind: int, header: Header, limit: int, damage: _Damage) -> Iterator[Pixels]:
    with reading(damage.name), open_bytes(data) as file:
        file.seek(start)
        words = _digits(file) if kind == 1 else _words(file)
        for top in range(0, header.height, BAND):
            rows = min(BAND, header.height - top)
            wanted = rows * header.width * header.channels
            values = np.zeros(wanted, np.uint16)
            count = 0
            for count, word in zip(range(1, wanted + 1), words, strict=False):
                if len(word) > _LONGEST_WORD or not word.isdigit():
                    damage.found(True, f"{word[:9].decode('ascii', 'replace')!r} is no sample")
                    break
                values[count - 1] = min(int(word), limit)
            damage.found(count < wanted, "it ends too early")
            values = limit - values if kind == 1 else values
            yield _scaled(values.reshape(rows, header.width, header.channels), limit, header)


def _words(file: BinaryIO) -> Iterator[bytes]:
    """Give what white space parts, without comments; a long line comes in pieces, whose ends may part a word."""
    held, comment = b"", False
    for piece in iter(lambda: file.readline(_PIECE), b""):
        whole = piece.endswith(b"\n")
        text, mark, _ = (b"", b"", b"") if comment else (held + piece).partition(b"#")
        comment = (comment or bool(mark)) and not whole
        words = text.split()
        parted = bool(words) and not (whole or mark or text[-1:].isspace()) and len(words[-1]) <= _LONGEST_WORD
        held = words.pop() if parted else b""
        yield from words
    if held:
        yield held


def _digits(file: BinaryIO) -> Iterator[bytes]:
    for word in _words(file):
        yield from (word[i : i + 1] for i in range(len(word)))


def _scaled(values: Pixels, limit: int, header: Header) -> Pixels:
    """Return samples of the header's type, white being its peak."""
    if limit == header.peak:
        return values.astype(header.dtype)
    wide = np.minimum(values, limit).astype(np.uint64)
    return ((wide * header.peak + limit // 2) // limit).astype(header.dtype)
