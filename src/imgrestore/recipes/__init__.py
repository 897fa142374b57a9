"""Recipes: what to train and how, as data; see :mod:`imgrestore.recipes.recipe`. Listing them imports nothing heavy."""

from __future__ import annotations

from pathlib import Path

from imgrestore.parts import registry
from imgrestore.parts.plugins import PACKAGE, Source


def shipped_recipes() -> dict[str, Path]:
    """Return the recipes that come with the package, by name."""
    return {path.stem: path for path in sorted(Path(__file__).parent.glob("*.toml"))}


def named_recipes() -> dict[str, tuple[Path, Source]]:
    """Return all recipes that have names, those of plugins among them, each with what it is from.

    Raises:
        PluginError: Two have the same name.
    """
    found = {name: (path, PACKAGE) for name, path in shipped_recipes().items()}
    for path, source in registry.outside().recipes:
        if other := found.get(path.stem):
            raise registry.clash("recipe", path.stem, other[1].name, source.name)
        found[path.stem] = path, source
    return found
