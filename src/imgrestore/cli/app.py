"""The command ``imgrestore``."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from imgrestore import __version__
from imgrestore.cli import compare, console, doctor, evaluate, models, recipes, restore, train
from imgrestore.errors import ImgrestoreError, UsageError

app = typer.Typer(
    name="imgrestore",
    help="Restore photos: upscale, denoise, deblur. Any size, nothing lost.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        console.result(f"imgrestore {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only say what went wrong.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where in the code an error arose.")] = False,
) -> None:
    """Options that stand before the command."""
    console.VERBOSITY.quiet, console.VERBOSITY.verbose, console.VERBOSITY.debug = quiet, verbose, debug


app.command("restore")(restore.restore)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("compare")(compare.compare)
app.add_typer(models.app, name="models")
app.add_typer(recipes.app, name="recipes")
app.command("doctor")(doctor.doctor)


def main() -> None:
    """Run the command line; the process ends with 0 (done), 1 (something failed), 2 (usage) or 130 (interrupted)."""
    try:
        app()
    except ImgrestoreError as problem:
        if console.VERBOSITY.debug:
            raise
        console.error(problem)
        sys.exit(2 if isinstance(problem, UsageError) else 1)
    except KeyboardInterrupt:
        console.say("interrupted")
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
