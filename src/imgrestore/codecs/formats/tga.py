"""TGA, which has no mark at its beginning.

Truevision TGA File Format Specification, version 2.0.
"""

from __future__ import annotations

from imgrestore.codecs.formats.record import Format, by_pillow

_EXTENSIONS = (".tga", ".icb", ".vda", ".vst")


def _recognise(head: bytes, tail: bytes, extension: str) -> bool:
    """Go by the last bytes, or, for the first version, by the name and a possible header."""
    if len(head) < 18:
        return False
    palette, kind, bits, flags = head[1], head[2], head[16], head[17]
    sized = head[12] + head[13] > 0 and head[14] + head[15] > 0
    depths = {1: (8, 16), 2: (16, 24, 32), 3: (8, 16)}.get(kind & 7, ())
    possible = palette <= 1 and kind in (1, 2, 3, 9, 10, 11) and sized and bits in depths and flags & 0xC0 == 0
    marked = tail[-18:] == b"TRUEVISION-XFILE.\0"
    return possible and (marked or extension.lower() in _EXTENSIONS) and (kind & 7 != 1 or palette == 1)


FORMAT = Format("tga", _EXTENSIONS, by_pillow("Tga"), recognise=_recognise, whole=True)
