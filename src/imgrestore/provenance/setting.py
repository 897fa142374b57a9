"""What is known of a setting: what it does and decides, and which values it can have. No numpy, no torch."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from imgrestore.errors import UsageError

if TYPE_CHECKING:
    from imgrestore.provenance.values import Kind


_KEY = "setting"


class Decides(enum.Enum):
    """What of a result a setting decides."""

    PIXELS = "its pixels"
    ROUNDING = "its pixels, but by no more than arithmetic rounds: another value gives as good a result"
    FILE = "what its file holds or says besides pixels"
    NOTHING = "nothing: only whether there is one, or how fast"


def everywhere(settings: object) -> bool:
    """Every result."""
    return True


@dataclass(frozen=True)
class Setting:
    """What is known of one setting, besides its name, type and default.

    Attributes:
        help: What its option does, for people.
        decides: What of a result it decides.
        kind: How its values are written.
        where: In which results it does so, told by their settings: by the format, say.
        least: Smallest value, or None.
        most: Largest value, or None.
        among: All values, or none if there are others.
        settled: Whether it is definite for each result, although it may be left open when it is asked for.
        engine: Whether :class:`imgrestore.engine.restorer.Restorer` takes it, by its name.
        short: Short option of the command line, or empty.
    """

    help: str
    decides: Decides
    kind: Kind
    where: Callable[[Any], bool] = everywhere
    least: float | None = None
    most: float | None = None
    among: tuple[Any, ...] = ()
    settled: bool = False
    engine: bool = False
    short: str = ""

    def read(self, name: str, written: Any) -> Any:
        """Return the value of what was written for the setting of this name.

        Raises:
            UsageError: It is none that the setting can have.
        """
        value = self.kind.read(name, written)
        if value is None:
            return None
        if self.among and value not in self.among:
            known = f"{', '.join(map(str, self.among[:-1]))} or {self.among[-1]}"
            if isinstance(value, str):
                raise UsageError(f"no {name} is called {value!r}", hint=f"use {known}")
            raise UsageError(f"{name} must be {known}, got {value}")
        if self.most is not None and not (self.least or 0) <= value <= self.most:
            raise UsageError(f"{name} must be between {self.least or 0:g} and {self.most:g}, got {value:g}")
        if self.least is not None and value < self.least:
            raise UsageError(f"{name} must be at least {self.least:g}, got {value:g}")
        return value


def about(help: str, decides: Decides, kind: Kind, **more: Any) -> dict[str, Setting]:
    """Return the metadata of a field of :class:`Settings`: a :class:`Setting` of these attributes."""
    return {_KEY: Setting(help, decides, kind, **more)}


def known(settings: Any) -> dict[str, Setting]:
    """Return what is known of each setting, by its name."""
    return {field.name: field.metadata[_KEY] for field in fields(settings)}
