"""Colours that AVIF and HEIC files describe by numbers alone, without an ICC profile.

ITU-T H.273, Coding-independent code points: tables 2 (primaries) and 3 (transfer characteristics).
"""

from __future__ import annotations

from pathlib import Path

from imgrestore.codecs.metadata.png import png_chunk
from imgrestore.files import open_bytes

_BT709, _SRGB, _UNSPECIFIED = 1, 13, 2
_SRGB_CURVES = (1, 6, _SRGB, 14, 15)
"""That of sRGB, and those of video, which are shown by the same one."""
_HDR = {16: "PQ", 18: "HLG"}
_BEGINNING = 2**20


def of_avif(data: Path | bytes) -> tuple[int, int]:
    """Return primaries and transfer characteristics of an AVIF file, as its first box ``colr`` with numbers says."""
    with open_bytes(data) as file:
        _, found, content = file.read(_BEGINNING).partition(b"colrnclx")
    return (int.from_bytes(content[:2]), int.from_bytes(content[2:4])) if found else (_UNSPECIFIED, _UNSPECIFIED)


def as_chunk(primaries: int, transfer: int) -> bytes | None:
    """Return a chunk of PNG that says the same, or None if that is sRGB, or makes no sense."""
    primaries = _BT709 if primaries == _UNSPECIFIED else primaries
    transfer = _SRGB if transfer == _UNSPECIFIED else transfer
    usual = primaries == _BT709 and transfer in _SRGB_CURVES
    return None if usual or max(primaries, transfer) > 255 else png_chunk(b"cICP", bytes([primaries, transfer, 0, 1]))


def notices(transfer: int, name: str) -> tuple[str, ...]:
    """Say so where a photo is an HDR one: models take what it holds for the samples of an ordinary one."""
    if transfer not in _HDR:
        return ()
    return (f"{name}: is an HDR photo ({_HDR[transfer]}), which is restored as if it were an ordinary one",)
