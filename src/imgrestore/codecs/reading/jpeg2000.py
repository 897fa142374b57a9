"""What a JPEG 2000 code stream says of itself before it is decoded.

ITU-T T.800, annex A: SIZ has the sizes and depths, every part of a tile begins with SOT.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

_SIZ = b"\xff\x4f\xff\x51"
_SOT = 0xFF90


def outline(data: Path | bytes) -> tuple[int, int, int, int]:
    """Return the most bits a sample, the number of channels, of tiles, and of tiles that are in the file.

    Raises:
        ValueError: It makes no sense.
    """
    if isinstance(data, bytes):
        return _outline(data)
    with data.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return _outline(content)


def _outline(data: bytes | mmap.mmap) -> tuple[int, int, int, int]:
    start = data.find(_SIZ)
    try:
        right, bottom, left, top, wide, high, tile_left, tile_top, channels = struct.unpack_from(
            ">8IH", data, start + 8
        )
        depths = [(data[start + 42 + 3 * i] & 0x7F) + 1 for i in range(channels)]
    except (struct.error, IndexError):
        raise ValueError("its header ends too early") from None
    if start < 0 or not depths or wide == 0 or high == 0 or right <= left or bottom <= top:
        raise ValueError("its header cannot be true")
    tiles = -((tile_left - right) // wide) * -((tile_top - bottom) // high)
    return max(depths), channels, tiles, len(_tiles(data, start + 2))


def _tiles(data: bytes | mmap.mmap, position: int) -> set[int]:
    """Return the numbers of the tiles of which there are parts."""
    found: set[int] = set()
    while position + 4 <= len(data):
        marker, length = struct.unpack_from(">HH", data, position)
        if marker != _SOT:
            if not 0xFF4F <= marker <= 0xFF92 or length < 2 or found:
                break
            position += 2 + length
            continue
        if position + 12 > len(data):
            break
        number, part = struct.unpack_from(">HI", data, position + 4)
        found.add(number)
        if part < 14:
            break
        position += part
    return found
