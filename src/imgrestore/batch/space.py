"""Whether there is room for the results of a batch, before the first pixel. No torch."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from imgrestore.batch.inputs import STREAM
from imgrestore.batch.job import Job
from imgrestore.errors import OutputError
from imgrestore.files import existing

_LEAST = 512
"""Bytes that a result takes at least: the smallest block of any file system in use."""


def forecast(jobs: Iterable[Job]) -> list[str]:
    """Compare what results can take with what is free, disk by disk.

    How well pixels compress is not known before they are computed. Their size without compression is what results take
    at most, give or take their metadata: where there is room for that, nothing is said.

    Returns:
        One warning for each disk that may not have room.

    Raises:
        OutputError: A disk is full: it has no room even for the smallest files.
    """
    folders: dict[Path, list[int]] = {}
    for job in jobs:
        if job.destination != STREAM:
            folders.setdefault(job.destination.parent, []).append(largest_size(job))
    disks: dict[int, tuple[Path, list[int]]] = {}
    for folder, sizes in folders.items():
        there = existing(folder)
        disks.setdefault(there.stat().st_dev, (there, []))[1].extend(sizes)
    warnings = []
    for folder, sizes in disks.values():
        total, _, free = shutil.disk_usage(folder)
        if not total:  # a network's file system that does not say
            continue
        if free < _LEAST * len(sizes):
            raise OutputError(f"{folder}: no space is left on its disk", hint="make room, or give another -o")
        if free < sum(sizes):
            warnings.append(
                f"{folder}: {shown(free)} are free, and the results take up to {shown(sum(sizes))}, less what "
                "compression saves"
            )
    return warnings


def largest_size(job: Job) -> int:
    """Return how many bytes a result takes at most, give or take its metadata: its size without compression."""
    result = job.settings.conversion.applied(job.header)
    return job.pixels * result.channels * result.dtype.itemsize


def shown(size: float) -> str:
    """Return a number of bytes as people read it."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"
