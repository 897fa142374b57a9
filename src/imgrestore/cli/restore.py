"""``imgrestore restore``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgrestore.cli import console
from imgrestore.cli.guidance import refuse_output_among_inputs
from imgrestore.cli.options import Json, with_settings
from imgrestore.cli.outcome import Outcome
from imgrestore.cli.signals import leaving_in_time
from imgrestore.cli.sources import gathered, path_of, standard_input
from imgrestore.errors import UsageError
from imgrestore.provenance.settings import Settings
from imgrestore.weights.catalogue import Choice
from imgrestore.weights.remedies import Remedies, asked_for

if TYPE_CHECKING:
    from imgrestore.batch.job import Job
    from imgrestore.batch.ledger import Ledger, Split
    from imgrestore.batch.methods import Method
    from imgrestore.batch.plan import Plan
    from imgrestore.batch.request import Request

Inputs = Annotated[
    list[str] | None, typer.Argument(help="Photos, folders, or - for standard input.", show_default=False)
]
Output = Annotated[
    str | None, typer.Option("--output", "-o", help="A file, a folder, or -; beside each input by default.")
]
Model = Annotated[
    str | None, typer.Option("--model", "-m", help="Name of a model, a .safetensors file, or several in turn: A+B.")
]
Task = Annotated[
    str | None,
    typer.Option(
        "--task",
        "-t",
        help="denoise, deblur or upscale; auto, the default, looks at each photo and picks, also what enlarges it.",
    ),
]
Recursive = Annotated[bool, typer.Option("--recursive", "-r", help="Search sub-folders; -o mirrors them.")]
Glob = Annotated[
    list[str] | None,
    typer.Option("--glob", help="Of folders, take only files like '*.jpg'; may be given more than once."),
]
FilesFrom = Annotated[
    str | None, typer.Option("--files-from", help="A file that lists inputs, one on each line; - for stdin.")
]
Zero = Annotated[bool, typer.Option("-0", help="The list is separated by NUL, as from find -print0.")]
Name = Annotated[str | None, typer.Option(help="Pattern of output names: '{stem}_{model}_{scale}x{ext}'.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing outputs.")]
Resume = Annotated[bool, typer.Option("--resume", help="Skip what an earlier run into the same folder has done.")]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="With --resume: try again what failed before.")]
DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be done, and stop.")]


@with_settings()
def restore(
    inputs: Inputs = None,
    output: Output = None,
    model: Model = None,
    task: Task = None,
    *,
    settings: Settings,
    recursive: Recursive = False,
    glob: Glob = None,
    files_from: FilesFrom = None,
    zero: Zero = False,
    name: Name = None,
    overwrite: Overwrite = False,
    resume: Resume = False,
    retry_failed: RetryFailed = False,
    dry: DryRun = False,
    json: Json = False,
) -> None:
    """Restore photos: each output is complete or not there, inputs are never touched."""
    from imgrestore.batch.plan import plan
    from imgrestore.batch.space import forecast

    if retry_failed and not resume:
        raise UsageError("--retry-failed belongs to --resume", hint="give both, or neither")
    choice = asked_for(model, task, settings.scale, larger=settings.larger)
    for notice in choice.notices if isinstance(choice, Choice) else ():
        console.say(f"notice: {notice}")
    _check_arithmetic(settings)
    refuse_output_among_inputs(inputs or [], output)
    given = gathered(inputs or [], files_from, zero)
    request = _request(given, output, glob or [], name, settings, recursive=recursive, overwrite=overwrite or resume)
    planned = plan(request, choice)
    if planned.earlier:
        console.say(f"left out as results of earlier runs: {planned.earlier}; name them to restore them")
    _check_streams(planned, json=json, times=settings.preserve_times)
    ledger = _ledger(request, planned, choice)
    split = _split(planned, ledger, resume=resume, retry_failed=retry_failed, overwrite=overwrite)
    for warning in forecast(split.todo):
        console.warn(warning)
    methods = partial(_method, choice, request)
    if dry:
        from imgrestore.cli.dry_run import show_plan

        fails = show_plan(planned, split, choice.name, methods, beside=request.beside, json=json)
        raise typer.Exit(1 if fails else 0)
    outcome = Outcome(len(planned.jobs) + len(planned.failures), json=json, resumable=ledger is not None)
    ending = closing(ledger.manifest) if ledger is not None else nullcontext()
    with leaving_in_time(outcome.last_words), ending, outcome.telling_how_to_go_on():
        _run(outcome, planned, split, request, choice, ledger)
    outcome.sum_up()
    if outcome.failed:
        raise typer.Exit(1)


def _request(
    given: list[Path],
    output: str | None,
    globs: list[str],
    name: str | None,
    settings: Settings,
    *,
    recursive: bool,
    overwrite: bool,
) -> Request:
    """Return what the options ask for; standard input is read if it is an input."""
    from imgrestore.batch.inputs import STREAM
    from imgrestore.batch.names import Template
    from imgrestore.batch.request import Request

    if output == "":
        raise UsageError("--output is empty", hint="a variable of the shell may be; . is this folder")
    return Request(
        given,
        output=path_of(output) if output is not None else None,
        into_folder=output is not None and output.endswith(("/", os.sep)),
        recursive=recursive,
        globs=globs,
        overwrite=overwrite,
        template=Template(name) if name is not None else None,
        stdin=standard_input(given) if STREAM in given else None,
        settings=settings,
    )


def _check_streams(planned: Plan, *, json: bool, times: bool) -> None:
    """Refuse what cannot be said, or kept, on standard output."""
    from imgrestore.batch.inputs import STREAM

    if times and any(STREAM in (job.source, job.destination) for job in planned.jobs):
        raise UsageError("--preserve-times is about files, and a stream has no times", hint="leave it out")
    if any(job.destination == STREAM for job in planned.jobs):
        if json:
            raise UsageError("--json and the image both go to standard output", hint="give -o FILE")
        if sys.stdout.isatty():
            raise UsageError("an image is not written to a terminal", hint="redirect standard output, or give -o FILE")


def _ledger(request: Request, planned: Plan, choice: Choice | Remedies) -> Ledger | None:
    """Open the manifest of the folder that all outputs go into, or return None if they go elsewhere."""
    from imgrestore.batch.inputs import STREAM
    from imgrestore.batch.ledger import Ledger

    folder = request.output
    if folder is None or any(job.destination in (STREAM, folder) for job in planned.jobs):
        return None
    return Ledger(folder, choice) if planned.jobs or folder.is_dir() else None


def _split(planned: Plan, ledger: Ledger | None, *, resume: bool, retry_failed: bool, overwrite: bool) -> Split:
    """Tell what is done already, if that was asked."""
    from imgrestore.batch.ledger import Split

    if not resume:
        return Split(planned.jobs, (), ())
    if ledger is None:
        raise UsageError("--resume needs a folder of outputs", hint="-o FOLDER/; its manifest says what is done")
    return ledger.split(planned.jobs, retry_failed=retry_failed, overwrite=overwrite)


def _check_arithmetic(settings: Settings) -> None:
    """Refuse a device that is not there; for the CPU, which always is, torch need not be loaded to ask."""
    if settings.device not in ("auto", "cpu"):
        from imgrestore.engine.devices import choose_device

        choose_device(settings.device)


def _method(choice: Choice | Remedies, request: Request) -> Callable[[Job], Method]:
    """Make ready what restores the photos."""
    from imgrestore.batch.methods import Automatic, ready

    if isinstance(choice, Remedies):
        return Automatic(choice, request.settings, beside=request.beside)
    method = ready(choice, request.settings)
    if method.restorer is not None:
        restorer = method.restorer
        weights = "no weights" if choice.weights is None else str(choice.weights)
        console.detail(
            f"{choice.entry.name} x{choice.network_scale:g}, {weights}, {restorer.device} {restorer.precision}"
        )
    return lambda job: method


def _run(
    outcome: Outcome, planned: Plan, split: Split, request: Request, choice: Choice | Remedies, ledger: Ledger | None
) -> None:
    """Restore what was planned and is not done."""
    from imgrestore.batch.calibration import Measured
    from imgrestore.batch.records import failed, failed_before, skipped
    from imgrestore.batch.run import noted, run

    method_of = _method(choice, request) if split.todo else None
    for job in split.done:
        outcome.report(skipped(job, choice.name))
    for job, attempt in split.failed:
        outcome.report(failed_before(job, attempt, choice.name))
    for name, problem in planned.failures:
        unwritten = noted(partial(ledger.unplanned, name, problem)) if ledger is not None else ()
        outcome.report(replace(failed(name, problem, choice.name), warnings=unwritten))
    if method_of is None:
        return
    measured = Measured(method_of)
    try:
        with console.meter("restoring", sum(job.pixels for job in split.todo), "MP", 1e6) as meter:
            for job, record in zip(
                split.todo, run(split.todo, measured, choice.name, meter.advance, ledger), strict=True
            ):
                measured.note(job, record)
                outcome.report(record)
    finally:
        measured.save()
