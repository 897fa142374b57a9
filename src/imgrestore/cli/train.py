"""``imgrestore train``."""

from __future__ import annotations

import math
import shlex
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from imgrestore.cli import console
from imgrestore.cli.options import Device, Json


def train(
    recipe: Annotated[str, typer.Option("--recipe", help="Name of a recipe, or a TOML file.")],
    data: Annotated[Path, typer.Option("--data", "-d", help="Folder of photos, searched with its sub-folders.")],
    run: Annotated[Path | None, typer.Option("--run", help="Folder of the run; runs/RECIPE by default.")] = None,
    changes: Annotated[list[str] | None, typer.Option("--set", help="Change the recipe: --set steps=1000.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the run's last checkpoint.")] = False,
    start: Annotated[Path | None, typer.Option("--start", help="Weights to begin with, as far as they fit.")] = None,
    max_minutes: Annotated[float, typer.Option(help="Stop with a checkpoint after this time.", min=0)] = math.inf,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Train a model; a run stopped at any moment can be resumed."""
    from imgrestore.devices import choose_device
    from imgrestore.recipes.recipe import load_recipe
    from imgrestore.trainer import train as training
    from imgrestore.trainer import weights_path

    chosen = load_recipe(recipe, changes or [])
    folder = run or Path("runs") / chosen.name
    with _stop_on_signal() as stop, console.meter(chosen.name, chosen.training.steps, "it") as meter:
        step, first = 0, True
        for progress in training(
            chosen,
            data,
            folder,
            device=choose_device(device),
            resume=resume,
            start=start,
            max_minutes=max_minutes,
            stopped=lambda: bool(stop.number),
            warn=console.warn,
        ):
            if first:
                meter.begin(progress.step - 1)
                first = False
            step = progress.step
            meter.note = _note(progress.record) or meter.note
            meter.advance(step - meter.done)
            if progress.record and json:
                console.record(progress.record)
    if step < chosen.training.steps:
        console.say(f"stopped at step {step} of {chosen.training.steps}; go on with:")
        again = ["imgrestore", "train", "--recipe", recipe, "--data", str(data), "--run", str(folder), "--resume"]
        again += ["--device", device, *(word for change in changes or [] for word in ("--set", change))]
        console.say(f"  {shlex.join(again)}")
        raise typer.Exit(128 + stop.number if stop.number else 0)
    console.say(f"trained {step} steps: {weights_path(chosen, folder)}")


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

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
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
        return f"PSNR {record['model_psnr']:.2f} (unrestored {base:.2f}) "
    return ""
