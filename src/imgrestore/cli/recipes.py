"""``imgrestore recipes``."""

from __future__ import annotations

import tomllib
from json import dumps
from typing import Annotated

import typer

from imgrestore.cli import console
from imgrestore.cli.commands import Commands
from imgrestore.cli.help import Explained
from imgrestore.cli.options import Json
from imgrestore.cli.plugins import with_origins
from imgrestore.evaluation.papers import places
from imgrestore.recipes import named_recipes

app = typer.Typer(help="What can be trained.", no_args_is_help=True, rich_markup_mode=None, cls=Commands)


@app.command("list", cls=Explained)
def list_recipes(json: Json = False) -> None:
    """List the recipes of imgrestore and of plugins."""
    recipes = named_recipes()
    tables = {name: tomllib.loads(path.read_text(encoding="utf-8")) for name, (path, _) in recipes.items()}
    if json:
        for name, table in tables.items():
            record = {"recipe": name, "summary": table.get("summary", ""), "extends": table.get("extends")}
            console.record(record | {"paper": places().get(name), "from": recipes[name][1].name})
        return
    rows = [[name, table.get("summary", ""), places().get(name, "")] for name, table in tables.items()]
    rows.insert(0, ["recipe", "trains", "paper, table and row"])
    console.table(with_origins(rows, [source for _, source in recipes.values()]))


@app.command(cls=Explained, short_help="Print a recipe with every setting: save it, edit it, train it.")
def show(
    name: Annotated[str, typer.Argument(help="Name of a recipe, or a TOML file.")],
    changes: Annotated[list[str] | None, typer.Option("--set", help="Change it: --set steps=1000.")] = None,
) -> None:
    """Print a recipe with every setting spelled out: save it, edit it, train it."""
    from imgrestore.recipes.recipe import load_recipe

    recipe = load_recipe(name, changes or [])
    place = places().get(recipe.name, "")
    console.result((f"# paper {place}\n" if place else "") + recipe.to_toml())


@app.command(cls=Explained)
def schema() -> None:
    """Print the JSON schema of recipes, for editors."""
    from imgrestore.recipes.schema import recipe_schema

    console.result(dumps(recipe_schema(), indent=2))
