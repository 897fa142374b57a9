"""``imgrestore restore``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imgrestore.catalogue import Choice, choose, task_model
from imgrestore.cli import console
from imgrestore.cli.options import Device, Json, Memory, PrecisionOption, Tile, parse_bytes
from imgrestore.errors import InputError, UsageError

if TYPE_CHECKING:
    from imgrestore.jobs import Plan
    from imgrestore.tiling import Region


def restore(
    inputs: Annotated[
        list[Path] | None, typer.Argument(help="Photos, folders, or - for standard input.", show_default=False)
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="A file, a folder, or -; beside each input by default.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Name of a model, or a .safetensors file.")] = None,
    task: Annotated[str | None, typer.Option("--task", "-t", help="Take the default model of this task.")] = None,
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
    files_from: Annotated[
        str | None, typer.Option("--files-from", help="A file that lists inputs, one on each line; - for stdin.")
    ] = None,
    zero: Annotated[bool, typer.Option("-0", help="The list is separated by NUL, as from find -print0.")] = False,
    name: Annotated[str | None, typer.Option(help="Pattern of output names: '{stem}_{model}_{scale}x{ext}'.")] = None,
    format_name: Annotated[str | None, typer.Option("--format", help="png, jpeg, tiff or webp.")] = None,
    quality: Annotated[int, typer.Option(help="Of JPEG and WebP.", min=1, max=100)] = 95,
    subsampling: Annotated[bool, typer.Option(help="Store JPEG colour at half resolution.")] = False,
    lossless: Annotated[bool, typer.Option(help="Store WebP without loss.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing outputs.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be done, and stop.")] = False,
    device: Device = "auto",
    precision: PrecisionOption = "auto",
    tile: Tile = None,
    memory: Memory = None,
    json: Json = False,
) -> None:
    """Restore photos: each output is complete or not there, inputs are never touched."""
    from imgrestore.jobs import STREAM, Request, plan
    from imgrestore.names import Template
    from imgrestore.sizes import Target

    choice = _choose(model, task, scale)
    target = Target(width, height, max_side, min_side)
    if target.fixed and scale is not None:
        raise UsageError("--scale and --width or --height both fix the size", hint="leave one of them out")
    given = [*(inputs or []), *(_listed(files_from, zero) if files_from is not None else [])]
    if zero and files_from is None:
        raise UsageError(
            "-0 is about the list of --files-from", hint="find … -print0 | imgrestore restore --files-from - -0"
        )
    stdin = _read_stdin(given) if STREAM in given else None
    request = Request(
        given,
        output=Path(output) if output is not None else None,
        into_folder=output is not None and output.endswith(("/", os.sep)),
        recursive=recursive,
        format_name=format_name,
        overwrite=overwrite,
        target=target,
        crop=_region(crop) if crop is not None else None,
        template=Template(name) if name is not None else None,
        stdin=stdin,
    )
    planned = plan(request, choice)
    if any(job.destination == STREAM for job in planned.jobs):
        if json:
            raise UsageError("--json and the image both go to standard output", hint="give -o FILE")
        if sys.stdout.isatty():
            raise UsageError("an image is not written to a terminal", hint="redirect standard output, or give -o FILE")
    if dry_run:
        _show_plan(planned)
        raise typer.Exit(1 if planned.failures else 0)
    failures = _run(
        planned,
        choice,
        json,
        {"quality": quality, "subsampling": subsampling, "lossless": lossless},
        device=device,
        precision=precision,
        tile=tile,
        strength=strength,
        **({"memory": parse_bytes(memory)} if memory else {}),
    )
    if failures:
        total = len(planned.jobs) + len(planned.failures)
        if total > 1:
            console.say(f"{total - failures} of {total} restored, {failures} failed")
        raise typer.Exit(1)


def _choose(model: str | None, task: str | None, scale: float | None) -> Choice:
    if model and task:
        raise UsageError("--model and --task both name a model", hint="leave one out")
    return choose(model or task_model(task or "upscale"), scale)


def _region(text: str) -> Region:
    """Read ``X,Y,WIDTH,HEIGHT``."""
    from imgrestore.tiling import Region

    numbers = text.split(",")
    if len(numbers) != 4 or not all(number.strip().isdigit() for number in numbers):
        raise UsageError(
            f"--crop {text}: not a region", hint="X,Y,WIDTH,HEIGHT in pixels of the result: 400,300,256,256"
        )
    return Region(*(int(number) for number in numbers))


def _listed(source: str, zero: bool) -> list[Path]:
    """Read the names of inputs from a file or from standard input."""
    try:
        content = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        raise InputError(f"{source}: cannot be read ({error.strerror})") from None
    names = content.split(b"\0") if zero else content.splitlines()
    return [Path(os.fsdecode(name)) for name in names if name]


def _read_stdin(inputs: list[Path]) -> bytes:
    if len(inputs) > 1:
        raise UsageError("- cannot be combined with other inputs")
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("- reads an image from standard input, but that is a terminal", hint="pipe an image in")
    return sys.stdin.buffer.read()


def _show_plan(planned: Plan) -> None:
    for job in planned.jobs:
        size = f"{job.header.width}x{job.header.height} -> {job.width}x{job.height}"
        console.result(f"{job.name} -> {job.destination} ({size}, {job.form.name})")
    for _, problem in planned.failures:
        console.error(problem)


def _run(planned: Plan, choice: Choice, json: bool, saving: dict[str, Any], **options: Any) -> int:
    """Restore what was planned and return how many inputs failed."""
    from imgrestore.batch import Record, failed, run
    from imgrestore.codecs import SaveOptions

    failures = 0

    def report(record: Record) -> None:
        nonlocal failures
        for warning in record.warnings:
            console.warn(warning)
        if record.status == "failed":
            failures += 1
            console.line(f"error: {record.error}")
            if record.hint:
                console.line(f"hint: {record.hint}")
        else:
            console.say(
                f"{record.input} -> {record.output} ({record.width}x{record.height}, {record.seconds:.1f} s, "
                f"{record.model}, {record.device} {record.precision})"
            )
        if json:
            console.record(record.table())

    for name, problem in planned.failures:
        report(failed(name, problem))
    if not planned.jobs:
        return failures
    from imgrestore.api import prepare

    restorer = prepare(choice, **options)
    weights = "no weights" if choice.weights is None else str(choice.weights)
    console.detail(f"{choice.entry.name} x{choice.network_scale:g}, {weights}, {restorer.device} {restorer.precision}")
    console.detail(f"tiles of at most {'x'.join(map(str, restorer.choose_tile(1)))} pixels")
    with console.meter("restoring", sum(job.pixels for job in planned.jobs), "MP", 1e6) as meter:
        for record in run(planned.jobs, restorer, choice.name, SaveOptions(**saving), meter.advance):
            report(record)
    return failures
