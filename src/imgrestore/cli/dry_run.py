"""What ``imgrestore restore --dry-run`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgrestore.cli import console
from imgrestore.errors import ImgrestoreError
from imgrestore.weights.catalogue import Choice, Remedies

if TYPE_CHECKING:
    from imgrestore.automatic.treatment import Treatment
    from imgrestore.batch.job import Job
    from imgrestore.batch.ledger import Split
    from imgrestore.batch.plan import Plan


def show(planned: Plan, split: Split, choice: Choice | Remedies, *, beside: bool, json: bool) -> bool:
    """Print what would be done, and return whether something would fail.

    Args:
        planned: What was asked for.
        split: What of it is left to do.
        choice: The model, or those among which each photo's damage decides.
        beside: Whether outputs stand beside their inputs.
        json: Whether it is told as lines of JSON.
    """
    from imgrestore.batch import records

    failures = [records.failed_before(job, attempt, choice.name) for job, attempt in split.failed]
    failures += [records.failed(name, problem, choice.name) for name, problem in planned.failures]
    for job in split.done if json else ():
        console.record(records.skipped(job, choice.name).table())
    for job in split.todo:
        try:
            treatment = _examined(job, choice)
        except ImgrestoreError as unreadable:
            failures.append(records.failed(job.name, unreadable, choice.name))
            continue
        if json:
            console.record(records.planned(job, choice.name, treatment, beside=beside).table())
        else:
            console.result(_line(job, treatment))
    for record in failures:
        console.failure(record.error or "", record.hint or "")
        if json:
            console.record(record.table())
    return bool(failures)


def _examined(job: Job, choice: Choice | Remedies) -> Treatment | None:
    """Look at a photo whose damage decides."""
    if isinstance(choice, Choice):
        return None
    from imgrestore.automatic.treatment import examine
    from imgrestore.codecs import open_image

    return examine(open_image(job.data, job.name, job.settings.reading), choice)


def _line(job: Job, treatment: Treatment | None) -> str:
    width, height = job.settings.size
    size = f"{job.header.width}x{job.header.height} -> {width}x{height}"
    found = f": {treatment.told('nothing to restore', 'to be ')}" if treatment is not None else ""
    return console.one_line(f"{job.name} -> {job.destination} ({size}, {job.form.name}){found}")
