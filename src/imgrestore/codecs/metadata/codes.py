"""Colours that AVIF and HEIC files describe by numbers alone, without an ICC profile.

ITU-T H.273, Coding-independent code points: tables 2 (primaries) and 3 (transfer characteristics).
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from imgrestore.codecs.metadata.png import png_chunk
from imgrestore.files import open_bytes

_BT709, _SRGB, _UNSPECIFIED = 1, 13, 2
_SRGB_CURVES = (1, 6, _SRGB, 14, 15)
"""That of sRGB, and those of video, which are shown by the same one."""
_HDR = {16: "PQ", 18: "HLG"}
_BEGINNING = 2**20
_BLACK, _WHITE = 16, 235
"""Of 8 bits, in limited range."""


class Codes(NamedTuple):
    """What numbers say of the colours of a file.

    Attributes:
        primaries: Number of the primaries.
        transfer: Number of the transfer characteristics.
        limited: Whether samples have the limited range of video. Decoders expand it where they turn colour into RGB,
            and leave grey as it is.
    """

    primaries: int = _UNSPECIFIED
    transfer: int = _UNSPECIFIED
    limited: bool = False


def of_avif(data: Path | bytes) -> Codes:
    """Return what the first box ``colr`` with numbers of an AVIF file says."""
    with open_bytes(data) as file:
        _, found, content = file.read(_BEGINNING).partition(b"colrnclx")
    if not found or len(content) < 7:
        return Codes()
    return Codes(int.from_bytes(content[:2]), int.from_bytes(content[2:4]), content[6] & 0x80 == 0)


def limits(bits: int) -> tuple[float, float]:
    """Return black and white of the limited range, as shares of the largest number of so many bits."""
    largest = 2**bits - 1
    return _BLACK * 2 ** (bits - 8) / largest, _WHITE * 2 ** (bits - 8) / largest


def as_chunk(codes: Codes) -> bytes | None:
    """Return a chunk of PNG that says the same, or None if that is sRGB, or makes no sense."""
    primaries = _BT709 if codes.primaries == _UNSPECIFIED else codes.primaries
    transfer = _SRGB if codes.transfer == _UNSPECIFIED else codes.transfer
    usual = primaries == _BT709 and transfer in _SRGB_CURVES
    return None if usual or max(primaries, transfer) > 255 else png_chunk(b"cICP", bytes([primaries, transfer, 0, 1]))


def notices(codes: Codes, name: str) -> tuple[str, ...]:
    """Say so where a photo is an HDR one: models take what it holds for the samples of an ordinary one."""
    if codes.transfer not in _HDR:
        return ()
    return (f"{name}: is an HDR photo ({_HDR[codes.transfer]}), which is restored as if it were an ordinary one",)
