"""The only place that prints. Results go to standard output, everything else to standard error."""

from __future__ import annotations

import json
import os
import select
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from imgrestore.errors import ImgrestoreError
from imgrestore.files import writing_to_stdout

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

_WIDTH_OF_A_FILE = 160
"""Columns for tables that do not go to a terminal."""

_PLAIN_INTERVAL = 15.0
"""Seconds between lines of progress where nothing can be redrawn."""


@dataclass
class Verbosity:
    """How much is said on standard error."""

    quiet: bool = False
    verbose: bool = False
    debug: bool = False


VERBOSITY = Verbosity()


@cache
def stderr() -> Console:
    """Return the one console for everything that is not a result: lines must not run into a bar being drawn."""
    from rich.console import Console

    class Lasting(Console):
        """A console whose end is not that of the work: rich ends the process when nobody reads."""

        def on_broken_pipe(self) -> None:
            _lose_stderr()

    return Lasting(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def _whoever_reads() -> Iterator[None]:
    """Go on when standard error cannot be written to: what is said is lost from then on, and no work is."""
    try:
        yield
    except OSError:
        _lose_stderr()


def _lose_stderr() -> None:
    """Write nothing more to standard error; Python would flush what is left once more at its end, and fail."""
    stderr().quiet = True
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def result(text: str) -> None:
    """Print a result; what standard output cannot encode becomes escapes."""
    encoding = sys.stdout.encoding or "utf-8"
    text = text.encode(encoding, "backslashreplace").decode(encoding)
    with writing_to_stdout():
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        sys.stdout.flush()


def record(table: dict[str, Any]) -> None:
    """Print one line of JSON as a result, in ASCII: names of files may be no text at all."""
    result(json.dumps(table))


def table(rows: list[list[str]], *, to_stderr: bool = False) -> None:
    """Print a table whose first row holds the headings; as a result unless ``to_stderr``."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if to_stderr and VERBOSITY.quiet:
        return
    console = stderr() if to_stderr else Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH_OF_A_FILE
    drawn = Table(header_style="bold")
    for i, heading in enumerate(rows[0]):
        numeric = i > 0 and all(_is_number(row[i]) for row in rows[1:])
        drawn.add_column(heading, justify="right" if numeric else "left", overflow="fold", no_wrap=i == 0)
    for row in rows[1:]:
        drawn.add_row(*(Text(cell) for cell in row))
    if to_stderr:
        with _whoever_reads():
            console.print(drawn, soft_wrap=False)
        return
    with console.capture() as text:
        console.print(drawn, soft_wrap=False)
    result(text.get())


def say(text: str) -> None:
    """Say something in passing, unless quiet."""
    if not VERBOSITY.quiet:
        line(text)


def detail(text: str) -> None:
    """Say something that only matters with ``--verbose``."""
    if VERBOSITY.verbose and not VERBOSITY.quiet:
        line(text)


def warn(text: str) -> None:
    """Say what a person should know although work goes on."""
    line(f"warning: {text}")


def trace(text: str) -> None:
    """Show where in the code an error arose, with ``--debug``."""
    if VERBOSITY.debug and text:
        with _whoever_reads():
            stderr().print(text, markup=False, emoji=False)


def error(problem: ImgrestoreError) -> None:
    """Say what is wrong and how to put it right."""
    failure(str(problem), problem.hint)


def failure(text: str, hint: str) -> None:
    """Say what failed, and how to put it right if that is known."""
    line(f"error: {text}")
    if hint:
        line(f"hint: {hint}")


def line(text: str) -> None:
    """Write one line to standard error, whatever the verbosity."""
    with _whoever_reads():
        stderr().print(one_line(text), markup=False, emoji=False)


def last_line(text: str) -> None:
    """Write one line to standard error past its locks, which a thread that stands still may hold, if it is read."""
    clear = "\r\x1b[K\x1b[?25h" if sys.stderr.isatty() else ""  # a bar that is being drawn has hidden the cursor
    with suppress(OSError):
        handle = sys.stderr.fileno()
        if select.select([], [handle], [], 0)[1]:  # a reader may stand still, too
            os.write(handle, f"{clear}{one_line(text)}\n".encode(errors="backslashreplace"))


def one_line(text: str) -> str:
    """Keep a text on one line and free of characters that would move the cursor, or are none: they become escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _is_number(cell: str) -> bool:
    return cell in ("", "n/a", "inf") or cell.replace(".", "", 1).replace("-", "", 1).isdigit()


@dataclass
class Meter:
    """Progress of one long job: a bar in a terminal, otherwise a plain line now and then.

    Attributes:
        what: What is done, in words.
        total: Units in all.
        unit: Name of the unit.
        divisor: Units are shown divided by this.
    """

    what: str
    total: float
    unit: str
    divisor: float = 1.0
    done: float = 0.0
    note: str = ""
    _before: float = 0.0
    _bar: Progress | None = None
    _task: TaskID | None = None
    _began: float = field(default_factory=time.monotonic)
    _spoke: float = field(default_factory=time.monotonic)

    def advance(self, units: float) -> None:
        """Count more units as done."""
        self.done += units
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self.done, rate=self._rate(), note=self.note)
        elif not VERBOSITY.quiet and time.monotonic() - self._spoke > _PLAIN_INTERVAL:
            self._spoke = time.monotonic()
            line(
                f"{self.what}: {100 * self.done / max(self.total, 1):.0f} %, {self._rate()}, {self._left()}{self.note}"
            )

    def begin(self, done: float) -> None:
        """Count what was done before the job began: it says nothing about the pace."""
        self.done = self._before = done
        self._began = time.monotonic()

    def resize(self, total: float) -> None:
        """Correct how many units there are in all."""
        self.total = total
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, total=total)

    def _rate(self) -> str:
        seconds = max(time.monotonic() - self._began, 1e-9)
        return f"{(self.done - self._before) / self.divisor / seconds:.2f} {self.unit}/s"

    def _left(self) -> str:
        done = self.done - self._before
        if done <= 0:
            return ""
        left = (time.monotonic() - self._began) * (self.total - self.done) / done
        return f"{int(left // 60)}:{int(left % 60):02d} left "


@contextmanager
def meter(what: str, total: float, unit: str, divisor: float = 1.0) -> Iterator[Meter]:
    """Show progress while the block runs."""
    shown = Meter(what, total, unit, divisor)
    if VERBOSITY.quiet or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield shown
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=stderr(), transient=True) as bar:
        shown._bar = bar
        shown._task = bar.add_task(what, total=total, rate="", note="")
        yield shown
