"""``imgrestore info``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imgrestore.cli import console
from imgrestore.cli.options import Json

_AIMS = {"restore": 1, "enlarge": None}
"""What can be done with a photo, with the enlargement that this asks for."""


def info(
    file: Annotated[Path, typer.Argument(help="An image file.")],
    diagnose: Annotated[
        bool, typer.Option("--diagnose", help="Estimate what is wrong with it: noise, blur, JPEG and more.")
    ] = False,
    json: Json = False,
) -> None:
    """Show what an image file holds, how it was made, and what is wrong with it."""
    from imgrestore.codecs import ReadOptions, detect, open_image, settled
    from imgrestore.provenance.stamp import Stamp

    data = settled(file, str(file))
    form = detect(data, str(file))
    # a result may have more pixels than an input; where no more than the header is read here, that costs nothing
    limit = ReadOptions.max_pixels if form.whole else None
    opened = open_image(data, str(file), ReadOptions(limit, first_frame=True))
    for notice in opened.notices:
        console.warn(notice)
    header = opened.header
    carried = header.metadata
    beyond = ", alpha" if header.alpha else ", extra" if carried.extra else ""
    stamp = Stamp.out_of(carried.xmp)
    blocks = {name: getattr(carried, name) for name in ("icc", "exif", "xmp", "iptc")}
    facts: dict[str, object] = {
        "file": str(file),
        "format": form.name,
        "width": header.width,
        "height": header.height,
        "channels": f"{'grey' if header.grey else 'RGB'}{beyond}",
        "samples": header.dtype.name,
        "carries": [name for name, block in blocks.items() if block is not None],
        "made_by": None if stamp is None else vars(stamp),
    }
    found, models = None, {}
    if diagnose:
        from imgrestore.automatic.diagnosis import diagnose as examined
        from imgrestore.weights.remedies import Remedies

        found = examined(opened)
        chosen = {aim: Remedies.shipped(scale).against(found.strengths) for aim, scale in _AIMS.items()}
        models = {aim: None if choice is None else choice.name for aim, choice in chosen.items()}
        facts |= {"found": found.table(), "models": models}
    if json:
        console.record(facts)
        return
    console.result(f"{file}: {form.name}, {header.width}x{header.height}, {facts['channels']}, {header.dtype.name}")
    console.result(f"carries {', '.join(str(name) for name in blocks if blocks[name] is not None) or 'no metadata'}")
    if found is not None:
        console.result(f"found {found}")
        for line in found.lines():
            console.result(f"  {line}")
        console.result("; ".join(f"to {aim}: {model or 'nothing to do'}" for aim, model in models.items()))
    if stamp is None:
        console.result("not made by imgrestore, or made without a stamp")
        return
    console.result(f"made by imgrestore {stamp.version} with {stamp.model}, weights {stamp.weights or 'none'}")
    for name, value in stamp.parameters.items():
        console.result(f"  {name}: {value}")
