"""How long restorations have taken on this machine, kept in the user's cache folder, to forecast how long they will.

The file holds, for each kind of computation, the megapixels and seconds of the last batches: no names, no images. That
it cannot be read or written ends nothing; what another version has measured is forgotten. No torch.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imgrestore import __version__
from imgrestore.batch.inputs import STREAM
from imgrestore.batch.job import Job
from imgrestore.batch.space import largest_size
from imgrestore.errors import OutputError
from imgrestore.files import write_atomically

if TYPE_CHECKING:
    from imgrestore.batch.methods import Method
    from imgrestore.batch.records import Record

_KEPT = 32
"""Batches of each kind that are remembered; the machine and what else it does may change."""

_LEAST = 0.1
"""Megapixels of the smallest batch that says something about larger ones."""


@dataclass(frozen=True)
class Forecast:
    """What restoring one image will take.

    Attributes:
        seconds: Of computing, or None if nothing of the kind was measured here.
        error: How far such forecasts were off here on average, as a share of what it took, or None if not known.
        memory: Bytes that the engine's own buffers will take, or None if the file is taken as it is.
        disk: Bytes that the result takes at most, without compression; 0 on standard output.
    """

    seconds: float | None
    error: float | None
    memory: int | None
    disk: int


class Calibration:
    """What was measured on this machine."""

    def __init__(self, path: Path | None = None) -> None:
        """Read what earlier runs have measured; the file is :func:`calibration_file` by default."""
        self._path = path or calibration_file()
        self._batches = _read(self._path)

    def add(self, kind: str, megapixels: float, seconds: float) -> None:
        """Remember a batch, unless it is so small that its start takes longest.

        Args:
            kind: Model, precision and machine, in words.
            megapixels: Pixels of its inputs that were restored, in millions.
            seconds: How long that took.
        """
        if megapixels >= _LEAST and seconds > 0:
            batches = [*self._batches.get(kind, []), (megapixels, seconds)]
            self._batches[kind] = batches[-_KEPT:]

    def save(self) -> None:
        """Write everything down, if the cache folder lets us."""
        table = {"version": __version__, "measured": self._batches}
        with contextlib.suppress(OSError, OutputError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._path, json.dumps(table).encode())

    def seconds(self, kind: str, megapixels: float) -> float | None:
        """Return how long so many megapixels will take, or None if nothing of the kind was measured."""
        batches = self._batches.get(kind)
        return megapixels * _pace(batches) if batches else None

    def error(self, kind: str) -> float | None:
        """Return how far batches were, on average, from what those before them foretold; None for fewer than 2."""
        batches = self._batches.get(kind, [])
        errors = [
            abs(megapixels * _pace(batches[:i]) - seconds) / seconds
            for i, (megapixels, seconds) in enumerate(batches)
            if i > 0
        ]
        return sum(errors) / len(errors) if errors else None

    def forecast(self, job: Job, kind: str | None, memory: int | None) -> Forecast:
        """Return what restoring an image will take.

        Args:
            job: What is to be done.
            kind: As for :meth:`add`; None if the file is taken as it is.
            memory: Bytes of the engine's own buffers.
        """
        disk = 0 if job.destination == STREAM else largest_size(job)
        if kind is None:
            return Forecast(0.0, None, memory, disk)
        return Forecast(self.seconds(kind, megapixels_of(job)), self.error(kind), memory, disk)


class Measured:
    """Tells how each image of a batch is restored, and remembers how long that took."""

    def __init__(self, method_of: Callable[[Job], Method]) -> None:
        """Ask ``method_of`` how an image is restored."""
        self._method_of = method_of
        self._kind: str | None = None
        self._sums: dict[str, tuple[float, float]] = {}

    def __call__(self, job: Job) -> Method:
        """Return how an image is restored."""
        self._kind = None
        method = self._method_of(job)
        self._kind = method.kind
        return method

    def note(self, job: Job, record: Record) -> None:
        """Take down how long the image took that was asked about last."""
        if record.status == "done" and self._kind is not None:
            megapixels, seconds = self._sums.get(self._kind, (0.0, 0.0))
            self._sums[self._kind] = megapixels + megapixels_of(job), seconds + record.seconds

    def save(self) -> None:
        """Add the batch to what was measured before."""
        if self._sums:
            calibration = Calibration()
            for kind, (megapixels, seconds) in self._sums.items():
                calibration.add(kind, megapixels, seconds)
            calibration.save()


def megapixels_of(job: Job) -> float:
    """Return how many millions of an input's pixels are restored: those under the crop, if there is one."""
    width, height = job.settings.size
    return job.header.width * job.header.height * job.pixels / (width * height) / 1e6


def calibration_file() -> Path:
    """Return where the measurements of this machine are: in the folder for what programs can make again."""
    if folder := os.environ.get("XDG_CACHE_HOME"):
        cache = Path(folder)
    elif sys.platform == "win32":
        cache = Path(os.environ.get("LOCALAPPDATA", "~")).expanduser()
    else:
        cache = Path(os.path.expanduser("~")) / ("Library/Caches" if sys.platform == "darwin" else ".cache")  # noqa: PTH111  never raises
    return cache / "imgrestore" / "calibration.json"


def _pace(batches: list[tuple[float, float]]) -> float:
    """Return the seconds that a megapixel took."""
    return sum(seconds for _, seconds in batches) / sum(megapixels for megapixels, _ in batches)


def _read(path: Path) -> dict[str, list[tuple[float, float]]]:
    try:
        table = json.loads(path.read_bytes())
        if table["version"] != __version__:
            return {}
        measured = {
            str(kind): [(float(megapixels), float(seconds)) for megapixels, seconds in batches]
            for kind, batches in table["measured"].items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}
    return {
        kind: batches
        for kind, batches in measured.items()
        if all(0 < min(each) <= max(each) < math.inf for each in batches)
    }
