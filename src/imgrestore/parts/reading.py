"""Reading what a file of Python defines, without running it."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RECIPES = "RECIPES"
"""What a file sets to the name of the folder beside it that its recipes are in."""


@dataclass(frozen=True)
class Definition:
    """A function or class that a decorator marks as a part.

    Attributes:
        kind: What it is: the decorator without ``register_``.
        attribute: Its name.
        summary: First line of its docstring.
        facts: Literal arguments of the decorator.
    """

    kind: str
    attribute: str
    summary: str
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Contents:
    """What a file defines.

    Attributes:
        definitions: The parts.
        recipes: The recipe files that it names.
    """

    definitions: Sequence[Definition]
    recipes: Sequence[Path]


def read(path: Path, kinds: Collection[str]) -> Contents:
    """Read the parts of some kinds that a file defines, and the recipes that it names.

    Raises:
        OSError: The file cannot be read.
        SyntaxError: It is not Python.
        ValueError: Something that is read is no literal, or there is no such folder.
    """
    body = ast.parse(path.read_bytes(), str(path.name)).body
    parts = [node for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    recipes = [node.value for node in body if isinstance(node, ast.Assign) and _names(node.targets) == [RECIPES]]
    return Contents(
        [definition for node in parts for definition in _definitions(node, kinds)],
        [recipe for node in recipes for recipe in _toml(path.parent / _literal(node, RECIPES))],
    )


def _definitions(node: ast.FunctionDef | ast.ClassDef, kinds: Collection[str]) -> Iterator[Definition]:
    summary = (ast.get_docstring(node) or "").partition("\n")[0]
    for mark in node.decorator_list:
        call = mark.func if isinstance(mark, ast.Call) else mark
        decorator = "".join(_names([call]))
        kind = decorator.removeprefix("register_")
        if decorator == f"register_{kind}" and kind in kinds:
            given = mark.keywords if isinstance(mark, ast.Call) else []
            facts = {word.arg: _literal(word.value, decorator) for word in given if word.arg is not None}
            yield Definition(kind, node.name, summary, facts)


def _names(nodes: Sequence[ast.expr]) -> list[str]:
    """Return the last words of names such as ``parts.register_loss``."""
    names = [getattr(node, "id", getattr(node, "attr", None)) for node in nodes]
    return [name for name in names if isinstance(name, str)]


def _literal(node: ast.expr, what: str) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise ValueError(f"line {node.lineno}: what {what} is given must be literals") from None


def _toml(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ValueError(f"{RECIPES} names the folder {folder}, which is not there")
    return sorted(folder.glob("*.toml"))
