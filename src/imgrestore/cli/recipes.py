"""``imgrestore recipes``."""

from __future__ import annotations

import tomllib
from typing import Annotated

import typer

from imgrestore.cli import console
from imgrestore.errors import UnknownNameError
from imgrestore.recipes import shipped_recipes

app = typer.Typer(help="What can be trained.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_recipes() -> None:
    """List the recipes that come with imgrestore."""
    tables = {name: tomllib.loads(path.read_text(encoding="utf-8")) for name, path in shipped_recipes().items()}
    console.table([["recipe", "trains"], *([name, table.get("summary", "")] for name, table in tables.items())])


@app.command()
def show(name: Annotated[str, typer.Argument(help="Name of a recipe.")]) -> None:
    """Print a recipe's file: save it, edit it, train it."""
    shipped = shipped_recipes()
    if name not in shipped:
        raise UnknownNameError("recipe", name, shipped)
    console.result(shipped[name].read_text(encoding="utf-8"))
