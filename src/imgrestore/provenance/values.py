"""Values of settings as people, programs and stamps write them. No numpy, no torch."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imgrestore.errors import UsageError

if TYPE_CHECKING:
    from imgrestore.image.conversion import Colour
    from imgrestore.image.regions import Region

_BYTES = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_COUNTS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}

_NUMBER = r"(\d+(?:\.\d*)?|\.\d+)"
_SIZE = re.compile(r"(\d+)[x×](\d+)")
_TIMES = re.compile(rf"{_NUMBER} ?[x×]?|[x×] ?{_NUMBER}")
_PERCENT = re.compile(rf"{_NUMBER} ?%")


@dataclass(frozen=True)
class Kind:
    """A kind of values.

    Attributes:
        read: Turns what was written for the setting of some name into a value; raises ``UsageError`` if it is none.
        stated: How a command line states it: as ``bool``, ``int``, ``float`` or ``str``.
    """

    read: Callable[[str, Any], Any]
    stated: type


def plain(value: Any) -> Any:
    """Return a value as JSON holds it, so that the readers above give it back."""
    if isinstance(value, tuple):
        return list(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _scale(name: str, value: Any) -> float:
    """Read an enlargement: ``4``, ``4x``, ``x4`` or ``400%``."""
    if not isinstance(value, str):
        return _number(name, value)
    wanted = value.strip().lower()
    if match := _TIMES.fullmatch(wanted):
        return float(match[1] or match[2])
    if match := _PERCENT.fullmatch(wanted):
        return float(match[1]) / 100
    size = _SIZE.fullmatch(wanted)
    hint = f"--width {size[1]} --height {size[2]} fixes a size" if size else "write for example --scale 4"
    raise UsageError(f"--{name} {value}: not an enlargement", hint=hint)


def _flag(name: str, value: Any) -> bool:
    """Read what is either so or not."""
    if not isinstance(value, bool | int) or value not in (0, 1):
        raise UsageError(f"{name} must be true or false, got {value!r}")
    return bool(value)


def _text(name: str, value: Any) -> str:
    """Read a name."""
    if not isinstance(value, str):
        raise UsageError(f"{name} must be text, got {value!r}")
    return value


def _number(name: str, value: Any) -> float:
    """Read a number."""
    try:
        return float(_numeric(value))
    except (TypeError, ValueError, OverflowError):
        raise UsageError(f"{name} must be a number, got {value!r}") from None


def _whole(name: str, value: Any) -> int:
    """Read a whole number."""
    try:
        return operator.index(_numeric(value))
    except TypeError:
        raise UsageError(f"{name} must be a whole number, got {value!r}") from None


def _tile(name: str, value: Any) -> tuple[int, int]:
    """Read the side of a tile, or its height and width."""
    sides = value if isinstance(value, tuple | list) else (value, value)
    if len(sides) != 2:
        raise UsageError(f"{name} must be a number of pixels, or a height and a width, got {value!r}")
    high, wide = (_whole(name, side) for side in sides)
    if min(high, wide) < 1:
        raise UsageError(f"{name} must be at least 1 pixel, got {min(high, wide)}")
    return high, wide


def _region(name: str, value: Any) -> Region:
    """Read ``X,Y,WIDTH,HEIGHT``, or four such numbers."""
    from imgrestore.image.regions import Region

    if isinstance(value, Region):
        return value
    if isinstance(value, tuple | list) and len(value) == 4:
        return Region(*(_whole(name, side) for side in value))
    return Region.parse(_text(name, value))


def _colour(name: str, value: Any) -> Colour:
    """Read the name of a colour, ``#rgb`` or ``#rrggbb``."""
    from imgrestore.image.conversion import Colour

    return value if isinstance(value, Colour) else Colour.parse(_text(name, value))


def _device(name: str, value: Any) -> str:
    """Read the name of a device; whether it is there, torch knows."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", _text(name, value)):
        raise UsageError(f"no {name} is called {value!r}", hint="use auto, cpu, cuda or cuda:N")
    return str(value)


def _memory(name: str, value: Any) -> int:
    """Read a size such as ``800M``, ``2G`` or ``2GiB``, or a number of bytes."""
    if not isinstance(value, str):
        return _whole(name, value)
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?\s*", value.lower())
    if match is None or float(match[1]) == 0:
        raise UsageError(f"--{name} {value}: not a size", hint="write for example 800M or 2G")
    return int(float(match[1]) * _BYTES[match[2]])


def _pixels(name: str, value: Any) -> int | None:
    """Read a number of pixels such as ``500M``; None for ``none``."""
    if not isinstance(value, str):
        return _whole(name, value)
    wanted = value.strip().lower()
    if wanted == "none":
        return None
    match = re.fullmatch(r"(\d+)([kmg]?)", wanted)
    if match is None:
        option = name.replace("_", "-")
        raise UsageError(f"--{option} {value}: not a number of pixels", hint="write for example 500M, or none")
    return int(match[1]) * _COUNTS[match[2]]


def _numeric(value: Any) -> Any:
    """Return the value, unless it is a flag, which Python counts as a number, or text, which it reads as one."""
    if isinstance(value, bool | str | bytes):
        raise TypeError
    return value


FLAG = Kind(_flag, bool)
TEXT = Kind(_text, str)
NUMBER = Kind(_number, float)
SCALE = Kind(_scale, str)
WHOLE = Kind(_whole, int)
TILE = Kind(_tile, int)
REGION = Kind(_region, str)
COLOUR = Kind(_colour, str)
DEVICE = Kind(_device, str)
MEMORY = Kind(_memory, str)
PIXEL_COUNT = Kind(_pixels, str)
