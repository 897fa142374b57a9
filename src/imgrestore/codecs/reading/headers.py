"""What the beginnings of JPEG and AVIF files say that libvips passes over: further pictures, frames, lack of colour."""

from __future__ import annotations

import struct
from pathlib import Path

from imgrestore.files import open_bytes

_LONGEST_MOOV = 2**20


def sequence_frames(data: Path | bytes) -> int:
    """Return how many frames an AVIF or HEIC file says its first track has; 1 if it has none.

    ISO/IEC 14496-12: the box ``stsz`` inside ``moov`` counts the samples of a track.
    """
    with open_bytes(data) as file:
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            if kind == b"moov":
                _, _, samples = file.read(min(length, _LONGEST_MOOV)).partition(b"stsz")
                return max(1, int.from_bytes(samples[8:12]))
            if length < 8:
                break
            file.seek(length - 8, 1)
    return 1


def is_monochrome(data: Path | bytes) -> bool:
    """Return whether an AVIF file says that it has no colour, which decoders turn into RGB.

    AV1 Codec ISO Media File Format Binding 2.3.3: the box ``av1C``.
    """
    with open_bytes(data) as file:
        _, found, content = file.read(_LONGEST_MOOV).partition(b"av1C")
    return bool(found) and len(content) > 2 and bool(content[2] & 0x10)


def mpo_pictures(data: Path | bytes) -> int:
    """Return how many pictures a JPEG file says it holds.

    CIPA DC-007, Multi-Picture Format: a TIFF structure in an APP2 segment, whose tag 0xB001 is the number.
    """
    with open_bytes(data) as file:
        file.seek(2)
        while len(head := file.read(4)) == 4:
            marker, length = struct.unpack(">HH", head)
            if not 0xFFC0 <= marker <= 0xFFFE or marker == 0xFFDA or length < 2:
                break
            if marker != 0xFFE2:
                file.seek(length - 2, 1)
                continue
            content = file.read(length - 2)
            if content.startswith(b"MPF\0"):
                return _mpf_number(content[4:])
    return 1


def _mpf_number(block: bytes) -> int:
    order = "<" if block[:2] == b"II" else ">"
    try:
        start = struct.unpack_from(f"{order}I", block, 4)[0]
        for i in range(struct.unpack_from(f"{order}H", block, start)[0]):
            tag, _, _, value = struct.unpack_from(f"{order}HHII", block, start + 2 + 12 * i)
            if tag == 0xB001:
                return int(value)
    except struct.error:
        pass
    return 1
