"""The command ``imgrestore``."""

from __future__ import annotations

import os
import re
import signal
import sys
import traceback
from functools import partial
from typing import Annotated

import typer

from imgrestore import __version__
from imgrestore.cli import compare, console, doctor, evaluate, info, models, recipes, restore, train, verify
from imgrestore.cli.commands import Commands
from imgrestore.cli.help import Explained
from imgrestore.cli.plugins import PluginOption, say_what_is_left_out
from imgrestore.cli.signals import leave_when_told
from imgrestore.engine.allocation import keep_freed_memory
from imgrestore.errors import ImgrestoreError, UsageError
from imgrestore.parts.plugins import add_file

_COMMON = frozenset(("-q", "--quiet", "-v", "--verbose", "--debug"))

_PLUGIN = "--plugin"
"""Such an option too, with a value."""

_BUNDLE = re.compile(r"-(?=.*[qv])[0nrqv]{2,}")
"""Flags of one letter in one word, among them such an option."""


app = typer.Typer(
    name="imgrestore",
    cls=Commands,
    help="Restore photos: any size, no seams, nothing lost.",
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
    plugin: PluginOption = None,
) -> None:
    """Options that stand before the command."""
    console.VERBOSITY.quiet, console.VERBOSITY.verbose, console.VERBOSITY.debug = quiet, verbose, debug
    for path in plugin or ():
        add_file(path)


_command = partial(app.command, cls=Explained)
_command(short_help="Denoise, deblur or enlarge photos.")(restore.restore)
_command(short_help="Train a model; a run that was stopped can be resumed.")(train.train)
_command(short_help="Measure models against ground truth, or a paper's rows.")(evaluate.evaluate)
_command(short_help="Put methods side by side in one picture.")(compare.compare)
_command(short_help="Show what an image file holds, and how imgrestore made it.")(info.info)
_command(short_help="Restore a photo again, and say whether the pixels are the same.")(verify.verify)
_command(short_help="Say what works here and why: device, precision, codecs.")(doctor.doctor)
app.add_typer(models.app, name="models")
app.add_typer(recipes.app, name="recipes")


def _common_options_first(arguments: list[str]) -> list[str]:
    """Let the options that concern every command stand anywhere before ``--``."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    words = [part for word in arguments[:end] for part in _apart(word)]
    first: list[str] = []
    others: list[str] = []
    while words:
        word = words.pop(0)
        if word == _PLUGIN:
            if not words:
                raise UsageError("--plugin names no file", hint="--plugin FILE.py")
            first += [word, words.pop(0)]
        else:
            (first if word in _COMMON or word.startswith(f"{_PLUGIN}=") else others).append(word)
    return [*first, *others, *arguments[end:]]


def _apart(word: str) -> list[str]:
    return [f"-{letter}" for letter in word[1:]] if _BUNDLE.fullmatch(word) else [word]


def _open_closed_streams() -> None:
    """Open standard streams that the caller has closed (``2>&-``): the next file would get their number.

    What is read is empty, what is said is lost, and a result cannot be written, which is an error.
    """
    for name, flags, mode in (
        ("stdin", os.O_RDONLY, "r"),
        ("stdout", os.O_RDONLY, "w"),  # so that a write fails
        ("stderr", os.O_WRONLY, "w"),
    ):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, flags), mode))


def main() -> None:
    """Run the command line.

    The process ends with 0 (done), 1 (something failed), 2 (usage), or 128 and the number of the signal that ended it:
    130 for Ctrl-C, 143 for a termination, 141 for a reader that went away.
    """
    _open_closed_streams()
    leave_when_told()
    keep_freed_memory()
    say_what_is_left_out()
    try:
        app(_common_options_first(sys.argv[1:]))
    except ImgrestoreError as problem:
        console.trace(traceback.format_exc())
        console.error(problem)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # nothing is left to clean up
        sys.exit(2 if isinstance(problem, UsageError) else 1)
    except BrokenPipeError:
        sys.exit(141)
    except OSError as problem:
        console.trace(traceback.format_exc())
        console.error(ImgrestoreError(f"{problem.filename}: {problem.strerror}" if problem.filename else str(problem)))
        sys.exit(1)
