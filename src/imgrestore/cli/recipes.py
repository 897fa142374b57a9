"""``imgrestore recipes``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

import typer

from imgrestore.cli import console
from imgrestore.errors import UnknownNameError

app = typer.Typer(help="What can be trained.", no_args_is_help=True, rich_markup_mode=None)

_FOLDER = Path(__file__).parent.parent / "recipes"


@app.command("list")
def list_recipes() -> None:
    """List the recipes that come with imgrestore."""
    tables = {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(_FOLDER.glob("*.toml"))}
    console.table([["recipe", "trains"], *([name, table.get("summary", "")] for name, table in tables.items())])


@app.command()
def show(name: Annotated[str, typer.Argument(help="Name of a recipe.")]) -> None:
    """Print a recipe's file: save it, edit it, train it."""
    path = _FOLDER / f"{name}.toml"
    if not path.is_file() or path.parent != _FOLDER:
        raise UnknownNameError("recipe", name, (path.stem for path in _FOLDER.glob("*.toml")))
    console.result(path.read_text(encoding="utf-8"))
