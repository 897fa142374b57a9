"""Images from pipes, which can be read only once and so are read whole before they are looked at."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import BinaryIO

from imgrestore.errors import InputError

_LARGEST = 4 * 2**30
_PIECE = 2**20


def read_pipe(pipe: BinaryIO, name: str) -> bytes:
    """Read a pipe to its end.

    Args:
        pipe: Where to read from.
        name: What messages call it.

    Raises:
        InputError: More comes than an image file is ever large.
    """
    content = bytearray()
    while piece := pipe.read(_PIECE):
        content += piece
        if len(content) > _LARGEST:
            raise InputError(f"{name}: more than {_LARGEST} bytes came", hint="save it to a file, and give that")
    return bytes(content)


def settled(path: Path, name: str) -> Path | bytes:
    """Return a file as it is, or the content of a pipe with a name, as ``<(command)`` makes one.

    Raises:
        InputError: The pipe cannot be read.
    """
    try:
        if not stat.S_ISFIFO(path.stat().st_mode):
            return path
        with path.open("rb") as pipe:
            return read_pipe(pipe, name)
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror})") from None
