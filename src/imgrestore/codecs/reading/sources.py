"""Files that libvips is shown otherwise than they are stored."""

from __future__ import annotations

import io
from mmap import mmap
from typing import Any

import pyvips

Change = tuple[int, bytes, bytes]
"""A position, the bytes that replace what is there, and the bytes to append."""


def virtual(data: bytes | mmap, change: Change) -> Any:
    """Return a file some of whose bytes are replaced, and others appended, for libvips to read.

    Args:
        data: The file.
        change: How it is shown.
    """
    start, replaced, appended = change
    end = len(data)
    position = 0

    def read(size: int) -> bytes:
        nonlocal position
        found = bytearray(data[position : position + size])
        first, last = max(start, position), min(start + len(replaced), position + len(found))
        if first < last:
            found[first - position : last - position] = replaced[first - start : last - start]
        behind = max(0, position - end)
        found += appended[behind : behind + size - len(found)]
        position += len(found)
        return bytes(found)

    def seek(offset: int, whence: int) -> int:
        nonlocal position
        position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: position}.get(whence, end + len(appended))
        return position

    source = pyvips.SourceCustom()
    source.on_read(read)
    source.on_seek(seek)
    return source
