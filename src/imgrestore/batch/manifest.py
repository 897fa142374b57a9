"""The manifest of an output folder: one line of JSON for each input that a batch has ended with, to go on from.

A line is appended by a single write and flushed to the disk, under a lock where the system has one, so several runs may
share a folder. A last line without its end was torn by a crash: it is ignored, and cut off by the next line written.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imgrestore.errors import OutputError
from imgrestore.files import flush_folder

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

MANIFEST = ".imgrestore-manifest.jsonl"
"""Its name: hidden, so that it is never taken for an input."""

STATUSES = ("writing", "done", "failed")
_BLOCK = 2**16


@dataclass(frozen=True)
class Attempt:
    """An attempt at one input: what is known of it and its output.

    Attributes:
        status: ``"done"``, ``"failed"``, or ``"writing"``: a finished output is about to get its name. After a crash
            this tells an output of ours from a stranger's.
        input: Absolute path of the input.
        size: Its bytes.
        mtime_ns: When it was last changed, in nanoseconds.
        sha256: Hash of its content.
        parameters: Hash of everything that decides what the output is; see :func:`fingerprint`.
        weights: Hash of the weights file, or None for a model without.
        output: Path of the output below the output folder, or None if the input could not even be planned.
        output_size: Its bytes.
        error_code: What kind of error it failed with, see :class:`imgrestore.errors.ImgrestoreError`.
        error: Why it failed.
        hint: How to put it right.
        seconds: Wall-clock seconds.
    """

    status: str
    input: str
    size: int | None = None
    mtime_ns: int | None = None
    sha256: str | None = None
    parameters: str | None = None
    weights: str | None = None
    output: str | None = None
    output_size: int | None = None
    error_code: str | None = None
    error: str | None = None
    hint: str | None = None
    seconds: float = 0.0

    def line(self) -> bytes:
        """Return it as it stands in the manifest; a file name that is not text survives as escapes."""
        return json.dumps(dataclasses.asdict(self), separators=(",", ":")).encode() + b"\n"


def read_line(line: bytes) -> Attempt | None:
    """Return the attempt that a line tells of, or None if it tells of none."""
    try:
        table = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(table, dict) or table.get("status") not in STATUSES or not isinstance(table.get("input"), str):
        return None
    if not isinstance(table.get("output"), str | None):
        return None
    known = {field.name for field in dataclasses.fields(Attempt)}
    return Attempt(**{key: value for key, value in table.items() if key in known})


class Manifest:
    """The manifest of one folder. The file is made by the first line written to it."""

    def __init__(self, folder: Path) -> None:
        """Read what earlier runs have left in ``folder``.

        Raises:
            OutputError: There is a manifest that cannot be read.
        """
        self.folder = folder
        self.path = folder / MANIFEST
        self._last: dict[tuple[str | None, str], Attempt] = {}
        self._made: dict[str, Attempt] = {}
        self._handle: int | None = None
        if self.path.exists() and not self.path.is_file():
            raise OutputError(f"{self.path}: is not an ordinary file", hint="move it away, or give another -o")
        try:
            lines = self.path.read_bytes().split(b"\n")[:-1]
        except FileNotFoundError:
            return
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be read ({error.strerror})") from None
        for attempt in filter(None, map(read_line, lines)):
            self._remember(attempt)

    def last(self, output: str | None, source: str) -> Attempt | None:
        """Return how the last attempt at an output ended, or, where no output was planned, at an input."""
        return self._last.get(_key(output, source))

    def made(self, output: str) -> Attempt | None:
        """Return how one of our runs last made this output, so that it may be replaced, or None if none did."""
        return self._made.get(output)

    def append(self, attempt: Attempt) -> None:
        """Add an attempt; when this returns, it is on the disk.

        Raises:
            OutputError: It cannot be written.
        """
        try:
            if self._handle is None:
                self._handle = self._open()
            with _locked(self._handle):
                _append(self._handle, attempt.line())
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written ({error.strerror or error})") from None
        self._remember(attempt)

    def close(self) -> None:
        """Let go of the file."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _open(self) -> int:
        self.folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        flush_folder(self.folder)
        return handle

    def _remember(self, attempt: Attempt) -> None:
        if attempt.output is not None and attempt.status != "failed":
            self._made[attempt.output] = attempt
        if attempt.status != "writing":
            self._last[_key(attempt.output, attempt.input)] = attempt
        else:
            self._last.pop(_key(attempt.output, attempt.input), None)


def fingerprint(parameters: dict[str, Any]) -> str:
    """Return the hash of parameters, whatever order they come in."""
    return hashlib.sha256(json.dumps(parameters, sort_keys=True, default=str).encode()).hexdigest()


def _key(output: str | None, source: str) -> tuple[str | None, str]:
    return (output, "" if output is not None else source)


def _append(handle: int, line: bytes) -> None:
    """Append a line, whole or not at all, after cutting off one that was torn."""
    end = _end_of_lines(handle)
    try:
        if os.write(handle, line) != len(line):
            raise OSError("no space left")
        os.fsync(handle)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(handle, end)
        raise


def _end_of_lines(handle: int) -> int:
    """Cut off what follows the last end of a line, and return where that is."""
    size = end = os.fstat(handle).st_size
    while end:
        start = max(end - _BLOCK, 0)
        os.lseek(handle, start, os.SEEK_SET)
        newline = os.read(handle, end - start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    if end != size:
        os.ftruncate(handle, end)
    return end


@contextlib.contextmanager
def _locked(handle: int) -> Iterator[None]:
    """Keep other runs out; a file system without locks goes on without."""
    if fcntl is None:
        yield
        return
    with contextlib.suppress(OSError):
        fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_UN)
