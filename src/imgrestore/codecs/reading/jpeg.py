"""JPEG files whose marks are out of order but whose pixels are all there, as some cameras and sites write them.

Every viewer shows them without a word; libvips, asked to be strict, refuses them. It is shown the file with the marks
put right, so that it stays strict about the pixels.

Specification: ITU-T T.81, Annex B.
"""

from __future__ import annotations

from mmap import mmap

from imgrestore.codecs.reading.sources import Change

_SEQUENTIAL = (0xC0, 0xC1, 0xC9)
_FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))
_APP0, _SCAN = 0xE0, 0xDA
_END = b"\xff\xd9"
_WHOLE_SPECTRUM = b"\0\x3f\0"
_MOST_STRAY = 1024
"""Stray bytes that may stand between segments; more of them are likely to be the rest of something that is lost."""


def mended(data: bytes | mmap) -> tuple[Change, str] | None:
    """Plan how the marks of a file are put right, the bytes of its pixels left as they are.

    Args:
        data: The file.

    Returns:
        How it is shown (:func:`imgrestore.codecs.reading.sources.virtual`), and what was wrong in a few words; None if
        there is nothing to do, or if it cannot be done without guessing.
    """
    changes: dict[int, bytes] = {}
    wrong: list[str] = []
    position, frame, components, stray = 2, 0, 0, 0
    while True:
        start = _next_marker(data, position)
        if start is None or (stray := stray + start - position) > _MOST_STRAY:
            return None
        if (between := bytes(data[position:start])).strip(b"\xff"):
            changes[position] = b"\xff" * len(between)  # fill, which may stand before any marker (B.1.1.2)
            wrong += [] if "stray bytes" in wrong else ["stray bytes"]
        marker, length = data[start + 1], int.from_bytes(data[start + 2 : start + 4])
        position = start + 2 + length
        if length < 2 or position > len(data) or 0xD0 <= marker <= 0xD9:
            return None
        if marker in _FRAMES and length >= 8:
            frame, components = marker, data[start + 9]
        if marker == _APP0 and data[start + 4 : start + 9] == b"JFIF\0" and length >= 16 and data[start + 9] != 1:
            changes[start + 9] = b"\1"
            wrong.append("an unknown version of JFIF")
        if marker == _SCAN:
            break
    if frame in _SEQUENTIAL and length >= 6 and data[position - 3 : position] != _WHOLE_SPECTRUM:
        changes[position - 3] = _WHOLE_SPECTRUM
        wrong.append("wrong parameters of the scan")
    appended = b""
    if frame in _SEQUENTIAL and data[start + 4] == components and _only_lacks_its_end(data, position):
        appended = _END
        wrong.append("no mark of its end")
    return (_patch(data, changes, appended), ", ".join(wrong)) if wrong else None


def _next_marker(data: bytes | mmap, position: int) -> int | None:
    """Return where the next marker begins, or None; fill before it and stray bytes are passed over."""
    limit = position + _MOST_STRAY
    while 0 <= (position := data.find(b"\xff", position, limit + 2)) < len(data) - 4:
        if data[position + 1] not in (0x00, 0xFF):
            return position
        position += 1
    return None


def _only_lacks_its_end(data: bytes | mmap, position: int) -> bool:
    """Return whether pixels reach from here to the end of the file, where no marker ends them.

    The decoder notices missing pixels by the end that is put there. It would not notice a rest that is filled with one
    byte, as programs for recovery write, for that may decode; the codes end in set bits (F.1.2.3).
    """
    tail = bytes(data[-8:])
    zero = tail.endswith(b"\0") and not tail.endswith(b"\xff\0")
    return data.find(_END, position) < 0 and len(set(tail)) > 1 and not zero


def _patch(data: bytes | mmap, changes: dict[int, bytes], appended: bytes) -> Change:
    if not changes:
        return 0, b"", appended
    first, last = min(changes), max(place + len(content) for place, content in changes.items())
    patched = bytearray(data[first:last])
    for place, content in changes.items():
        patched[place - first : place - first + len(content)] = content
    return first, bytes(patched), appended
