"""``imgrestore restore --dry-run``: all that would be refused, what would be done, and what it would take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from imgrestore.batch import records
from imgrestore.batch.calibration import Calibration, Forecast
from imgrestore.batch.space import shown
from imgrestore.cli import console
from imgrestore.engine.problems import as_problem

if TYPE_CHECKING:
    from imgrestore.batch.job import Job
    from imgrestore.batch.ledger import Split
    from imgrestore.batch.methods import Method
    from imgrestore.batch.plan import Plan
    from imgrestore.batch.records import Record


def show_plan(
    planned: Plan, split: Split, label: str, methods: Callable[[], Callable[[Job], Method]], *, beside: bool, json: bool
) -> bool:
    """Print what would be done, and say what it would take.

    Args:
        planned: The whole plan.
        split: What of it is to do.
        label: What records call the method where it is not known.
        methods: Makes ready what would restore the photos, so that what it refuses is refused here, too.
        beside: Whether outputs stand beside their inputs.
        json: Whether records are printed instead of lines.

    Returns:
        Whether something would fail.
    """
    failures = [records.failed_before(job, attempt, label) for job, attempt in split.failed]
    failures += [records.failed(name, problem, label) for name, problem in planned.failures]
    method_of = methods() if split.todo else None
    for job in split.done if json else ():
        console.record(records.skipped(job, label).table())
    calibration, forecasts = Calibration(), []
    for job in split.todo:
        assert method_of is not None
        try:
            method = method_of(job)
            expected = forecast_of(job, method, calibration)
        except Exception as error:  # whatever is wrong with one image ends no batch
            failures.append(records.failed(job.name, as_problem(job.name, error), label))
            continue
        record = records.planned(job, label, method.treatment, beside=beside)
        if record.status == "planned":
            forecasts.append(expected)
            record = replace(record, forecast=asdict(expected))
        _print(job, method, record, json=json)
    for record in failures:
        console.failure(record.error or "", record.hint or "")
        if json:
            console.record(record.table())
    if forecasts:
        console.say(f"forecast: {told(forecasts)}")
    return bool(failures)


def forecast_of(job: Job, method: Method, calibration: Calibration) -> Forecast:
    """Return what restoring an image will take.

    Raises:
        UsageError: The budget of memory is too small for it.
    """
    restorer = method.restorer
    memory = restorer.memory_for(job.header.width, job.header.height) if restorer is not None else None
    return calibration.forecast(job, method.kind, memory)


def told(forecasts: Sequence[Forecast]) -> str:
    """Return in words what restoring some images will take."""
    memory = max((each.memory for each in forecasts if each.memory is not None), default=0)
    disk = sum(each.disk for each in forecasts)
    parts = [_time(forecasts)]
    parts += [f"up to {shown(memory)} of memory for image data"] if memory else []
    parts += [f"up to {shown(disk)} on disk, less what compression saves"] if disk else []
    return "; ".join(parts)


def _time(forecasts: Sequence[Forecast]) -> str:
    known = [(each.seconds, each.error) for each in forecasts if each.seconds is not None]
    if not known:
        return "how long it takes is not known: nothing like it was measured here yet"
    about = f"about {duration(sum(seconds for seconds, _ in known))}"
    if len(known) < len(forecasts):
        about += f" for {len(known)} of {len(forecasts)} photos, and nothing like the others was measured here yet"
    sure = [(seconds, error) for seconds, error in known if error is not None]
    weight = sum(seconds for seconds, _ in sure)
    if not weight:
        return f"{about} (by one run; how far off that is, is not known yet)"
    return f"{about} (forecasts were off by {100 * sum(s * e for s, e in sure) / weight:.0f} % here)"


def duration(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds >= 1 else "1 s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _print(job: Job, method: Method, record: Record, *, json: bool) -> None:
    if json:
        console.record(record.table())
        return
    width, height = job.settings.size
    size = f"{job.header.width}x{job.header.height} -> {width}x{height}"
    treatment = method.treatment
    found = f": {treatment.told('nothing to restore', 'to be ')}" if treatment is not None else ""
    console.result(console.one_line(f"{job.name} -> {job.destination} ({size}, {job.form.name}){found}"))
