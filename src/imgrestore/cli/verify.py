"""``imgrestore verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imgrestore.cli import console
from imgrestore.cli.options import Json, with_settings
from imgrestore.provenance.settings import Settings


@with_settings("max_pixels", "device", "memory")
def verify(
    file: Annotated[Path, typer.Argument(help="A result that says how it was made.", show_default=False)],
    original: Annotated[Path, typer.Option("--input", "-i", help="The photo it was made from.", show_default=False)],
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="The weights file that was used, where it is not shipped.")
    ] = None,
    *,
    settings: Settings,
    json: Json = False,
) -> None:
    """Restore a photo again as a result says it was made, and say whether the pixels are the same."""
    from imgrestore.provenance.verification import Result
    from imgrestore.provenance.verification import verify as repeat

    result = Result.load(file)
    warnings: list[str] = []

    def warn(text: str) -> None:
        warnings.append(text)
        console.warn(text)

    with console.meter("restoring", result.header.width * result.header.height, "MP", 1e6) as meter:
        found = repeat(
            result,
            original,
            model,
            own=settings,
            advance=meter.advance,
            warn=warn,
        )
    if json:
        record = {"file": str(file), "input": str(original), "identical": found.none, **vars(found)}
        console.record(record | {"warnings": warnings})
    elif found.none:
        console.result(f"{file}: identical to what {original} gives")
    else:
        console.result(
            f"{file}: differs from what {original} gives in {100 * found.share:.3g} % of the pixels, "
            f"by at most {found.largest:.6g} and on average {found.mean:.3g} of {found.peak}"
        )
    if not found.none:
        raise typer.Exit(1)
