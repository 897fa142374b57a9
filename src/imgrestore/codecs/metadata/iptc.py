"""IPTC blocks, which JPEG keeps inside a Photoshop wrapper and TIFF keeps bare.

IPTC-NAA Information Interchange Model 4.2; Adobe Photoshop File Formats Specification, "Image Resource Blocks".
"""

from __future__ import annotations

import struct

_WRAPPER = b"Photoshop 3.0\0"
_RESOURCE = 0x0404
TIFF_TAG = 0x83BB
"""Tag of the bare records in a TIFF file."""


def unwrapped(block: bytes) -> bytes | None:
    """Return the bare IPTC records of a block with or without its wrapper, or None if it holds none."""
    if not block.startswith(_WRAPPER):
        return block if block.startswith(b"\x1c") else None
    position = len(_WRAPPER)
    while block[position : position + 4] == b"8BIM" and position + 12 <= len(block):
        resource = struct.unpack_from(">H", block, position + 4)[0]
        name = 1 + block[position + 6]
        start = position + 6 + name + name % 2
        if start + 4 > len(block):
            return None
        length = struct.unpack_from(">I", block, start)[0]
        if resource == _RESOURCE:
            return block[start + 4 : start + 4 + length]
        position = start + 4 + length + length % 2
    return None


def wrapped(records: bytes) -> bytes:
    """Put bare IPTC records into the wrapper that JPEG wants."""
    padding = bytes(len(records) % 2)
    return _WRAPPER + b"8BIM" + struct.pack(">HHI", _RESOURCE, 0, len(records)) + records + padding
