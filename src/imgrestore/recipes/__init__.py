"""Recipes: what to train and how, as data; see :mod:`imgrestore.recipes.recipe`. Listing them imports nothing heavy."""

from __future__ import annotations

from pathlib import Path


def shipped_recipes() -> dict[str, Path]:
    """Return the recipes that come with the package, by name."""
    return {path.stem: path for path in sorted(Path(__file__).parent.glob("*.toml"))}
