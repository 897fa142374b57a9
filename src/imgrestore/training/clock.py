"""The clock of a run: how long it has taken, how far that is, and what its end needs.

Time counts from the start of the process, so that a run of three minutes ends three minutes after its command was
given, whatever had to be read first. What follows the last step (measuring, writing) is held back: how long that takes
is learned from when it was done before. Time spent on such things does not let the schedule go on.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

FINAL = ("final", "checkpoint", "weights", "page")
"""What a run in minutes does after its last step."""

PAUSE = ("checkpoint", "page")
"""What a run does that stops on its way."""

_PRUDENCE = 1.15
"""How much more time than the last time is held back."""


def process_began() -> float:
    """Return when this process was made, by ``time.monotonic``; where the system does not say, now."""
    with suppress(OSError, ValueError, IndexError, AttributeError):
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
        return time.monotonic() - age
    return time.monotonic()


class Clock:
    """The time of a run.

    Attributes:
        costs: Seconds that things took the last time, or are expected to take.
    """

    def __init__(
        self,
        minutes: float | None,
        limit: float = math.inf,
        began: float | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin a run, or a piece of one.

        Args:
            minutes: Length of the whole run, or None if steps end it.
            limit: Minutes after which this piece stops.
            began: When this piece began, by ``now``.
            now: Tells the time in seconds.
        """
        self._now = now
        self._began = now() if began is None else began
        self._minutes, self._limit = minutes, limit
        self._earlier, self._share, self._since = 0.0, 0.0, math.inf
        self._last: dict[str, float] = {}
        self._stepped = self._began
        self._aside = 0.0
        self.costs: dict[str, float] = {}

    def start(self, earlier: float = 0.0, share: float = 0.0) -> None:
        """Let the schedule go on from here: all is ready for the first step.

        Args:
            earlier: Seconds that earlier pieces of the run took.
            share: Share of the run that they did.
        """
        self._earlier, self._share, self._since = earlier, share, self._now()
        self._stepped = self._since
        self._last = dict.fromkeys(self._last, self._since)

    @property
    def seconds(self) -> float:
        """Wall-clock time of the run, all of its pieces together."""
        return self._earlier + self._now() - self._began

    @property
    def working(self) -> float:
        """The same without what was done aside."""
        return self.seconds - self._aside

    @property
    def share(self) -> float:
        """Share of a run in minutes that is done, which rises evenly to 1 where its end begins; 0 if steps end it."""
        now, end = self._now(), self._end
        if end == math.inf:
            return 0.0
        if now >= end:
            return 1.0
        return self._share + (1 - self._share) * max(0.0, now - self._since) / (end - self._since)

    @property
    def _end(self) -> float:
        if self._minutes is None:
            return math.inf
        return self._began + 60 * self._minutes - self._earlier - self._held_back(FINAL)

    def late(self, *more: str) -> bool:
        """Return whether this piece has to stop, so that what it does then, and some ``more`` things, stay in time."""
        return self._now() + self._held_back((*PAUSE, *more)) >= self._began + 60 * self._limit

    def _held_back(self, things: tuple[str, ...]) -> float:
        """Return the time that some things need, after the step that is under way."""
        return self.costs.get("step", 0.0) + _PRUDENCE * sum(self.costs.get(thing, 0.0) for thing in things)

    def stepped(self) -> None:
        """Note that a step has been taken."""
        now = self._now()
        lasted, self._stepped = now - self._stepped, now
        self.costs["step"] = lasted + 0.8 * (self.costs.get("step", lasted) - lasted)

    @contextmanager
    def aside(self, thing: str) -> Iterator[None]:
        """Do something besides training: its time is learned, and not the schedule's."""
        began, share = self._now(), self.share
        yield
        now = self._now()
        self.costs[thing] = now - began
        self._aside += now - began
        self._last[thing] = self._stepped = now
        if self._since < math.inf:
            self._share, self._since = share, now

    def due(self, thing: str, share: float, pause: float) -> bool:
        """Return whether to do something again that is to take a share of the time at most.

        Args:
            thing: Its name in ``costs``.
            share: Of the time.
            pause: Seconds between two times at least.
        """
        since = self._now() - self._last.get(thing, self._since)
        return since >= max(pause, self.costs.get(thing, 0.0) / share)
