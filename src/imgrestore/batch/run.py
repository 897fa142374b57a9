"""Running a planned batch: one image after the other, each all or nothing."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from imgrestore.batch.inputs import STREAM
from imgrestore.batch.interruption import uninterrupted
from imgrestore.batch.job import Job
from imgrestore.batch.ledger import Ledger, identity
from imgrestore.batch.manifest import Attempt
from imgrestore.batch.methods import Method
from imgrestore.batch.records import Record, computed, copied, failed, left, treated
from imgrestore.codecs import open_image, write_image
from imgrestore.codecs.reading.refusals import reading
from imgrestore.engine.allocation import return_freed_memory
from imgrestore.engine.guard import HeldBack
from imgrestore.engine.problems import as_problem
from imgrestore.engine.restorer import Restorer
from imgrestore.errors import OutputError
from imgrestore.files import (
    content_hash,
    open_bytes,
    refuse_existing,
    remove_leftovers,
    replacing,
    unfinished,
    writing_to_stdout,
)
from imgrestore.image import ImageStream
from imgrestore.provenance.setting import Decides
from imgrestore.provenance.settings import Settings
from imgrestore.provenance.stamp import Stamp, carried
from imgrestore.weights.cards import guard_weights

_PIECE = 2**20


def run(
    jobs: Sequence[Job],
    method_of: Callable[[Job], Method],
    label: str,
    advance: Callable[[int], None],
    ledger: Ledger | None = None,
) -> Iterator[Record]:
    """Restore images one after the other; a failure is recorded and the next one begins.

    Args:
        jobs: What to do.
        method_of: Tells how each is done.
        label: What records call the method where it is not known.
        advance: Told how many more pixels of results are done.
        ledger: Where it is written down for ``--resume``.

    Yields:
        One record per job, when it has ended.
    """
    for folder in {job.destination.parent for job in jobs if job.destination != STREAM}:
        remove_leftovers(folder)
    for job in jobs:
        return_freed_memory()
        with ExitStack() as ending:  # a result that is there has been counted, whatever signal comes
            yield _ended(job, method_of, label, advance, ledger, ending)


def _ended(
    job: Job,
    method_of: Callable[[Job], Method],
    label: str,
    advance: Callable[[int], None],
    ledger: Ledger | None,
    ending: ExitStack,
) -> Record:
    """Restore one image and return how that ended."""
    began = time.monotonic()
    so_far = 0
    attempt: Attempt | None = None
    method: Method | None = None

    def count(pixels: int) -> None:
        nonlocal so_far
        so_far += pixels
        advance(pixels)

    try:
        attempt = ledger.begin(job) if ledger is not None else None
        method = method_of(job)
        if not method.written:
            advance(job.pixels)
            return replace(left(job, method.treatment), seconds=_since(began), said=method.said)
        warnings = _restore(job, method, count, ledger, attempt, ending)
    except BrokenPipeError:
        raise  # nobody reads the results any more
    except Exception as error:  # whatever is wrong with one image, or with our code for it, ends no batch
        ending.close()
        advance(job.pixels - so_far)
        seconds, problem = _since(began), as_problem(job.name, error)
        unwritten = noted(partial(ledger.failed, job, attempt, problem, seconds)) if ledger is not None else ()
        record = replace(
            failed(job.name, problem, method.name if method is not None else label),
            input_width=job.header.width,
            input_height=job.header.height,
            seconds=seconds,
            warnings=unwritten,
            trace="".join(traceback.format_exception(error)),
        )
        return treated(record, method.treatment, method.said) if method is not None else record
    seconds = _since(began)
    unwritten = noted(partial(ledger.done, job, attempt, seconds)) if ledger is not None and attempt is not None else ()
    record = copied(job)
    if method.restorer is not None:
        held = method.restorer.held.table() if method.restorer.guard else None
        record = computed(job, method.name, _used(job, method.restorer), held)
    record = replace(record, seconds=seconds, warnings=tuple(dict.fromkeys((*warnings, *unwritten))))
    return treated(record, method.treatment, method.said)


def _used(job: Job, restorer: Restorer) -> Settings:
    """Return the settings with which an image is computed."""
    tile = restorer.tile_in_use(job.header.width)
    return job.settings.in_use(device=restorer.device.type, precision=restorer.precision, tile=tile)


def noted(write: Callable[[], None]) -> tuple[str, ...]:
    """Write into the manifest; that it cannot be written ends no batch, but is returned as a warning."""
    try:
        write()
    except OutputError as error:
        return (f"{error}; --resume will not know of this input",)
    return ()


def _since(began: float) -> float:
    return round(time.monotonic() - began, 3)


def _restore(
    job: Job,
    method: Method,
    advance: Callable[[int], None],
    ledger: Ledger | None,
    attempt: Attempt | None,
    ending: ExitStack,
) -> list[str]:
    """Restore one image and return what a person should know.

    From the moment in which a result gets its name until ``ending`` is closed, no signal comes between: a result that
    is there has been noted and counted.
    """
    if method.restorer is None or method.stamp is None:
        write = partial(_copy, job, advance)
    else:
        write = partial(_compute, job, method.restorer, method.stamp, advance, attempt)
    if job.destination == STREAM:
        return _to_stdout(write, job)
    try:
        job.destination.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{job.destination.parent}: cannot be made ({error.strerror})") from None
    with replacing(job.destination, overwrite=job.replaces) as temporary:
        notes = write(temporary)
        late = _keep_times(job.source, temporary) if job.settings.preserve_times else ()
        size = temporary.stat().st_size
        if not job.replaces:
            refuse_existing(job.destination)  # before the manifest knows the file as ours
        ending.enter_context(uninterrupted())
        unwritten = noted(partial(ledger.writing, attempt, size)) if ledger is not None and attempt is not None else ()
    return [*notes, *late, *unwritten]


def _compute(
    job: Job,
    restorer: Restorer,
    maker: Stamp,
    advance: Callable[[int], None],
    attempt: Attempt | None,
    path: Path,
) -> list[str]:
    """Write the restored image to ``path``."""
    restorer.notices.clear()
    restorer.held = HeldBack()
    asked = job.settings
    source = open_image(job.data, job.name, asked.reading)
    restored = restorer.stream(source, asked.size, asked.crop, asked.conversion)
    stamp = _stamp(job, restorer, maker, _digest(job, attempt)) if asked.stamp else None
    carries, notes = carried(restored.header.metadata, stamp, strip=asked.strip_metadata, largest=job.form.largest_xmp)
    shown = ImageStream(replace(restored.header, metadata=carries), restored.bands).counted(advance)
    lost = write_image(shown, path, job.form, asked.saving)
    return [*restored.notices, *notes, *lost, *restorer.notices, *restorer.held.notices]


def _stamp(job: Job, restorer: Restorer, maker: Stamp, digest: str | None) -> Stamp:
    """Return what the result of an input of this SHA-256 says of how it was made."""
    facts = {"precision_asked": job.settings.precision, "edge": restorer.edge}
    facts |= {"guard_weights": content_hash(guard_weights())} if restorer.guard else {}
    facts |= {"input": digest} if digest is not None else {}
    return replace(maker, parameters=facts | _used(job, restorer).deciding(Decides.PIXELS, Decides.ROUNDING))


def _copy(job: Job, advance: Callable[[int], None], path: Path) -> list[str]:
    """Write the input's bytes to ``path``."""
    with path.open("wb") as file:
        for piece in _pieces(job):
            file.write(piece)
    advance(job.pixels)
    return []


