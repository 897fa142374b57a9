"""Recipes: what to train and how, as data.

A recipe is a TOML file. ``extends`` derives it from another, so nothing is copied; every table is checked before
anything runs; a part (model, degradation, loss) is named by ``kind`` and checks its own settings. Loading a recipe runs
no code and reads no file but recipes.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from imgrestore import registry
from imgrestore.errors import RecipeError, UnknownNameError
from imgrestore.parts import Field, Part, RecipeTable, describe
from imgrestore.recipes import shipped_recipes
from imgrestore.weights import complete_dimensions


class DataTable(RecipeTable):
    """Crops: sides in low-quality pixels (see :class:`imgrestore.datasets.Crops`)."""

    patch: int = Field(48, ge=4)
    batch: int = Field(16, ge=1)
    context: int = Field(4, ge=0)


class OptimizerTable(RecipeTable):
    """Adam (D. Kingma, J. Ba, ICLR 2015, arXiv:1412.6980)."""

    kind: Literal["adam"] = "adam"
    learning_rate: float = Field(1e-3, gt=0)
    betas: tuple[float, float] = (0.9, 0.99)
    clip: float = Field(1.0, gt=0, description="largest norm of the gradient; longer ones are shortened")


class ScheduleTable(RecipeTable):
    """Cosine decay to ``final`` times the learning rate after a linear warm-up."""

    kind: Literal["cosine"] = "cosine"
    warmup: int = Field(200, ge=0)
    final: float = Field(1e-3, ge=0, le=1)


class TrainingTable(RecipeTable):
    """Length and numerics of the run."""

    steps: int = Field(ge=1)
    seed: int = Field(0, ge=0)
    precision: Literal["fp32", "bf16"] = "bf16"
    ema: float = Field(0.999, ge=0, lt=1, description="decay per step of the averaged weights, which are the result")
    log_every: int = Field(100, ge=1)
    checkpoint_every: int = Field(500, ge=1)


class ValidationTable(RecipeTable):
    """Measuring during the run, on photos held out from the data."""

    images: int = Field(12, ge=0)
    every: int = Field(2000, ge=1)
    protocol: Literal["y", "rgb"] = "y"


class Recipe(RecipeTable):
    """A training run. Build one with :func:`load_recipe`."""

    name: str = Field(pattern=r"^[^/\\.][^/\\]*$", description="names the weights file of a finished run")
    summary: str = ""
    licence: str = "Apache-2.0"
    model: dict[str, Any]
    degradation: list[dict[str, Any]] = Field(min_length=1)
    loss: list[dict[str, Any]] = Field(min_length=1)
    data: DataTable = DataTable()
    optimizer: OptimizerTable = OptimizerTable()
    schedule: ScheduleTable = ScheduleTable()
    training: TrainingTable
    validation: ValidationTable = ValidationTable()

    @property
    def model_name(self) -> str:
        """Name of the model in the registry."""
        return str(self.model["kind"])

    @property
    def dimensions(self) -> dict[str, Any]:
        """Arguments of the model's builder."""
        return {key: value for key, value in self.model.items() if key != "kind"}

    def degradations(self) -> list[Part]:
        """Return the degradations, in the order they are applied."""
        return [_part("degradation", table, f"degradation.{i}") for i, table in enumerate(self.degradation)]

    def losses(self) -> list[tuple[float, Part]]:
        """Return the terms of the training loss with their weights."""
        terms = []
        for i, table in enumerate(self.loss):
            weight = table.get("weight", 1.0)
            if isinstance(weight, bool) or not isinstance(weight, int | float):
                raise RecipeError(f"'loss.{i}.weight' must be a number, got {weight!r}")
            rest = {key: value for key, value in table.items() if key != "weight"}
            terms.append((float(weight), _part("loss", rest, f"loss.{i}")))
        return terms


def load_recipe(name: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read and check a recipe.

    Args:
        name: Name of a shipped recipe, or the path of a TOML file.
        overrides: Changes such as ``steps=1000`` or ``optimizer.learning_rate=2e-4``; a key without a table is looked
            up in ``training``, ``data``, ``optimizer``, ``schedule``, ``validation`` and ``model``, in this order.

    Raises:
        UnknownNameError: No recipe has that name.
        RecipeError: The recipe does not describe a run; the message names the key.
    """
    table = read_table(name)
    for override in overrides:
        _apply(table, override)
    try:
        recipe = Recipe.model_validate({"name": Path(name).stem, **table})
    except ValidationError as error:
        raise RecipeError(f"recipe {name}: {describe(error, Recipe, '')}") from None
    if "kind" not in recipe.model:
        raise RecipeError(f"recipe {name}: 'model.kind' is missing", hint="it names the model to train")
    recipe.degradations()
    recipe.losses()
    complete = complete_dimensions(recipe.model_name, recipe.dimensions)
    return recipe.model_copy(update={"model": {"kind": recipe.model_name, **complete}})


def read_table(name: str, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Read a recipe's TOML with everything it extends, unchecked.

    Raises:
        UnknownNameError: No recipe has that name.
        RecipeError: The file is not TOML, cannot be read, or extends itself.
    """
    path = _locate(name)
    if path in seen:
        raise RecipeError(f"recipe {name} extends itself", hint="break the circle of 'extends'")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RecipeError(f"{path}: not a readable TOML file ({error})") from None
    parent = table.pop("extends", None)
    if parent is None:
        return table
    if not isinstance(parent, str):
        raise RecipeError(f"{path}: 'extends' must be the name of a recipe, got {parent!r}")
    return _merge(read_table(parent, (*seen, path)), table)


def _locate(name: str) -> Path:
    shipped = shipped_recipes()
    if name in shipped:
        return shipped[name]
    path = Path(name)
    if path.suffix == ".toml" and path.is_file():
        return path
    raise UnknownNameError("recipe", name, shipped)


def _merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Replace values of ``base``; tables are merged, lists are replaced whole."""
    merged = dict(base)
    for key, value in changes.items():
        both_tables = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both_tables else value
    return merged


def _apply(table: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    path = key.strip().split(".")
    if not equals or not all(path):
        raise RecipeError(f"--set {override}: not of the form key=value", hint="for example --set steps=1000")
    try:
        value: Any = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    if len(path) == 1:
        path = [_table_of(path[0], table), path[0]]
    for step in path[:-1]:
        table = table.setdefault(step, {})
        if not isinstance(table, dict):
            raise RecipeError(f"--set {override}: '{step}' is not a table")
    table[path[-1]] = value


def _table_of(key: str, table: dict[str, Any]) -> str:
    for name in ("training", "data", "optimizer", "schedule", "validation"):
        annotation = Recipe.model_fields[name].annotation
        if annotation is not None and key in annotation.model_fields:
            return name
    return "model" if key in table.get("model", {}) else "training"


def _part(kind: str, table: dict[str, Any], where: str) -> Part:
    if "kind" not in table:
        raise RecipeError(
            f"'{where}.kind' is missing", hint=f"it names the {kind}: {', '.join(registry.entries(kind))}"
        )
    part: type[Part] = registry.find(kind, str(table["kind"])).load()
    return part.from_table({key: value for key, value in table.items() if key != "kind"}, where)
