"""Saying how the images of a batch end, and, when it is interrupted, how to go on."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from imgrestore.cli import console

if TYPE_CHECKING:
    from imgrestore.batch.records import Record

_INTERRUPTED = 130


@dataclass
class Outcome:
    """How the images of one batch have ended so far.

    Attributes:
        total: Images in all.
        json: Whether each is told as a line of JSON, too.
        resumable: Whether there is a manifest to go on from.
        done: Images restored.
        skipped: Images that an earlier run had restored.
        failed: Images that could not be restored.
        left: Images with nothing to restore, which were left alone.
    """

    total: int
    json: bool = False
    resumable: bool = False
    done: int = 0
    skipped: int = 0
    failed: int = 0
    left: int = 0

    def report(self, record: Record) -> None:
        """Count one image and say how it ended."""
        for warning in record.warnings:
            console.warn(warning if warning.startswith(record.input) else f"{record.input}: {warning}")
        if record.status == "failed":
            self.failed += 1
            console.trace(record.trace)
            console.failure(record.error or "", record.hint or "")
        elif record.status == "skipped":
            self.skipped += 1
            console.detail(f"{record.input} -> {record.output} (done before)")
        elif record.status == "left":
            self.left += 1
            console.say(f"{record.input}: {record.said}")
        else:
            self.done += 1
            how = f", {record.model}, {record.device} {record.precision}" if record.model is not None else ""
            made = f"{record.width}x{record.height}, {record.seconds:.1f} s{how}"
            said = f": {record.said}" if record.said else ""
            console.say(f"{record.input} -> {record.output} ({made}){said}")
        if self.json:
            console.record(record.table())

    def sum_up(self) -> None:
        """Say how many images ended how, where that is not plain from their own lines."""
        if self.skipped or ((self.failed or self.left) and self.total > 1):
            console.say(self._numbers())

    @contextmanager
    def telling_how_to_go_on(self) -> Iterator[None]:
        """When a signal ends the block, say how much is done and with which command line to go on."""
        try:
            yield
        except (KeyboardInterrupt, SystemExit) as end:
            console.line(self.last_words())
            code = end.code if isinstance(end, SystemExit) else _INTERRUPTED
            raise typer.Exit(code if isinstance(code, int) else 1) from None

    def last_words(self) -> str:
        """Return what an interrupted batch says."""
        again = f"; go on with: {resuming(sys.argv[1:])}" if self.resumable else ""
        return f"interrupted: {self._numbers()}{again}"

    def _numbers(self) -> str:
        parts = [f"{self.done} of {self.total} restored"]
        parts += [f"{self.left} left alone"] if self.left else []
        parts += [f"{self.skipped} done before"] if self.skipped else []
        parts += [f"{self.failed} failed"] if self.failed else []
        return ", ".join(parts)


def resuming(arguments: Sequence[str]) -> str:
    """Return the command line that goes on where this one stopped, ready to be pasted into a shell."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    more = [] if "--resume" in arguments[:end] else ["--resume"]
    return " ".join(map(quoted, ["imgrestore", *arguments[:end], *more, *arguments[end:]]))


def quoted(word: str) -> str:
    """Quote a word for a shell, on one line and in ASCII whatever bytes it holds."""
    if word.isprintable():
        return shlex.quote(word)
    escaped = "".join(chr(b) if 32 <= b < 127 and b not in b"'\\" else f"\\{b:03o}" for b in os.fsencode(word))
    return f"$'{escaped}'"
