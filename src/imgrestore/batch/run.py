"""Running a planned batch: one image after the other, each all or nothing."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from imgrestore.batch.jobs import STREAM, Job
from imgrestore.batch.ledger import Ledger, identity
from imgrestore.batch.manifest import Entry
from imgrestore.batch.methods import Method
from imgrestore.batch.records import Record, done, failed, left, told
from imgrestore.codecs import SaveOptions, open_image, write_image
from imgrestore.codecs.reading.refusals import reading
from imgrestore.engine.allocation import return_freed_memory
from imgrestore.engine.devices import is_out_of_memory
from imgrestore.engine.restorer import Restorer
from imgrestore.errors import ComputeError, ImgrestoreError, OutputError, UsageError, unexpected
from imgrestore.files import open_bytes, refuse_existing, remove_leftovers, replacing, unfinished, writing_to_stdout
from imgrestore.image import ImageStream
from imgrestore.provenance.making import Making
from imgrestore.provenance.stamp import Carrying

_PIECE = 2**20


def run(
    jobs: Sequence[Job],
    method_of: Callable[[Job], Method],
    label: str,
    options: SaveOptions,
    advance: Callable[[int], None],
    ledger: Ledger | None = None,
) -> Iterator[Record]:
    """Restore images one after the other; a failure is recorded and the next one begins.

    Args:
        jobs: What to do.
        method_of: Tells how each is done.
        label: What records call the method where it is not known.
        options: How results are compressed.
        advance: Told how many more pixels of results are done.
        ledger: Where it is written down for ``--resume``.

    Yields:
        One record per job, when it has ended.
    """
    for folder in {job.destination.parent for job in jobs if job.destination != STREAM}:
        remove_leftovers(folder)
    for job in jobs:
        return_freed_memory()
        began = time.monotonic()
        so_far = 0
        entry: Entry | None = None
        method: Method | None = None

        def count(pixels: int) -> None:
            nonlocal so_far
            so_far += pixels
            advance(pixels)

        try:
            entry = ledger.open_entry(job) if ledger is not None else None
            method = method_of(job)
            if not method.written:
                advance(job.pixels)
                yield replace(left(job, method.treatment), seconds=_since(began), said=method.said)
                continue
            warnings = _restore(job, method, options, count, ledger, entry)
        except BrokenPipeError:
            raise  # nobody reads the results any more
        except Exception as error:  # whatever is wrong with one image, or with our code for it, ends no batch
            advance(job.pixels - so_far)
            seconds = _since(began)
            problem = _as_problem(job, error)
            unwritten = noted(partial(ledger.failed, job, entry, problem, seconds)) if ledger is not None else ()
            record = replace(
                failed(job.name, problem, method.name if method is not None else label),
                input_width=job.header.width,
                input_height=job.header.height,
                seconds=seconds,
                warnings=unwritten,
                trace="".join(traceback.format_exception(error)),
            )
            yield told(record, method.treatment, method.said) if method is not None else record
            continue
        seconds = _since(began)
        unwritten = noted(partial(ledger.done, job, entry, seconds)) if ledger is not None and entry is not None else ()
        record = replace(
            done(job, method.name),
            **_computed(job, method.restorer),
            seconds=seconds,
            warnings=tuple(dict.fromkeys((*warnings, *unwritten))),
        )
        yield told(record, method.treatment, method.said)


def _computed(job: Job, restorer: Restorer | None) -> dict[str, Any]:
    """Return where and how an image was computed."""
    if restorer is None:
        return {}
    tile = restorer.tile_in_use(job.header.width)
    return {"device": restorer.device.type, "precision": str(restorer.precision), "tile": tile}


def _as_problem(job: Job, error: Exception) -> ImgrestoreError:
    """Return what to tell the user; the engine does not know which image it works on."""
    if isinstance(error, ComputeError | UsageError):
        kind = ComputeError if isinstance(error, ComputeError) else UsageError
        return kind(f"{job.name}: {error}", error.hint)
    if isinstance(error, RuntimeError) and is_out_of_memory(error):
        return ComputeError(f"{job.name}: out of memory", "close other programs, or give a smaller --memory")
    return error if isinstance(error, ImgrestoreError) else unexpected(job.name, error)


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
    options: SaveOptions,
    advance: Callable[[int], None],
    ledger: Ledger | None,
    entry: Entry | None,
) -> list[str]:
    """Restore one image and return what a person should know."""
    if method.restorer is None:
        write = partial(_copy, job, advance)
    else:
        write = partial(_compute, job, method.restorer, method.carrying, options, advance, entry)
    if job.destination == STREAM:
        return _to_stdout(write, job)
    try:
        job.destination.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{job.destination.parent}: cannot be made ({error.strerror})") from None
    with replacing(job.destination, overwrite=job.replaces) as temporary:
        notes = write(temporary)
        late = _keep_times(job.source, temporary) if method.carrying.times else ()
        size = temporary.stat().st_size
        if not job.replaces:
            refuse_existing(job.destination)  # before the manifest knows the file as ours
        unwritten = noted(partial(ledger.writing, entry, size)) if ledger is not None and entry is not None else ()
    return [*notes, *late, *unwritten]


def _compute(
    job: Job,
    restorer: Restorer,
    carrying: Carrying,
    options: SaveOptions,
    advance: Callable[[int], None],
    entry: Entry | None,
    path: Path,
) -> list[str]:
    """Write the restored image to ``path``."""
    restorer.notices.clear()
    source = open_image(job.data, job.name, job.reading)
    restored = restorer.stream(source, (job.width, job.height), job.crop, job.conversion)
    facts = _making(job, restorer, options, _digest(job, entry)).table() if carrying.stamp is not None else {}
    metadata, notes = carrying.of(restored.header.metadata, facts, job.form.largest_xmp)
    shown = ImageStream(replace(restored.header, metadata=metadata), restored.bands).counted(advance)
    lost = write_image(shown, path, job.form, options)
    return [*restored.notices, *notes, *lost, *restorer.notices]


def _making(job: Job, restorer: Restorer, saving: SaveOptions, digest: str | None) -> Making:
    """Return how a result is made from an input of this SHA-256."""
    device, precision = restorer.device.type, str(restorer.precision)
    rounded = (device, precision) != ("cpu", "fp32")
    return Making(
        restorer.enlargement,
        job.width,
        job.height,
        job.form.name,
        device,
        precision,
        restorer.strength,
        restorer.tile_in_use(job.header.width) if rounded else None,
        job.crop,
        job.conversion,
        job.reading.allow_damaged,
        job.reading.first_frame,
        saving,
        digest,
    )


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


def _digest(job: Job, entry: Entry | None) -> str | None:
    """Return the SHA-256 of an input, or None if it is not an ordinary file."""
    if entry is not None:
        return entry.sha256
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
