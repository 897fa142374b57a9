"""Parts of a recipe: typed, validated, immutable values that can be called."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from imgrestore.errors import RecipeError, nearest

__all__ = ["Field", "Part", "RecipeTable", "describe"]


class RecipeTable(BaseModel):
    """A table of a recipe: unknown keys are errors, values do not change once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Part(RecipeTable):
    """A loss or a degradation: its fields are its settings and calling it does the work."""

    @classmethod
    def from_table(cls, table: dict[str, object], where: str) -> Part:
        """Build the part from its recipe table.

        Args:
            table: The fields, without ``kind``.
            where: Path of the table inside the recipe, for messages.

        Raises:
            RecipeError: A key is unknown or a value out of range.
        """
        try:
            return cls.model_validate(table)
        except ValidationError as error:
            raise RecipeError(describe(error, cls, where)) from None


def describe(error: ValidationError, table: type[BaseModel], where: str) -> str:
    """Return one line that names the offending key, and the nearest right one if it is a misspelling."""
    first = error.errors()[0]
    path = [str(step) for step in first["loc"]]
    full = ".".join([where, *path] if where else path)
    if first["type"] == "extra_forbidden":
        return f"unknown key '{full}'{nearest(path[-1], _fields_at(table, path[:-1]))}"
    given = "" if first["type"] == "missing" else f", got {first['input']!r}"
    return f"'{full}': {first['msg'].removeprefix('Value error, ')}{given}"


def _fields_at(table: type[BaseModel], path: list[str]) -> list[str]:
    for step in path:
        field = table.model_fields.get(step)
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, BaseModel):
            break
        table = field.annotation
    return list(table.model_fields)
