"""``imgrestore compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imgrestore.cli import console
from imgrestore.cli.options import Device, PrecisionOption, Scale
from imgrestore.errors import OutputError, UsageError
from imgrestore.weights.catalogue import choose, labelled


def compare(
    photos: Annotated[list[Path], typer.Argument(help="Photos to restore.", show_default=False)],
    model: Annotated[list[str], typer.Option("--model", "-m", help="Name or .safetensors file; several are allowed.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The picture to write (PNG).")] = Path("compare.png"),
    scale: Scale = None,
    truth: Annotated[
        list[Path] | None, typer.Option("--truth", help="Ground truth of each photo, in the same order.")
    ] = None,
    degrade: Annotated[
        bool, typer.Option("--degrade", help="Take the photos as ground truth and degrade them first.")
    ] = False,
    crops: Annotated[int, typer.Option(help="Zoomed places per photo.", min=0, max=8)] = 3,
    crop_size: Annotated[int, typer.Option(help="Side of a zoomed place, in pixels of the result.", min=16)] = 128,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing picture.")] = False,
    device: Device = "auto",
    precision: PrecisionOption = "auto",
) -> None:
    """Put methods side by side in one picture, zoomed where they differ most, with figures where truth is known."""
    if truth and (degrade or len(truth) != len(photos)):
        raise UsageError("--truth takes one ground truth for each photo, and excludes --degrade")
    if output.suffix.lower() != ".png":
        raise UsageError(f"{output}: the picture is a PNG", hint="give -o a name that ends in .png")
    if output.exists() and not overwrite:
        raise OutputError(f"{output}: exists already", hint="--overwrite replaces it")
    if output.resolve() in {photo.resolve() for photo in [*photos, *(truth or [])]}:
        raise UsageError(f"{output}: would overwrite an input")
    first = choose(model[0], scale)
    choices = labelled([first, *(choose(name, first.scale) for name in model[1:])])
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{output.parent}: cannot be made ({error.strerror})") from None

    from imgrestore.engine.prepare import prepare
    from imgrestore.evaluation.comparison import Subject, compare_photo
    from imgrestore.evaluation.evaluate import standard_protocol
    from imgrestore.evaluation.sheet import draw_sheet, save_sheet

    restorers = {label: prepare(choice, device=device, precision=precision) for label, choice in choices.items()}
    protocol = standard_protocol(first.entry.task)
    comparisons = []
    for i, photo in enumerate(photos):
        subject = Subject.load(photo, truth[i] if truth else None, degrade, first.entry.task, first.scale)
        comparisons.append(compare_photo(subject, restorers, first.scale, crops, crop_size, protocol))
        for method, scores in comparisons[-1].scores.items():
            console.detail(f"{photo} {method}: {scores}")
    save_sheet(draw_sheet(comparisons), output)
    console.say(f"{', '.join(photo.name for photo in photos)} by {', '.join(choices)}: {output}")
