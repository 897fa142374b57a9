"""What parts there are: models, losses, degradations and more, found without running them.

A part is one definition in a file of its package, marked by a decorator. The files are *read* (as syntax trees), not
imported, so that listing models costs no import of torch; the decorator's arguments are therefore literals. A part is
imported when somebody loads it.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from imgrestore.errors import UnknownNameError

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """One registered part.

    Attributes:
        kind: One of :data:`HOMES`.
        name: The name users write: the definition's name in lower case with hyphens.
        summary: First line of the definition's docstring.
        module: Module that defines it.
        attribute: Name of the definition in that module.
        facts: Literal arguments of the decorator.
    """

    kind: str
    name: str
    summary: str
    module: str
    attribute: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def load(self) -> Any:
        """Import the part's module and return the definition."""
        return getattr(importlib.import_module(self.module), self.attribute)


@dataclass(frozen=True)
class ModelEntry(Entry):
    """A registered model: what is known of it without building the network."""

    @property
    def task(self) -> str:
        """``"upscale"``, ``"denoise"`` or ``"deblur"``."""
        return str(self.facts["task"])

    @property
    def scales(self) -> tuple[int, ...]:
        """Upscaling factors the network is built for, or empty for any factor."""
        return tuple(self.facts.get("scales", ()))

    @property
    def default_scale(self) -> float:
        """Factor used when the user names none."""
        return float(self.facts["default_scale"])

    @property
    def trained(self) -> bool:
        """Whether the model needs weights."""
        return bool(self.facts.get("trained", True))

    @property
    def fixed_size(self) -> bool:
        """Whether the network takes images of one size only, so that photos are restored block by block."""
        return bool(self.facts.get("fixed_size", False))

    @property
    def licence(self) -> str:
        """Licence of the code that computes it (the weights' own licence stands in their card)."""
        return "Apache-2.0"

    @property
    def paper(self) -> str:
        """Where the method comes from."""
        return str(self.facts.get("paper", ""))

    @property
    def reproduces(self) -> str:
        """Number of the paper, ``"000"`` to ``"004"``, whose system this is, or empty: a model for photos."""
        number, numbered, _ = self.paper.partition(": ")
        return number if numbered and number.isdecimal() else ""


def register_model(
    *,
    task: str,
    default_scale: float,
    scales: tuple[int, ...] = (),
    trained: bool = True,
    fixed_size: bool = False,
    paper: str = "",
) -> Callable[[T], T]:
    """Mark a function that builds a :class:`~imgrestore.models.contract.RestorationModel`.

    The arguments must be literals: they are read from the source, see :class:`ModelEntry` for their meaning.
    """
    return lambda builder: builder


def register_loss(part: T) -> T:
    """Mark a :class:`~imgrestore.losses.contract.Loss`."""
    return part


def register_degradation(part: T) -> T:
    """Mark a :class:`~imgrestore.degradations.contract.Degradation`."""
    return part


def register_dataset(part: T) -> T:
    """Mark a :class:`~imgrestore.datasets.contract.Dataset`."""
    return part


def register_optimizer(part: T) -> T:
    """Mark an :class:`~imgrestore.optimization.optimizers.Optimizer`."""
    return part


def register_schedule(part: T) -> T:
    """Mark a :class:`~imgrestore.optimization.schedules.Schedule`."""
    return part


HOMES = {
    "model": "models",
    "loss": "losses",
    "degradation": "degradations",
    "dataset": "datasets",
    "optimizer": "optimization.optimizers",
    "schedule": "optimization.schedules",
}
"""The package or module that the parts of a kind stand in."""


@cache
def entries(kind: str) -> Mapping[str, Entry]:
    """Return every registered part of one kind by name, sorted.

    Args:
        kind: One of :data:`HOMES`.
    """
    home = Path(__file__).parents[1].joinpath(*HOMES[kind].split("."))
    entry_type = ModelEntry if kind == "model" else Entry
    found: dict[str, Entry] = {}
    for path in sorted(home.glob("*.py")) if home.is_dir() else [home.with_suffix(".py")]:
        module = f"imgrestore.{HOMES[kind]}.{path.stem}" if home.is_dir() else f"imgrestore.{HOMES[kind]}"
        for node in ast.parse(path.read_bytes()).body:
            if not isinstance(node, ast.FunctionDef | ast.ClassDef):
                continue
            facts = _decorator_facts(node, f"register_{kind}")
            if facts is None:
                continue
            name = public_name(node.name)
            summary = (ast.get_docstring(node) or "").partition("\n")[0]
            found[name] = entry_type(kind, name, summary, module, node.name, facts)
    return dict(sorted(found.items()))


def find(kind: str, name: str) -> Entry:
    """Return the part of this kind and name.

    Raises:
        UnknownNameError: Nothing has that name; the message names the nearest one.
    """
    known = entries(kind)
    if name not in known:
        raise UnknownNameError(kind, name, known)
    return known[name]


def models() -> Mapping[str, ModelEntry]:
    """Return every registered model by name."""
    return {name: entry for name, entry in entries("model").items() if isinstance(entry, ModelEntry)}


def find_model(name: str) -> ModelEntry:
    """Return the model of this name.

    Raises:
        UnknownNameError: No model has that name.
    """
    known = models()
    if name not in known:
        raise UnknownNameError("model", name, known)
    return known[name]


def _decorator_facts(node: ast.FunctionDef | ast.ClassDef, decorator: str) -> dict[str, Any] | None:
    for mark in node.decorator_list:
        if isinstance(mark, ast.Name) and mark.id == decorator:
            return {}
        if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Name) and mark.func.id == decorator:
            return {keyword.arg: ast.literal_eval(keyword.value) for keyword in mark.keywords if keyword.arg}
    return None


def public_name(identifier: str) -> str:
    """Turn ``ResnetSr`` or ``resnet_sr`` into ``resnet-sr``."""
    words = "".join(f"_{c.lower()}" if c.isupper() else c for c in identifier).strip("_")
    return words.replace("_", "-")