def _pieces(job: Job) -> Iterator[bytes]:
    with reading(job.name), open_bytes(job.data) as file:
        while piece := file.read(_PIECE):
            yield piece


def _digest(job: Job, attempt: Attempt | None) -> str | None:
    """Return the SHA-256 of an input, or None if it is not an ordinary file."""
    if attempt is not None:
        return attempt.sha256
    with reading(job.name):
        return identity(job)[2]


def _keep_times(source: Path, output: Path) -> tuple[str, ...]:
    """Give an output the times of its input; that a file system does not take them is no reason to lose the output."""
    try:
        times = source.stat()
        os.utime(output, ns=(times.st_atime_ns, times.st_mtime_ns))
    except OSError as error:
        return (f"its time of change could not be kept ({error.strerror})",)
    return ()


def _to_stdout(write: Callable[[Path], list[str]], job: Job) -> list[str]:
    """Write to standard output once the whole image is known to be good."""
    try:
        folder = Path(tempfile.mkdtemp(prefix="imgrestore-"))
    except OSError as error:
        raise OutputError(f"{tempfile.gettempdir()}: cannot be written ({error.strerror})") from None
    with unfinished(folder):
        finished = folder / f"result{job.form.extensions[0]}"
        notes = write(finished)
        with finished.open("rb") as file, writing_to_stdout():
            shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
    return notes
