"""The JSON schema of recipes, for editors that complete and check TOML."""

from __future__ import annotations

import inspect
import itertools
import types
from collections.abc import Callable
from typing import Any, get_args, get_type_hints

from imgrestore.parts import registry
from imgrestore.parts.part import Part
from imgrestore.recipes.recipe import Recipe

Schema = dict[str, Any]

_TYPES = {int: "integer", float: "number", str: "string", bool: "boolean"}


def recipe_schema() -> Schema:
    """Return a JSON schema (draft 2020-12) that describes every recipe file.

    Parts are described one by one, so an editor offers the kinds there are, and the settings of the chosen kind.
    """
    schema = Recipe.model_json_schema()
    definitions = schema.setdefault("$defs", {})
    for group in ("degradation", "loss", "dataset", "optimizer", "schedule"):
        parts = {name: _part(group, name, part, definitions) for name, part in registry.loaded(group).items()}
        definitions[group] = _by_kind(parts, required=group in ("degradation", "loss"))
    builders = {name: builder for name, builder in registry.loaded("model").items() if registry.models()[name].trained}
    models = {name: _model(name, builder) for name, builder in builders.items()}
    definitions["model"] = _by_kind(models, required=False)
    lengths = itertools.combinations(("steps", "epochs", "minutes"), 2)
    definitions["TrainingTable"]["allOf"] = [{"not": {"required": list(pair)}} for pair in lengths]
    properties = schema["properties"]
    properties["model"] = {"$ref": "#/$defs/model"}
    properties["extends"] = {"type": "string", "description": "a recipe whose settings are taken over"}
    schema.pop("required", None)  # what a file leaves out, the recipe it extends may give
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "imgrestore recipe"}
    filled: Schema = _filled(whole)
    return filled


def _by_kind(parts: dict[str, Schema], required: bool) -> Schema:
    """Describe a table by its ``kind``; one without may take the kind from the recipe it extends."""
    cases = [
        {"if": {"properties": {"kind": {"const": name}}, "required": ["kind"]}, "then": part}
        for name, part in parts.items()
    ]
    kinds = {"type": "object", "properties": {"kind": {"enum": list(parts)}}, "allOf": cases}
    return {**kinds, "required": ["kind"]} if required else kinds


def _filled(node: Any) -> Any:
    """Put references in the places that parts have left open."""
    if isinstance(node, list):
        return [_filled(each) for each in node]
    if not isinstance(node, dict):
        return node
    if "x-part" in node:
        return {"$ref": f"#/$defs/{node['x-part']}"}
    return {key: _filled(value) for key, value in node.items()}


def _part(group: str, name: str, part: type[Part], definitions: Schema) -> Schema:
    schema = part.model_json_schema()
    definitions |= schema.pop("$defs", {})
    schema["properties"] = {"kind": {"const": name}, **schema["properties"]}
    schema["description"] = registry.find(group, name).summary
    return schema


def _model(name: str, builder: Callable[..., Any]) -> Schema:
    hints = get_type_hints(builder)
    dimensions = {
        key: {"default": parameter.default, **_dimension(hints[key])}
        for key, parameter in inspect.signature(builder).parameters.items()
    }
    return {
        "type": "object",
        "title": name,
        "description": registry.find_model(name).summary,
        "properties": {"kind": {"const": name}, **dimensions},
        "additionalProperties": False,
    }


def _dimension(hint: Any) -> Schema:
    if isinstance(hint, type):
        return {"type": _TYPES[hint]}
    if isinstance(hint, types.UnionType):
        return {"anyOf": [_dimension(each) for each in get_args(hint)]}
    return {"enum": list(get_args(hint))}
