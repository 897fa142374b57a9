"""What a batch writes into the manifest of its output folder, and what it need not do again. No torch."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from imgrestore import __version__
from imgrestore.batch.inputs import STREAM
from imgrestore.batch.job import Job
from imgrestore.batch.manifest import Attempt, Manifest, fingerprint
from imgrestore.codecs.reading.refusals import reading
from imgrestore.errors import ExistsError, ImgrestoreError
from imgrestore.files import content_hash
from imgrestore.provenance.setting import Decides
from imgrestore.weights.catalogue import Choice
from imgrestore.weights.remedies import Remedies


@dataclass(frozen=True)
class Split:
    """What ``--resume`` finds.

    Attributes:
        todo: Jobs to do.
        done: Jobs whose output is there and is what they would give.
        failed: Jobs that failed before and would be tried for the same reason, with what was said then.
    """

    todo: Sequence[Job]
    done: Sequence[Job]
    failed: Sequence[tuple[Job, Attempt]]


class Ledger:
    """The manifest of one batch: it knows which model, weights and settings the outputs come from."""

    def __init__(self, folder: Path, choice: Choice | Remedies) -> None:
        """Read the manifest of a folder.

        Args:
            folder: The output folder.
            choice: The model, or those among which each image's damage decides.

        Raises:
            OutputError: The manifest cannot be read.
        """
        self.manifest = Manifest(folder)
        self._scale = choice.scale
        self._model: dict[str, Any] = {"version": __version__, "model": choice.name}
        if isinstance(choice, Choice):
            self._model |= {"model": choice.model, "network_scale": choice.network_scale}
        self._weights = choice.sha256 or None

    def split(self, jobs: Sequence[Job], *, retry_failed: bool, overwrite: bool) -> Split:
        """Tell the jobs that are done from those to do.

        Args:
            jobs: What was planned.
            retry_failed: Whether jobs that failed before are tried again.
            overwrite: Whether outputs may be replaced that the manifest does not know, or knows as another input's.

        Raises:
            ExistsError: An output exists, is not known to the manifest as that of its input, and must not be replaced.
        """
        todo: list[Job] = []
        done: list[Job] = []
        failed: list[tuple[Job, Attempt]] = []
        for job in jobs:
            attempt = self.manifest.last(self._output(job), _source(job))
            if attempt is None or not self._matches(job, attempt):
                todo.append(job)
            elif attempt.status == "failed":
                if retry_failed:
                    todo.append(job)
                else:
                    failed.append((job, attempt))
            elif _size(job.destination) == attempt.output_size:
                done.append(job)
            else:
                todo.append(job)
        if not overwrite:
            self._check_strangers(todo)
            todo = [replace(job, replaces=self.manifest.made(self._output(job)) is not None) for job in todo]
        return Split(todo, done, failed)

    def begin(self, job: Job) -> Attempt:
        """Return the attempt of a job that begins now, before its input is read.

        Raises:
            InputError: The input cannot be read.
        """
        with reading(job.name):
            size, mtime, sha256 = identity(job)
        attempt = self._blank(job)
        return replace(attempt, size=size, mtime_ns=mtime, sha256=sha256)

    def writing(self, attempt: Attempt, size: int) -> None:
        """Note that a finished output is about to be given its name."""
        self.manifest.append(replace(attempt, status="writing", output_size=size))

    def done(self, job: Job, attempt: Attempt, seconds: float) -> None:
        """Note that a job is done."""
        done = replace(attempt, status="done", output_size=_size(job.destination), seconds=seconds)
        self.manifest.append(done)

    def failed(self, job: Job, attempt: Attempt | None, error: ImgrestoreError, seconds: float) -> None:
        """Note that a job failed, unless a file in its output's place did it: that is nothing about the input.

        Args:
            job: What failed.
            attempt: Its attempt, or None if its input could not be read.
            error: Why.
            seconds: Wall-clock time.
        """
        if isinstance(error, ExistsError):
            return
        self.manifest.append(replace(attempt or self._blank(job), **_failure(error), seconds=seconds))

    def unplanned(self, name: str, error: ImgrestoreError) -> None:
        """Note an input that nothing could be planned for, unless that was said before."""
        source = str(Path(name).absolute())
        last = self.manifest.last(None, source)
        if last is None or last.error != str(error):
            self.manifest.append(replace(Attempt("failed", source), **_failure(error)))

    def _blank(self, job: Job) -> Attempt:
        parameters = fingerprint(self._model | job.settings.deciding(Decides.PIXELS, Decides.FILE, changed=True))
        return Attempt("writing", _source(job), parameters=parameters, weights=self._weights, output=self._output(job))

    def _output(self, job: Job) -> str:
        return job.destination.relative_to(self.manifest.folder).as_posix()

    def _matches(self, job: Job, attempt: Attempt) -> bool:
        """Return whether an attempt is about this input as it is now, these parameters and these weights."""
        now = self._blank(job)
        if attempt.weights != now.weights or attempt.parameters not in (now.parameters, self._of_all_options(job)):
            return False
        try:
            size, mtime = _stamp(job)
            if size != attempt.size:
                return False
            if mtime is not None and mtime == attempt.mtime_ns and now.input == attempt.input:
                return True
            return attempt.sha256 is not None and identity(job)[2] == attempt.sha256
        except OSError:
            return False

    def _of_all_options(self, job: Job) -> str:
        """Return the fingerprint that version 0.1.0 wrote at first: of all options, whatever the output heeds.

        None that has come since then was used, so that none may be.
        """
        asked = job.settings
        names = ("crop", "depth", "background", "quality", "subsampling", "lossless", "strength", "precision")
        same = ("width", "height", "format")
        renamed = {
            "scale": self._scale,
            "reading": [asked.allow_damaged, asked.first_frame],
            "strip": asked.strip_metadata,
            "no_stamp": not asked.stamp,
        }
        then = {*names, *same, "scale", "allow_damaged", "first_frame", "strip_metadata", "stamp"}
        newer = {
            name: value
            for name, value in asked.deciding(Decides.PIXELS, Decides.FILE, changed=True).items()
            if name not in then
        }
        return fingerprint(self._model | {name: getattr(asked, name) for name in (*names, *same)} | renamed | newer)

    def _check_strangers(self, jobs: Sequence[Job]) -> None:
        there = [(job.destination, self._stranger(job)) for job in jobs if job.destination.exists()]
        strangers = [(path, whose) for path, whose in there if whose]
        if strangers:
            path, whose = strangers[0]
            more = f" (and {len(strangers) - 1} more)" if len(strangers) > 1 else ""
            raise ExistsError(f"{path}: exists already{more}, and {whose}", hint="--overwrite replaces it")

    def _stranger(self, job: Job) -> str:
        """Return why an output is not the job's to replace, or nothing if it is.

        The result of an input that was edited is, and that of one that was moved; where both the name and the content
        of the input are others, so is the photo.
        """
        made = self.manifest.made(self._output(job))
        if made is None:
            return "the manifest does not know it"
        if os.path.realpath(made.input) == os.path.realpath(_source(job)):
            return ""
        try:
            same = made.sha256 is not None and identity(job)[2] == made.sha256
        except OSError:  # the job will fail, and replace nothing
            return ""
        return "" if same else f"is the result of {made.input}"


def _source(job: Job) -> str:
    return str(STREAM) if job.source == STREAM else str(job.source.absolute())


def _stamp(job: Job) -> tuple[int | None, int | None]:
    if job.content is not None:
        return len(job.content), None
    found = job.source.stat()
    return (found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else (None, None)


def identity(job: Job) -> tuple[int | None, int | None, str | None]:
    """Return size, time of change and hash of an input, in this order: a change between them is noticed later."""
    size, mtime = _stamp(job)
    if job.content is not None:
        return size, mtime, content_hash(job.content)
    return size, mtime, content_hash(job.source) if size is not None else None


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _failure(error: ImgrestoreError) -> dict[str, Any]:
    said = {"error_code": error.code, "error": str(error), "hint": error.hint or None}
    return {"status": "failed", "output_size": None, **said}
