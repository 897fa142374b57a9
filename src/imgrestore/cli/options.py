"""Options that several commands share."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from imgrestore.cli.guidance import parse_scale
from imgrestore.errors import UsageError

Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")]
PrecisionOption = Annotated[
    str, typer.Option("--precision", help="auto, fp32, bf16 or fp16; auto is fast only where it costs no quality.")
]
Tile = Annotated[
    int | None, typer.Option("--tile", help="Side of a tile in input pixels; chosen from --memory.", min=1)
]
Memory = Annotated[
    str | None, typer.Option("--memory", help="Budget for image data, such as 800M or 2G; 1G by default.")
]
MaxPixels = Annotated[
    str, typer.Option("--max-pixels", help="Refuse photos of more pixels than this, such as 500M; none for no limit.")
]
Scale = Annotated[
    float | None,
    typer.Option("--scale", "-s", help="Enlargement, 4 or 4x; the model's own by default.", parser=parse_scale),
]
Json = Annotated[bool, typer.Option("--json", help="Write JSON lines to standard output.")]

_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


def parse_bytes(text: str, option: str = "--memory") -> int:
    """Read a size such as ``800M``, ``2G`` or ``2GiB``.

    Args:
        text: As the user wrote it.
        option: Where, for the message.

    Raises:
        UsageError: It is not a size.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?\s*", text.lower())
    if match is None or float(match[1]) == 0:
        raise UsageError(f"{option} {text}: not a size", hint="write for example 800M or 2G")
    return int(float(match[1]) * _UNITS[match[2]])


def computing(precision: str | None, tile: int | None, memory: str | None) -> dict[str, Any]:
    """Return what these options say as arguments of :func:`imgrestore.api.prepare`; those not given are left out."""
    options = {"precision": precision, "tile": tile, "memory": parse_bytes(memory) if memory else None}
    return {name: value for name, value in options.items() if value is not None}


def parse_pixels(text: str) -> int | None:
    """Read a number of pixels such as ``500M``; None for ``none``.

    Raises:
        UsageError: It is not a number of pixels.
    """
    wanted = text.strip().lower()
    if wanted == "none":
        return None
    match = re.fullmatch(r"(\d+)([kmg]?)", wanted)
    if match is None:
        raise UsageError(f"--max-pixels {text}: not a number of pixels", hint="write for example 500M, or none")
    return int(match[1]) * {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}[match[2]]
