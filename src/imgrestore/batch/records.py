"""What became of the inputs of a batch, or would become of them, as plain data. No torch."""

from __future__ import annotations

import traceback
from dataclasses import asdict, dataclass, replace
from typing import Any

from imgrestore.automatic.treatment import Treatment
from imgrestore.batch.job import Job
from imgrestore.batch.manifest import Attempt
from imgrestore.errors import ImgrestoreError, InputError
from imgrestore.provenance.setting import Decides
from imgrestore.provenance.settings import Settings


@dataclass(frozen=True)
class Record:
    """What became of one input.

    Attributes:
        status: ``"done"``, ``"failed"``, ``"skipped"``: its output is there from an earlier run, ``"left"``: there was
            nothing to restore, and no output is written, or ``"planned"``: it was only asked what would be done.
        input: The input as it was named.
        output: The output, or None if there is none.
        input_width: Width of the input in pixels, or None if that is not known.
        input_height: Height of the input in pixels, or None if that is not known.
        width: Width of the result in pixels, or None if there is none.
        height: Height of the result in pixels, or None if there is none.
        model: Name of the model, or None if the file was taken as it is.
        scale: Enlargement, or None if nothing was made.
        device: Where it was computed, or None if nothing was.
        precision: Arithmetic used, or None if nothing was computed.
        tile: Height and width of the tiles in input pixels, or None if there were none.
        settings: What decides the result: as it was computed, or, if it was not, as was asked for; None if nothing is.
        seconds: Wall-clock seconds.
        guard: What was held back, see :class:`imgrestore.engine.guard.HeldBack`, or None if nothing was judged.
        found: What was estimated of its damage, or None if that was not asked.
        did: Tasks of the models that treated it, or None if that was not asked.
        forecast: What it will take, see :class:`imgrestore.batch.calibration.Forecast`, or None if it is not planned.
        warnings: What a person should know.
        error_code: What kind of error it failed with, or None; see :class:`imgrestore.errors.ImgrestoreError`.
        error: Why it failed, or None.
        hint: How to put it right, or None.
        said: What was found and done, in words; no part of the table.
        trace: Where in the code it failed; no part of the table.
    """

    status: str
    input: str
    output: str | None = None
    input_width: int | None = None
    input_height: int | None = None
    width: int | None = None
    height: int | None = None
    model: str | None = None
    scale: float | None = None
    device: str | None = None
    precision: str | None = None
    tile: tuple[int, int] | None = None
    settings: dict[str, Any] | None = None
    seconds: float = 0.0
    guard: dict[str, float] | None = None
    found: dict[str, object] | None = None
    did: tuple[str, ...] | None = None
    forecast: dict[str, object] | None = None
    warnings: tuple[str, ...] = ()
    error_code: str | None = None
    error: str | None = None
    hint: str | None = None
    said: str = ""
    trace: str = ""

    def table(self) -> dict[str, object]:
        """Return the record as plain data for JSON."""
        table = asdict(self)
        del table["said"], table["trace"]
        return table


def done(job: Job, label: str | None) -> Record:
    """Return the record of an input whose result is what was planned."""
    return Record(
        status="done",
        input=job.name,
        output=str(job.destination),
        input_width=job.header.width,
        input_height=job.header.height,
        width=job.result_size[0],
        height=job.result_size[1],
        model=label,
        scale=float(f"{job.settings.size[0] / job.header.width:.5g}"),
        settings=_deciding(job.settings),
    )


def computed(job: Job, label: str | None, used: Settings, held: dict[str, float] | None) -> Record:
    """Return the record of an input that was restored with these settings, and of which this was held back."""
    how: dict[str, Any] = {"device": used.device, "precision": used.precision, "tile": used.tile}
    return replace(done(job, label), **how, settings=_deciding(used), guard=held)


def copied(job: Job) -> Record:
    """Return the record of an input that was taken as it is."""
    return replace(done(job, None), settings=None)


def failed(name: str, error: ImgrestoreError, label: str | None = None) -> Record:
    """Return the record of an input that could not be restored."""
    trace = "".join(traceback.format_exception(error))
    record = Record("failed", name, model=label, trace=trace)
    return replace(record, error_code=error.code, error=str(error), hint=error.hint or None)


def failed_before(job: Job, attempt: Attempt, label: str) -> Record:
    """Return the record of an input that failed in an earlier run."""
    error = InputError(f"{attempt.error} (an earlier run)", hint="--retry-failed tries it again")
    return replace(failed(job.name, error, label), error_code=attempt.error_code or error.code)


def skipped(job: Job, label: str) -> Record:
    """Return the record of an input whose output an earlier run has made."""
    return replace(done(job, label), status="skipped")


def left(job: Job, treatment: Treatment | None) -> Record:
    """Return the record of an input with nothing to restore, and without an output."""
    nothing: dict[str, Any] = dict.fromkeys(("output", "width", "height", "scale", "settings"))
    return treated(replace(done(job, None), status="left", **nothing), treatment)


def planned(job: Job, label: str, treatment: Treatment | None, *, beside: bool) -> Record:
    """Return the record of an input that is yet to be restored.

    Args:
        job: What is to be done.
        label: What the model is called.
        treatment: What was found, if that was asked.
        beside: Whether outputs stand beside their inputs: one with nothing to restore then has none.
    """
    if treatment is None:
        return replace(done(job, label), status="planned")
    if treatment.choice is None and beside:
        return left(job, treatment)
    model = treatment.choice.name if treatment.choice is not None else None
    return treated(replace(done(job, model), status="planned"), treatment)


def treated(record: Record, treatment: Treatment | None, said: str = "") -> Record:
    """Return the record with what was found and done, if that was asked."""
    if treatment is None:
        return record
    return replace(record, found=treatment.found(), did=treatment.did, said=said)


def _deciding(settings: Settings) -> dict[str, Any]:
    return settings.deciding(Decides.PIXELS, Decides.ROUNDING, Decides.FILE)
