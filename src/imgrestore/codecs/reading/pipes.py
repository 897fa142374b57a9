"""Images from pipes, which can be read only once and so are read whole before they are looked at."""

from __future__ import annotations

import os
import select
import stat
import time
from pathlib import Path
from typing import BinaryIO

from imgrestore.errors import InputError

_LARGEST = 4 * 2**30
_PIECE = 2**20
_PATIENCE, _PAUSE = 5.0, 0.05
"""Seconds for which a writer is waited for, and between two looks."""


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
        InputError: The pipe cannot be read, or nobody writes to it.
    """
    try:
        if not stat.S_ISFIFO(path.stat().st_mode):
            return path
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(handle, "rb", buffering=0) as pipe:
            first = _first_byte(handle, name)
            os.set_blocking(handle, True)
            return first + read_pipe(pipe, name)
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror})") from None


def _first_byte(handle: int, name: str) -> bytes:
    """Wait until somebody has opened a pipe for writing: without a writer it would be waited for without end."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        written = bool(select.select([handle], [], [], _PAUSE)[0])
        try:
            byte = os.read(handle, 1)
        except BlockingIOError:  # there is a writer, who takes time
            return b""
        if byte or written:
            return byte
    raise InputError(f"{name}: is a pipe that nobody writes to", hint="start what writes to it first")
