"""Telling formats apart, by the content of files."""

from __future__ import annotations

from pathlib import Path

from imgrestore.codecs.formats import Format, known, recognise
from imgrestore.errors import InputError, NotAnImageError

_HEAD, _TAIL = 512, 26
"""Bytes at the beginning and at the end of a file by which formats are recognised."""

_DOCUMENTS = (
    (b"%PDF-", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript document"),
    (b"\x1f\x8b", "a compressed file"),
    (b"PK\3\4", "an archive or office document"),
)


def detect(data: Path | bytes, name: str) -> Format:
    """Return the format of a file or of its content.

    Args:
        data: The file, or its content.
        name: What messages call it.

    Raises:
        InputError: It cannot be opened.
        NotAnImageError: It is not an image of a known format.
    """
    head, tail = (data[:_HEAD], data[-_TAIL:]) if isinstance(data, bytes) else _ends(data, name)
    found = recognise(head, tail, Path(name).suffix)
    if found is None:
        kind = _document(head)
        empty = "an empty file" if not head else f"{kind}, not an image" if kind else "not an image"
        names = ", ".join(form.name for form in known())
        raise NotAnImageError(f"{name}: {empty}", hint=f"formats that can be read: {names}")
    return found


def looks_like_image(path: Path) -> bool:
    """Return whether a file begins like an image of a known format; unreadable files do not."""
    try:
        detect(path, str(path))
    except InputError:
        return False
    return True


def _document(head: bytes) -> str | None:
    """Return what kind of document a file is whose beginning is known, or None."""
    if b"<svg" in head:
        return "an SVG drawing"
    return next((kind for mark, kind in _DOCUMENTS if head.startswith(mark)), None)


def _ends(path: Path, name: str) -> tuple[bytes, bytes]:
    """Return the first and the last bytes of a file; of one that cannot be searched, such as a pipe, only the first."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
            if not file.seekable():
                return head, b""
            file.seek(max(0, file.seek(0, 2) - _TAIL))
            return head, file.read(_TAIL)
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror})") from None
