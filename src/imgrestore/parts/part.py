"""Parts of a recipe: typed, validated, immutable values, each named by its ``kind``.

A contract (``Degradation``, ``Loss``, ``Optimizer`` …) is a :class:`Part` with a ``group``. Validating a table against
the contract finds the registered part that the table's ``kind`` names and validates the table against that one, at any
depth: a degradation that holds degradations is read like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    SerializeAsAny,
    SerializerFunctionWrapHandler,
    ValidationError,
    WithJsonSchema,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError

from imgrestore.errors import PluginError, RecipeError, UnknownNameError, nearest
from imgrestore.parts import registry

__all__ = ["Field", "Part", "Range", "RecipeTable", "SerializeAsAny", "check", "model_validator", "within"]


class RecipeTable(BaseModel):
    """A table of a recipe: unknown keys are errors, values do not change once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, table: Any) -> Any:
        if isinstance(table, Mapping):
            for key in table:
                if key not in cls.model_fields:
                    close = nearest(str(key), cls.model_fields) or f"; it is none of {', '.join(cls.model_fields)}"
                    raise _failure(cls, str(key), "unknown_key", close, table[key])
        return table


T = TypeVar("T", bound=RecipeTable)


class Part(RecipeTable):
    """A table that names what it describes by ``kind``: a loss, a degradation, an optimiser and so on.

    Attributes:
        group: Set by a contract: the kind of part in the registry.
        default_kind: Set by a contract: the part that a table without ``kind`` describes, if there is one.
    """

    group: ClassVar[str] = ""
    default_kind: ClassVar[str] = ""

    @model_validator(mode="wrap")
    @classmethod
    def _of_its_kind(cls, value: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        if "group" not in cls.__dict__ or not isinstance(value, Mapping):
            return validate(value)
        table = dict(value)
        kind = table.pop("kind", cls.default_kind)
        if not kind:
            known = ", ".join(registry.entries(cls.group))
            raise _failure(cls, "kind", "no_kind", f"missing; it is one of {known}", table)
        try:
            part = registry.find(cls.group, str(kind).replace("_", "-"))
        except UnknownNameError as error:
            raise _failure(cls, "kind", "no_kind", f"{error} ({error.hint})", kind) from None
        definition = part.load()
        if not (isinstance(definition, type) and issubclass(definition, cls)):
            raise PluginError(f"{part.kind} {part.name} of {part.place} is no {cls.__name__}")
        found: Self = definition.model_validate(table)
        return found

    @model_serializer(mode="wrap")
    def _with_kind(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {"kind": self.kind, **serialize(self)}

    @property
    def kind(self) -> str:
        """Name of the part in recipes."""
        return registry.public_name(type(self).__name__)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Leave a place for "any part of this group", which :mod:`imgrestore.recipes.schema` fills."""
        return {"x-part": cls.group} if "group" in cls.__dict__ else handler(core)


def _pair(value: Any) -> Any:
    """Read a single number as the range that holds it alone."""
    return (value, value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _ordered(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] > value[1]:
        raise PydanticCustomError("range", "the range must not descend")
    return value


_NUMBERS = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}

Range = Annotated[
    tuple[float, float],
    BeforeValidator(_pair),
    AfterValidator(_ordered),
    WithJsonSchema({"anyOf": [{"type": "number"}, _NUMBERS]}),
]
"""What is drawn evenly between two numbers; a recipe may give a single number."""


def within(low: float, high: float) -> AfterValidator:
    """Return a check that both ends of a :data:`Range` lie between two numbers."""

    def bounded(value: tuple[float, float]) -> tuple[float, float]:
        if not low <= value[0] <= value[1] <= high:
            raise PydanticCustomError("range", "must lie between {low} and {high}", {"low": low, "high": high})
        return value

    return AfterValidator(bounded)


def check(contract: type[T], table: Any, where: str = "") -> T:
    """Validate a table.

    Args:
        contract: What it should describe.
        table: Keys and values as TOML gives them.
        where: What is being read, for messages.

    Raises:
        RecipeError: One line that names the key, and the nearest right one if it is a misspelling.
    """
    try:
        return contract.model_validate(table)
    except RecipeError as error:
        raise RecipeError(f"{where}{error}", error.hint) from None
    except ValidationError as error:
        raise RecipeError(where + _describe(error)) from None


def _describe(error: ValidationError) -> str:
    first = error.errors()[0]
    path = ".".join(str(step) for step in first["loc"])
    if first["type"] == "unknown_key":
        return f"unknown key '{path}'{first['msg']}"
    message = _PLAINER.get(first["type"], first["msg"].removeprefix("Value error, "))
    if first["type"] in ("missing", "no_kind"):
        return f"'{path}': {message}"
    given = f", got {first['input']!r}" if isinstance(first["input"], str | int | float | list | tuple) else ""
    return f"'{path}': {message}{given}" if path else f"{message}{given}"


_PLAINER = {
    "missing": "missing",
    "tuple_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "string_pattern_mismatch": "must be a plain file name",
}
"""What pydantic says in Python's words, in the words of recipes."""


def _failure(table: type[BaseModel], key: str, kind: str, message: str, value: Any) -> ValidationError:
    """Return an error about one key, which takes the place of the table inside a recipe into its path."""
    problem = PydanticCustomError(kind, "{message}", {"message": message})
    details: Iterable[InitErrorDetails] = [InitErrorDetails(type=problem, loc=(key,), input=value)]
    return ValidationError.from_exception_data(table.__name__, list(details))
