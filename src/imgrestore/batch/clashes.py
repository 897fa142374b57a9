"""Outputs that may not be written: two in one place, onto an input, onto what is there. No torch."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from imgrestore.batch.inputs import STREAM, place_of
from imgrestore.batch.job import Job
from imgrestore.batch.manifest import MANIFEST
from imgrestore.batch.request import Request
from imgrestore.errors import ExistsError, OutputError, UsageError
from imgrestore.files import existing


def check_collisions(jobs: Iterable[Job]) -> None:
    """Refuse two results in one place, also where one of them may be an earlier result: it may be an original.

    Raises:
        UsageError: There are two.
    """
    taken: dict[Path | str, Job] = {}
    for job in jobs:
        place = STREAM if job.destination == STREAM else place_of(job.destination)
        if place in taken and place == STREAM:
            raise UsageError("several results cannot go to standard output", hint="-o takes a folder for several")
        if place in taken:
            raise UsageError(
                f"{job.name} and {taken[place].name} would both be written to {job.destination}",
                hint="restore them into different folders, or with another --format",
            )
        taken[place] = job


def check_inputs_stay(jobs: Iterable[Job], sources: Sequence[Path]) -> None:
    """Refuse outputs that are inputs, whatever name leads to them.

    Raises:
        UsageError: One is.
    """
    files = [source for source in sources if source != STREAM]
    places, numbers = set(map(place_of, files)), set(map(_number, files)) - {None}
    for job in jobs:
        if job.destination != STREAM and (place_of(job.destination) in places or _number(job.destination) in numbers):
            raise UsageError(
                f"{job.destination}: the output would overwrite an input",
                hint="give another -o; inputs stay as they are",
            )


def check_outputs(jobs: Iterable[Job], request: Request) -> None:
    """Refuse outputs that are there already, unless they may be replaced, and folders that cannot be written to.

    Raises:
        OutputError: There is one.
    """
    outputs = [job.destination for job in jobs if job.destination != STREAM]
    there = [path for path in outputs if os.path.exists(path)]  # noqa: PTH110  never raises
    for path in there:
        if not path.is_file():
            raise OutputError(f"{path}: is not an ordinary file", hint="give another -o; -o - is standard output")
    if there and not request.overwrite:
        more = f" (and {len(there) - 1} more)" if len(there) > 1 else ""
        resumable = request.output is not None and (request.output / MANIFEST).exists()
        hint = "--resume goes on where an earlier run stopped; " if resumable else ""
        raise ExistsError(f"{there[0]}: exists already{more}", hint=f"{hint}--overwrite replaces it")
    for folder in {path.parent for path in outputs}:
        above = existing(folder)
        if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
            raise OutputError(f"{folder}: cannot be written to", hint="give another -o")


def _number(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from all others, whatever names it has, or None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
