"""``imgrestore restore``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imgrestore import __version__
from imgrestore.cli import console
from imgrestore.cli.options import Device, Json, MaxPixels, Memory, PrecisionOption, Tile, computing, parse_pixels
from imgrestore.cli.outcome import Outcome
from imgrestore.cli.signals import leaving_in_time
from imgrestore.cli.sources import gathered, path_of, standard_input
from imgrestore.codecs.formats import writable
from imgrestore.errors import ImgrestoreError, UsageError
from imgrestore.weights.catalogue import Choice, Remedies, choose, task_model

if TYPE_CHECKING:
    from imgrestore.batch.jobs import Job, Plan, Request
    from imgrestore.batch.ledger import Ledger, Split
    from imgrestore.batch.methods import Method
    from imgrestore.codecs import SaveOptions
    from imgrestore.provenance.stamp import Carrying, Stamp


def restore(
    inputs: Annotated[
        list[str] | None, typer.Argument(help="Photos, folders, or - for standard input.", show_default=False)
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="A file, a folder, or -; beside each input by default.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="Name of a model, a .safetensors file, or several in turn: A+B."),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            "-t",
            help="denoise, deblur or upscale; auto, the default, looks at each photo and picks; "
            "with a size, upscale is the default.",
        ),
    ] = None,
    scale: Annotated[
        float | None, typer.Option("--scale", "-s", help="Enlargement; the model's own by default.")
    ] = None,
    width: Annotated[int | None, typer.Option(help="Width of the result in pixels.")] = None,
    height: Annotated[int | None, typer.Option(help="Height of the result in pixels.")] = None,
    max_side: Annotated[int | None, typer.Option(help="Longest side of the result, at most.")] = None,
    min_side: Annotated[int | None, typer.Option(help="Shortest side of the result, at least.")] = None,
    crop: Annotated[
        str | None, typer.Option(help="Only a part of the result, X,Y,WIDTH,HEIGHT: a preview with its exact pixels.")
    ] = None,
    strength: Annotated[float, typer.Option(help="0 leaves the photo as it is, 1 is the full effect.")] = 1.0,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Search sub-folders; -o mirrors them.")] = False,
    glob: Annotated[
        list[str] | None,
        typer.Option("--glob", help="Of folders, take only files like '*.jpg'; may be given more than once."),
    ] = None,
    files_from: Annotated[
        str | None, typer.Option("--files-from", help="A file that lists inputs, one on each line; - for stdin.")
    ] = None,
    zero: Annotated[bool, typer.Option("-0", help="The list is separated by NUL, as from find -print0.")] = False,
    name: Annotated[str | None, typer.Option(help="Pattern of output names: '{stem}_{model}_{scale}x{ext}'.")] = None,
    format_name: Annotated[
        str | None, typer.Option("--format", help=f"{', '.join(form.name for form in writable())}.")
    ] = None,
    depth: Annotated[int | None, typer.Option(help="8 or 16 bits a sample; the input's own by default.")] = None,
    background: Annotated[
        str | None, typer.Option(help="Put a colour behind transparent photos: white, black, '#rrggbb' ….")
    ] = None,
    quality: Annotated[int, typer.Option(help="Of JPEG and WebP.", min=1, max=100)] = 95,
    subsampling: Annotated[bool, typer.Option("--subsampling", help="Store JPEG colour at half resolution.")] = False,
    lossless: Annotated[bool, typer.Option("--lossless", help="Store WebP without loss.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing outputs.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Skip what an earlier run into the same folder has done.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="With --resume: try again what failed before.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be done, and stop.")] = False,
    max_pixels: MaxPixels = "268402689",
    allow_damaged: Annotated[
        bool, typer.Option("--allow-damaged", help="Restore what there is of a damaged file.")
    ] = False,
    first_frame: Annotated[
        bool, typer.Option("--first-frame", help="Take the first picture of an animation or several pages.")
    ] = False,
    strip_metadata: Annotated[
        bool, typer.Option("--strip-metadata", help="Keep nothing but pixels and colour profile.")
    ] = False,
    preserve_times: Annotated[
        bool, typer.Option("--preserve-times", help="Give results the time of change of their inputs.")
    ] = False,
    no_stamp: Annotated[
        bool, typer.Option("--no-stamp", help="Leave out the note of how the result was made.")
    ] = False,
    device: Device = "auto",
    precision: PrecisionOption = "auto",
    tile: Tile = None,
    memory: Memory = None,
    json: Json = False,
) -> None:
    """Restore photos: each output is complete or not there, inputs are never touched."""
    from imgrestore.batch.jobs import STREAM, Request, plan
    from imgrestore.batch.ledger import Split
    from imgrestore.batch.names import Template
    from imgrestore.batch.space import forecast
    from imgrestore.codecs import ReadOptions, SaveOptions
    from imgrestore.image.conversion import Colour, Conversion
    from imgrestore.image.regions import Region
    from imgrestore.image.sizes import Target
    from imgrestore.provenance.stamp import Carrying

    if retry_failed and not resume:
        raise UsageError("--retry-failed belongs to --resume", hint="give both, or neither")
    if output == "":
        raise UsageError("--output is empty", hint="a variable of the shell may be; . is this folder")
    if not 0 <= strength <= 1:
        raise UsageError(f"strength must be between 0 and 1, got {strength}")
    target = Target(width, height, max_side, min_side)
    choice = _choose(model, task, scale, sized=target != Target())
    _check_arithmetic(device, precision)
    if target.fixed and scale is not None:
        raise UsageError("--scale and --width or --height both fix the size", hint="leave one of them out")
    given = gathered(inputs or [], files_from, zero)
    stdin = standard_input(given) if STREAM in given else None
    request = Request(
        given,
        output=path_of(output) if output is not None else None,
        into_folder=output is not None and output.endswith(("/", os.sep)),
        recursive=recursive,
        globs=glob or [],
        format_name=format_name,
        overwrite=overwrite or resume,
        target=target,
        crop=Region.parse(crop) if crop is not None else None,
        template=Template(name) if name is not None else None,
        reading=ReadOptions(parse_pixels(max_pixels), allow_damaged, first_frame),
        conversion=Conversion(depth, Colour.parse(background) if background is not None else None),
        stdin=stdin,
    )
    planned = plan(request, choice)
    if planned.earlier:
        console.say(f"left out as results of earlier runs: {planned.earlier}; name them to restore them")
    _check_streams(planned, json=json, times=preserve_times)
    saving = SaveOptions(quality, subsampling, lossless)
    carrying = Carrying(None if no_stamp else _stamp(precision), strip_metadata, preserve_times)
    made = {"strength": strength, "precision": precision, "strip": strip_metadata, "no_stamp": no_stamp}
    ledger = None if dry_run and not resume else _ledger(request, planned, choice, asdict(saving) | made)
    split = Split(planned.jobs, (), ())
    if resume:
        if ledger is None:
            raise UsageError("--resume needs a folder of outputs", hint="-o FOLDER/; its manifest says what is done")
        split = ledger.split(planned.jobs, retry_failed=retry_failed, overwrite=overwrite)
    for warning in forecast(split.todo):
        console.warn(warning)
    beside = output is None and STREAM not in given
    if dry_run:
        raise typer.Exit(1 if _show_plan(planned, split, choice, beside=beside, json=json) else 0)
    outcome = Outcome(len(planned.jobs) + len(planned.failures), json=json, resumable=ledger is not None)
    ending = closing(ledger.manifest) if ledger is not None else nullcontext()
    options = {"device": device, "strength": strength, **computing(precision, tile, memory)}
    methods = partial(_methods, choice, carrying, beside, options)
    with leaving_in_time(outcome.last_words), ending, outcome.telling_how_to_go_on():
        _run(outcome, split, planned.failures, choice.name, methods, saving, ledger)
    outcome.sum_up()
    if outcome.failed:
        raise typer.Exit(1)


def _check_streams(planned: Plan, *, json: bool, times: bool) -> None:
    """Refuse what cannot be said, or kept, on standard output."""
    from imgrestore.batch.jobs import STREAM

    if times and any(STREAM in (job.source, job.destination) for job in planned.jobs):
        raise UsageError("--preserve-times is about files, and a stream has no times", hint="leave it out")
    if any(job.destination == STREAM for job in planned.jobs):
        if json:
            raise UsageError("--json and the image both go to standard output", hint="give -o FILE")
        if sys.stdout.isatty():
            raise UsageError("an image is not written to a terminal", hint="redirect standard output, or give -o FILE")


def _stamp(precision: str) -> Stamp:
    """Return what all results say of how they were made, but for the model."""
    from imgrestore.provenance.stamp import Stamp

    return Stamp(__version__, "", "", {"precision_asked": precision})


def _folder(request: Request, planned: Plan) -> Path | None:
    """Return the folder that all outputs go into, or None if they go elsewhere."""
    from imgrestore.batch.jobs import STREAM

    output = request.output
    if output is None or any(job.destination in (STREAM, output) for job in planned.jobs):
        return None
    return output if planned.jobs or output.is_dir() else None


def _ledger(request: Request, planned: Plan, choice: Choice | Remedies, options: dict[str, Any]) -> Ledger | None:
    """Open the manifest of the folder of outputs, if there is one; how fast a result is computed is no part of it."""
    from imgrestore.batch.ledger import Ledger

    folder = _folder(request, planned)
    if folder is None:
        return None
    model: dict[str, Any] = {"version": __version__, "model": choice.name}
    if isinstance(choice, Choice):
        model |= {"model": choice.model, "network_scale": choice.network_scale}
    asked = {
        "scale": choice.scale,
        "crop": request.crop,
        "depth": request.conversion.depth,
        "background": request.conversion.background,
        "reading": [request.reading.allow_damaged, request.reading.first_frame],
    }
    return Ledger(folder, model | asked | options, choice.sha256)


def _choose(model: str | None, task: str | None, scale: float | None, *, sized: bool) -> Choice | Remedies:
    """Return the model asked for, or the models among which each photo's damage decides.

    Args:
        model: What ``--model`` says.
        task: What ``--task`` says.
        scale: What ``--scale`` says.
        sized: Whether another option asks for a size.
    """
    if "" in (model, task):
        raise UsageError("--model or --task is empty", hint="a variable of the shell may be")
    if model and task:
        raise UsageError("--model and --task both name a model", hint="leave one out")
    larger = scale is not None or sized
    if task == "auto" and larger:
        raise UsageError("--task auto keeps a photo's size", hint="--task upscale enlarges; run one after the other")
    if task == "auto" or not (model or task or larger):
        return Remedies.shipped()
    return choose(model or task_model(task or "upscale"), scale)


def _check_arithmetic(device: str, precision: Any) -> None:
    """Refuse a device or a precision that is not there; for what always is, torch need not be loaded to ask."""
    if device not in ("auto", "cpu") or precision not in ("auto", "fp32", "bf16", "fp16"):
        from imgrestore.engine.devices import choose_device, choose_precision

        choose_precision(precision, choose_device(device), None)


def _show_plan(planned: Plan, split: Split, choice: Choice | Remedies, *, beside: bool, json: bool) -> bool:
    """Print what would be done, and return whether something would fail."""
    from imgrestore.batch import records

    failures = [records.failed_before(job, entry, choice.name) for job, entry in split.failed]
    failures += [records.failed(name, problem, choice.name) for name, problem in planned.failures]
    for job in split.done if json else ():
        console.record(records.skipped(job, choice.name).table())
    for job in split.todo:
        treatment = None
        if isinstance(choice, Remedies):
            from imgrestore.automatic.treatment import examine
            from imgrestore.codecs import open_image

            try:
                treatment = examine(open_image(job.data, job.name, job.reading), choice)
            except ImgrestoreError as unreadable:
                failures.append(records.failed(job.name, unreadable, choice.name))
                continue
        if json:
            console.record(records.planned(job, choice.name, treatment, beside=beside).table())
            continue
        size = f"{job.header.width}x{job.header.height} -> {job.width}x{job.height}"
        found = f": {treatment.told('nothing to restore', 'to be ')}" if treatment is not None else ""
        console.result(console.one_line(f"{job.name} -> {job.destination} ({size}, {job.form.name}){found}"))
    for record in failures:
        console.failure(record.error or "", record.hint or "")
        if json:
            console.record(record.table())
    return bool(failures)


def _methods(
    choice: Choice | Remedies, carrying: Carrying, beside: bool, options: dict[str, Any]
) -> Callable[[Job], Method]:
    """Make ready what restores the photos."""
    from imgrestore.batch.methods import Automatic, ready

    if isinstance(choice, Remedies):
        return Automatic(choice, carrying, beside=beside, **options)
    method = ready(choice, carrying, **options)
    if method.restorer is not None:
        restorer = method.restorer
        weights = "no weights" if choice.weights is None else str(choice.weights)
        console.detail(
            f"{choice.entry.name} x{choice.network_scale:g}, {weights}, {restorer.device} {restorer.precision}"
        )
    return lambda job: method


def _run(
    outcome: Outcome,
    split: Split,
    unplanned: Sequence[tuple[str, ImgrestoreError]],
    label: str,
    methods: Callable[[], Callable[[Job], Method]],
    saving: SaveOptions,
    ledger: Ledger | None,
) -> None:
    """Restore what was planned and is not done."""
    from imgrestore.batch.records import failed, failed_before, skipped
    from imgrestore.batch.run import noted, run

    method_of = methods() if split.todo else None
    for job in split.done:
        outcome.report(skipped(job, label))
    for job, entry in split.failed:
        outcome.report(failed_before(job, entry, label))
    for name, problem in unplanned:
        unwritten = noted(partial(ledger.unplanned, name, problem)) if ledger is not None else ()
        outcome.report(replace(failed(name, problem, label), warnings=unwritten))
    if method_of is None:
        return
    with console.meter("restoring", sum(job.pixels for job in split.todo), "MP", 1e6) as meter:
        for record in run(split.todo, method_of, label, saving, meter.advance, ledger):
            outcome.report(record)
