"""Recipes: what to train and how, as data.

A recipe is a TOML file. ``extends`` derives it from another, so nothing is copied; every table is checked before
anything runs; a part (model, data set, degradation, loss, optimiser, schedule) is named by ``kind`` and checks its own
settings. Loading a recipe runs no code and reads no file but recipes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import tomli_w
from pydantic import AfterValidator

from imgrestore.datasets.contract import Dataset
from imgrestore.datasets.photos import Photos
from imgrestore.degradations.contract import Degradation
from imgrestore.errors import RecipeError
from imgrestore.losses.contract import Loss
from imgrestore.optimization.optimizers import Adam, Optimizer
from imgrestore.optimization.schedules import Constant, Schedule
from imgrestore.parts import registry
from imgrestore.parts.part import Field, Part, RecipeTable, SerializeAsAny, check, model_validator
from imgrestore.parts.plugins import PACKAGE
from imgrestore.recipes.files import override, read_table
from imgrestore.recipes.tables import TrainingTable, ValidationTable
from imgrestore.weights.storage import complete_dimensions


def _complete_model(table: dict[str, Any]) -> dict[str, Any]:
    if "kind" not in table:
        raise RecipeError(
            "'model.kind' is missing", hint="it names the model to train, as imgrestore models list --json does"
        )
    kind = str(table["kind"]).replace("_", "-")
    rest = {key: value for key, value in table.items() if key != "kind"}
    return {"kind": kind, **complete_dimensions(kind, rest)}


class Recipe(RecipeTable):
    """A training run. Build one with :func:`load_recipe`.

    Attributes:
        name: Names the run and its weights; the file's name by default.
        summary: What it trains, in one line.
        paper: The publication, table and row it stands for, if any.
        licence: Licence of the weights.
        model: ``kind`` and the dimensions of the network.
        data: How pictures are read and cut into samples.
        degradation: What makes low-quality images out of ground truth, one after the other.
        loss: Terms of the training loss.
        optimizer: What turns gradients into steps.
        schedule: How the learning rate changes.
        training: Length and numerics.
        validation: Measuring during the run.
    """

    name: str = Field(pattern=r"^[^/\\.][^/\\]*$")
    summary: str = ""
    paper: str = ""
    licence: str = "Apache-2.0"
    model: Annotated[dict[str, Any], AfterValidator(_complete_model)]
    data: SerializeAsAny[Dataset] = Photos()
    degradation: tuple[SerializeAsAny[Degradation], ...] = Field(min_length=1)
    loss: tuple[SerializeAsAny[Loss], ...] = Field(min_length=1)
    optimizer: SerializeAsAny[Optimizer] = Adam()
    schedule: SerializeAsAny[Schedule] = Constant()
    training: TrainingTable
    validation: ValidationTable = ValidationTable()

    @model_validator(mode="after")
    def _fits_together(self) -> Recipe:
        if not any(loss.sees_brightness for loss in self.loss):
            raise ValueError(
                f"loss: {self.loss[0].kind} does not see the brightness; add a term that does, such as mse"
            )
        if self.schedule.kind == "plateau" and not self.validation.images:
            raise ValueError("schedule: plateau follows the held-out loss, so validation.images must not be 0")
        return self

    @property
    def model_name(self) -> str:
        """Name of the model in the registry."""
        return str(self.model["kind"])

    @property
    def dimensions(self) -> dict[str, Any]:
        """Arguments of the model's builder."""
        return {key: value for key, value in self.model.items() if key != "kind"}

    @property
    def scale(self) -> int:
        """How many times the model enlarges."""
        return int(self.model.get("scale", 1))

    @property
    def plugins(self) -> dict[str, str]:
        """Parts that come from plugins, as ``"loss my-loss"``, and what each is from."""
        used = [("model", self.model_name), *((part.group, part.kind) for part in _parts(self))]
        entries = [registry.find(*each) for each in sorted(set(used))]
        outside = [entry for entry in entries if entry.source is not PACKAGE]
        return {f"{entry.kind} {entry.name}": entry.source.label for entry in outside}

    def to_table(self) -> dict[str, Any]:
        """Return the whole recipe as plain values, every setting spelled out."""
        return self.model_dump(mode="json", exclude_none=True)

    def to_toml(self) -> str:
        """Return a recipe file that trains the same run, every setting spelled out."""
        return tomli_w.dumps(self.to_table())

    def fingerprint(self) -> str:
        """Return the recipe as canonical JSON: equal for equal runs, however they are described."""
        return json.dumps({**self.to_table(), "summary": ""}, sort_keys=True)


def _parts(value: object) -> Iterator[Part]:
    """Give all parts of a recipe's value, those inside of others too."""
    if isinstance(value, Part):
        yield value
    if isinstance(value, RecipeTable):
        value = tuple(getattr(value, name) for name in type(value).model_fields)
    if isinstance(value, tuple):
        for each in value:
            yield from _parts(each)


def load_recipe(name: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read and check a recipe.

    Args:
        name: Name of a recipe, or the path of a TOML file.
        overrides: Changes such as ``steps=1000``, ``optimizer.learning_rate=2e-4`` or ``loss.0.weight=2``; see
            :func:`imgrestore.recipes.files.override`.

    Raises:
        UnknownNameError: No recipe has that name.
        RecipeError: The recipe does not describe a run; the message names the key.
    """
    table = read_table(name)
    for change in sorted(overrides, key=lambda change: ".kind=" not in change):  # another kind takes its settings away
        override(table, change)
    return check(Recipe, {"name": Path(name).stem, **table}, f"recipe {name}: ")


def difference(before: Any, now: Any, path: str = "") -> str:
    """Say where two recipes, as tables of plain values, first differ."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in {**before, **now}:
            if before.get(key) != now.get(key):
                return difference(before.get(key), now.get(key), f"{path}.{key}".removeprefix("."))
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for i, (old, new) in enumerate(zip(before, now, strict=True)):
            if old != new:
                return difference(old, new, f"{path}.{i}")
    return f"{path}: {json.dumps(before)}, now {json.dumps(now)}"
