"""Plugins on the command line: the option, what is wrong with one, and where parts are from."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from imgrestore.cli import console
from imgrestore.errors import PluginWarning
from imgrestore.parts import plugins
from imgrestore.parts.plugins import PACKAGE, Source

PluginOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin",
        help="A file of Python with models, losses … of your own; may be given more than once.",
        metavar="FILE",
    ),
]


def say_what_is_left_out() -> None:
    """Say of a plugin that cannot be used in one line why, as of all that a person should know."""
    ordinary = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *where: Any, **options: Any) -> None:
        if issubclass(category, PluginWarning):
            console.warn(str(message))
        else:
            ordinary(message, category, *where, **options)

    warnings.showwarning = show


def options() -> list[str]:
    """Return the words of a command line that make the same files known."""
    return [word for file in plugins.files() for word in ("--plugin", str(file))]


def with_origins(rows: list[list[str]], sources: Sequence[Source]) -> list[list[str]]:
    """Add a column to a table, headings and all, that says where each row is from, if one is from a plugin."""
    if all(source is PACKAGE for source in sources):
        return rows
    return [[*row, name] for row, name in zip(rows, ["from", *(source.name for source in sources)], strict=True)]
