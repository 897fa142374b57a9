"""Recipe files before they are checked: finding them, ``extends`` and ``--set``."""

from __future__ import annotations

import inspect
import tomllib
from pathlib import Path
from typing import Any

from imgrestore.errors import RecipeError, UnknownNameError, nearest
from imgrestore.parts import registry
from imgrestore.recipes import named_recipes
from imgrestore.recipes.tables import TrainingTable, ValidationTable

Table = dict[str, Any]

_PARTS = {"data": ("dataset", "photos"), "optimizer": ("optimizer", "adam"), "schedule": ("schedule", "constant")}
"""Tables that are one part: what the registry calls it, and the kind of a table that names none."""

_ALTERNATIVES = (("steps", "epochs", "minutes"), ("every", "every_epochs"))
"""Keys that say the same thing in different units: giving one takes the others back."""


def read_table(name: str, seen: tuple[Path, ...] = ()) -> Table:
    """Read a recipe's TOML with everything it extends, unchecked.

    Raises:
        UnknownNameError: No recipe has that name.
        RecipeError: The file is not TOML, cannot be read, or extends itself.
    """
    path = _locate(name)
    if path.resolve() in seen:
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
    beside = (path.parent / parent).resolve()
    return merge(read_table(str(beside) if _is_file_name(parent, beside) else parent, (*seen, path.resolve())), table)


def _is_file_name(parent: str, beside: Path) -> bool:
    """Return whether ``extends`` names a file that stands beside the recipe, rather than a recipe that has a name."""
    return beside.suffix == ".toml" and parent not in named_recipes() and beside.is_file()


def merge(base: Table, changes: Table) -> Table:
    """Replace values of ``base``.

    Tables are merged, unless their ``kind`` changes; lists are replaced whole.
    """
    taken_back = {name for names in _ALTERNATIVES if changes.keys() & set(names) for name in names}
    merged = {key: value for key, value in base.items() if key not in taken_back}
    for key, value in changes.items():
        before = merged.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            kind = _kind(before, key)
            merged[key] = merge(before, value) if "kind" not in value or _kind(value, key) == kind else value
        else:
            merged[key] = value
    return merged


def _kind(table: Table, name: str) -> str:
    """Return the kind that a table describes, given or by default, as the registry spells it."""
    default = _PARTS[name][1] if name in _PARTS else ""
    return str(table.get("kind", default)).replace("_", "-")


def override(table: Table, change: str) -> None:
    """Apply one ``key=value`` to a recipe's table.

    A key may lead into tables and lists (``loss.0.weight``). A key without a table is looked up in ``training``,
    ``data``, ``optimizer``, ``schedule``, ``validation`` and ``model``. Values are written as in TOML; anything else is
    text.

    Raises:
        RecipeError: It is not of that form, or leads nowhere, or to several places.
    """
    key, equals, text = change.partition("=")
    path = key.strip().split(".")
    if not equals or not all(path):
        raise RecipeError(f"--set {change}: not of the form key=value", hint="for example --set steps=1000")
    if len(path) == 1:
        path = [_home(path[0], table), path[0]]
    nested: Any = {path[-1]: toml_value(text)}
    owner: Any = table
    for step in path[:-1]:
        if isinstance(owner, list) and step.isdigit() and int(step) < len(owner):
            owner = owner[int(step)]
        elif isinstance(owner, dict):
            owner = owner.setdefault(step, {})
        else:
            owner = None
        if not isinstance(owner, dict | list):
            raise RecipeError(f"--set {change}: {step!r} is not a table of the recipe")
    if not isinstance(owner, dict):
        raise RecipeError(f"--set {change}: {path[-2]!r} is a list", hint="name an entry of it, such as loss.0.weight")
    if path[-1] == "kind" and _kind(owner, path[-2]) != _kind(nested, path[-2]):
        owner.clear()
    merged = merge(owner, nested)
    owner.clear()
    owner.update(merged)


def toml_value(text: str) -> Any:
    """Read a value as TOML writes it; anything else is text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _home(key: str, table: Table) -> str:
    """Return the table that has a key of this name."""
    known = {"training": tuple(TrainingTable.model_fields)}
    for name, (group, default) in _PARTS.items():
        given = table.get(name, {})
        kind = _kind(given, name) if isinstance(given, dict) else default
        known[name] = tuple(registry.find(group, kind).load().model_fields)
    known["validation"] = tuple(ValidationTable.model_fields)
    given = table.get("model", {})
    model = _kind(given, "model") if isinstance(given, dict) else ""
    known["model"] = tuple(inspect.signature(registry.find_model(model).load()).parameters) if model else ()
    homes = [name for name, keys in known.items() if key in keys]
    if len(homes) == 1:
        return homes[0]
    if homes:
        full = " or ".join(f"{home}.{key}" for home in homes)
        raise RecipeError(f"--set {key}: several tables of the recipe have this key", hint=f"write {full}")
    if key in (*known, "loss", "degradation"):
        raise RecipeError(
            f"--set {key}: is a table", hint=f"set its keys, such as {key}.{'0.' * (key not in known)}kind"
        )
    everything = [each for keys in known.values() for each in keys]
    raise RecipeError(
        f"--set {key}: the recipe has no such key{nearest(key, everything)}",
        hint="keys of losses and degradations need their place, such as loss.0.weight",
    )


def _locate(name: str) -> Path:
    named = named_recipes()
    if name in named:
        return named[name][0]
    path = Path(name)
    if path.suffix == ".toml" or path.is_file():
        if not path.is_file():
            raise RecipeError(f"{name}: no such file", hint="imgrestore recipes list shows the recipes that have names")
        if path.suffix != ".toml":
            raise RecipeError(f"{name}: recipes are TOML files", hint="rename it to end in .toml")
        return path
    beside = [str(path.with_suffix(".toml"))] if path.with_suffix(".toml").is_file() else []
    raise UnknownNameError("recipe", name, [*named, *beside])
