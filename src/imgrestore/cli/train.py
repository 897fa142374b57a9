"""``imgrestore train``."""

from __future__ import annotations

import math
import shlex
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imgrestore.cli import console
from imgrestore.cli.options import Device, Json
from imgrestore.cli.signals import heeded
from imgrestore.errors import UsageError
from imgrestore.provenance.values import MEMORY

if TYPE_CHECKING:
    from imgrestore.recipes.recipe import Recipe


def train(
    recipe: Annotated[
        str | None, typer.Option("--recipe", help="Name of a recipe, or a TOML file; with --resume, the run's own.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", "-d", help="Folder of photos, searched with its sub-folders.")
    ] = None,
    run: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of the run; runs/RECIPE by default.")
    ] = None,
    changes: Annotated[list[str] | None, typer.Option("--set", help="Change the recipe: --set steps=1000.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the run's last checkpoint.")] = False,
    start: Annotated[Path | None, typer.Option("--weights", help="Weights to begin with, as far as they fit.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Report on recipe and data; train nothing.")] = False,
    max_minutes: Annotated[
        float, typer.Option(help="Stop with a checkpoint before this time is over.", min=0)
    ] = math.inf,
    workers: Annotated[
        int | None, typer.Option(help="Processes that prepare batches; by the number of cores.", min=0)
    ] = None,
    cache: Annotated[
        str, typer.Option(help="Decoded images up to this size are kept in memory; more are decoded when needed.")
    ] = "4G",
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Log for TensorBoard too.")] = False,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Train a model; a run stopped at any moment can be resumed.

    Several GPUs or machines: torchrun --nproc-per-node N -m imgrestore train …
    """
    from imgrestore.datasets.loader import default_workers
    from imgrestore.engine.devices import choose_device
    from imgrestore.training.clock import process_began
    from imgrestore.training.distributed import here, launcher
    from imgrestore.training.options import Options

    chosen, folder = _chosen(recipe, changes or [], run, resume)
    if data is None:
        raise UsageError("no data to train on", hint="--data takes a folder of photos")
    bytes_kept = MEMORY.read("cache", cache)
    speaks = here().first
    console.VERBOSITY.quiet |= not speaks
    if check:
        _check(chosen, data, bytes_kept)
        return
    options = Options(
        device=choose_device(device),
        resume=resume,
        start=start,
        max_minutes=max_minutes,
        began=process_began(),
        workers=default_workers() if workers is None else workers,
        cache=bytes_kept,
        watch=_tensorboard(folder) if tensorboard and speaks else lambda record: None,
    )
    with _stop_on_signal() as stop:
        finished = _run(chosen, data, folder, options, stop, json and speaks)
    if finished:
        return
    again = [
        "train",
        "--recipe",
        str(folder / "recipe.toml"),
        "--data",
        str(data),
        "--output",
        str(folder),
    ]
    again += ["--resume", "--device", device, "--cache", cache]
    again += ["--max-minutes", f"{max_minutes:g}"] if max_minutes < math.inf else []
    again += ["--workers", str(workers)] if workers is not None else []
    again += ["--tensorboard"] * tensorboard + ["--json"] * json
    console.say(f"  {shlex.join([*launcher(), *again])}")
    raise typer.Exit(128 + stop.number if stop.number else 0)


def _chosen(recipe: str | None, changes: list[str], run: Path | None, resume: bool) -> tuple[Recipe, Path]:
    """Settle the recipe and the folder of the run."""
    from imgrestore.recipes.recipe import load_recipe

    if recipe is None and not (resume and run is not None):
        raise UsageError("no recipe to train", hint="--recipe NAME; imgrestore recipes list shows them")
    if recipe is None and run is not None and not (run / "recipe.toml").is_file():
        raise UsageError(f"{run}: holds no run to resume", hint="--recipe NAME begins one")
    chosen = load_recipe(recipe or str(run / "recipe.toml" if run else ""), changes)
    return chosen, run or Path("runs") / chosen.name


def _run(recipe: Recipe, data: Path, folder: Path, options: Any, stop: _Stop, json: bool) -> bool:
    """Train and show how it goes; return whether the run is finished."""
    from imgrestore.training import train as training
    from imgrestore.training.distributed import here

    step, steps, done, seen = 0, recipe.training.steps, 0.0, 0
    warn = console.warn if here().first else lambda line: None
    with console.meter(recipe.name, 1, "it") as meter:
        steps_of = training(
            recipe, data, folder, options, stopped=lambda: bool(stop.number), warn=warn, say=console.say
        )
        for progress in steps_of:
            if not seen:
                meter.begin(max(0, progress.step - 1))
            seen += 1
            step, done = progress.step, progress.done
            steps = progress.steps or round(step / max(done, 1e-9))
            meter.resize(steps)
            meter.note = _note(progress.record) or meter.note
            meter.advance(step - meter.done)
            if progress.record and json:
                console.record(progress.record)
    if done < 1:
        console.say(f"stopped at step {step} of {steps}; go on with:")
        return False
    console.say(f"trained {step} steps: {folder / recipe.name}.safetensors; how it went: {folder / 'run.html'}")
    return True


def _check(recipe: Recipe, data: Path, cache: int) -> None:
    """Say what a run would do, having read all of its data."""
    from imgrestore.training.check import check_run

    report = check_run(recipe, data, cache)
    for line in report.skipped:
        console.warn(f"cannot use {line}")
    console.table([["what", "value"], *([what, value] for what, value in report.facts)])


def _tensorboard(folder: Path) -> Callable[[dict[str, Any]], None]:
    from imgrestore.training.tensorboard import writer

    return writer(folder / "tensorboard")


class _Stop:
    """Which signal asked the run to stop; 0 is none."""

    number = 0


@contextmanager
def _stop_on_signal() -> Iterator[_Stop]:
    """Let the first Ctrl-C or SIGTERM end the run after its step; the second one ends it at once."""
    stop = _Stop()

    def ask(number: int, _: FrameType | None) -> None:
        stop.number = number
        signal.signal(number, signal.default_int_handler)
        console.say("stopping after this step, with a checkpoint")

    before = {number: signal.signal(number, ask) for number in heeded(signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _note(record: dict[str, object]) -> str:
    if "loss" in record:
        return f"loss {record['loss']:.5f} "
    if "model_psnr" in record:
        base = record.get("bicubic_psnr", record.get("input_psnr"))
        beside = "" if base is None else f"(unrestored {base:.2f}) "  # nothing, where low quality is ground truth
        return f"PSNR {record['model_psnr']:.2f} {beside}"
    return ""
