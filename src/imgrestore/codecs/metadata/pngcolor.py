"""What becomes of a PNG file's colour chunks in files of other formats: a small ICC profile, or a notice.

W3C, Portable Network Graphics (Third Edition), 11.3.2: a cICP chunk comes before an ICC profile, that before sRGB, and
that before gAMA and cHRM.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from imgrestore.codecs.metadata.png import png_chunks

_SRGB_GAMMA = 0.45455
_SRGB_PLACES = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
"""White, red, green and blue of sRGB: x and y of each."""
_SRGB_CODES = (b"\x01\x0d\x00\x01",)
"""What cICP says for sRGB: primaries of BT.709, curve of sRGB, RGB, full range."""
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def profile_for(chunks: bytes, *, grey: bool, icc: bytes | None) -> tuple[bytes | None, list[str]]:
    """Return the ICC profile that stands for a PNG file's colour chunks, and a line for what it cannot say.

    Args:
        chunks: The chunks.
        grey: Whether the image has no colour.
        icc: The profile that the file has beside them.
    """
    said = png_chunks(chunks)
    code = said.get(b"cICP")
    if code is not None and code not in _SRGB_CODES:
        numbers = "-".join(str(number) for number in code)
        return icc, [f"its colour space (cICP {numbers}) can be kept in PNG only, and was left out"]
    if icc is not None or code is not None or b"sRGB" in said:
        return icc, []
    gamma = struct.unpack(">I", said[b"gAMA"])[0] / 100000 if len(said.get(b"gAMA", b"")) == 4 else _SRGB_GAMMA
    stated = said.get(b"cHRM", b"")
    places = tuple(v / 100000 for v in struct.unpack(">8I", stated)) if len(stated) == 32 else _SRGB_PLACES
    usual = grey or all(abs(a - b) < 0.002 for a, b in zip(places, _SRGB_PLACES, strict=True))
    if usual and abs(gamma - _SRGB_GAMMA) < 0.005:
        return None, []
    try:
        return _profile(1 / gamma, None if grey else places), []
    except (ZeroDivisionError, ValueError, np.linalg.LinAlgError, struct.error):
        return None, ["its gAMA and cHRM make no sense and were left out"]


def _profile(gamma: float, places: tuple[float, ...] | None) -> bytes:
    """Make an ICC 2.1 profile from a gamma and the places of white and the primaries; without them, a grey one."""
    curve = b"curv" + struct.pack(">IIH", 0, 1, round(gamma * 256)) + bytes(2)
    tags = {
        b"desc": b"desc" + struct.pack(">II", 0, 5) + b"gAMA\0" + bytes(8 + 70 + 1),
        b"cprt": b"text" + bytes(4) + b"none\0",
        b"wtpt": _xyz(_D50),
    }
    if places is None:
        tags[b"kTRC"] = curve
    else:
        columns = _adapted(places)
        tags |= {b"rXYZ": _xyz(columns[:, 0]), b"gXYZ": _xyz(columns[:, 1]), b"bXYZ": _xyz(columns[:, 2])}
        tags |= {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    space = b"GRAY" if places is None else b"RGB "
    head = struct.pack(">I4sI4s4s4s", start + len(body), bytes(4), 0x02100000, b"mntr", space, b"XYZ ")
    head += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _xyz(_D50)[8:]
    return head.ljust(128, b"\0") + table + body


def _adapted(places: tuple[float, ...]) -> NDArray[np.float64]:
    """Return XYZ of red, green and blue as columns, seen under D50.

    Raises:
        ValueError: They are no colours.
    """
    xy = np.array(places).reshape(4, 2)
    if (xy[:, 1] <= 0).any():
        raise ValueError("a colour without brightness")
    white, *primaries = np.stack([xy[:, 0] / xy[:, 1], np.ones(4), (1 - xy.sum(1)) / xy[:, 1]], axis=1)
    columns = np.stack(primaries, axis=1)
    columns = columns * np.linalg.solve(columns, white)
    cones = np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white))
    adapted: NDArray[np.float64] = np.linalg.solve(_BRADFORD, cones @ _BRADFORD) @ columns
    if not np.isfinite(adapted).all() or abs(adapted).max() > 100:
        raise ValueError("colours out of reach")
    return adapted


def _xyz(values: NDArray[np.float64]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(float(value) * 65536) for value in values))
