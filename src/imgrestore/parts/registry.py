"""What parts there are: models, losses, degradations and more, found without running them.

A part is one definition in a file of its package, or of a plugin (:mod:`imgrestore.parts.plugins`), marked by a
decorator. The files are *read* (as syntax trees), not imported, so that listing models costs no import of torch; the
decorator's arguments are therefore literals. A part is imported when somebody loads it.
"""

from __future__ import annotations

import importlib
import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from imgrestore.errors import ImgrestoreError, PluginError, PluginWarning, UnknownNameError
from imgrestore.parts import plugins
from imgrestore.parts.plugins import PACKAGE, Source
from imgrestore.parts.reading import Contents, read

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
        source: Where it comes from.
    """

    kind: str
    name: str
    summary: str
    module: str
    attribute: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    source: Source = PACKAGE

    def load(self) -> Any:
        """Import the part's module and return the definition.

        Raises:
            PluginError: The part is from outside, and its module cannot be imported.
        """
        with self.running():
            return getattr(importlib.import_module(self.module), self.attribute)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Tell the user whose code it is that fails in the block, if it is a plugin's.

        Raises:
            PluginError: It has failed.
        """
        try:
            yield
        except ImgrestoreError:
            raise
        except Exception as error:
            if self.source is PACKAGE:
                raise
            what = f"{type(error).__name__}: {error}".partition("\n")[0]
            raise PluginError(
                f"{self.kind} {self.name} of {self.place} fails ({what})", hint="--debug shows where"
            ) from error

    @property
    def place(self) -> str:
        """Where it is defined, in words."""
        return self.source.name if self.source.file is not None else f"{self.source.name} ({self.module})"


@dataclass(frozen=True)
class ModelEntry(Entry):
    """A registered model: what is known of it without building the network."""

    @property
    def task(self) -> str:
        """One of :data:`TASKS`."""
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
        """Licence of the code that computes it (the weights' own licence stands in their card), as far as stated."""
        return self.source.licence

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


def register_metric(part: T) -> T:
    """Mark a function that measures an image against its ground truth, as those of :mod:`imgrestore.metrics` do."""
    return part


TASKS = ("upscale", "denoise", "deblur")
"""What models do."""

HOMES = {
    "model": "models",
    "loss": "losses",
    "degradation": "degradations",
    "dataset": "datasets",
    "optimizer": "optimization.optimizers",
    "schedule": "optimization.schedules",
    "metric": "metrics.protocols",
}
"""The module, or the package, that our own parts of a kind stand in."""


def entries(kind: str) -> Mapping[str, Entry]:
    """Return every registered part of one kind by name, sorted.

    Args:
        kind: One of :data:`HOMES`.

    Raises:
        PluginError: Two have the same name.
    """
    return _entries(kind, plugins.files())


@cache
def _entries(kind: str, files: tuple[Path, ...]) -> Mapping[str, Entry]:
    found: dict[str, Entry] = {}
    for entry in (*_own(kind), *(entry for entry in _outside(files).entries if entry.kind == kind)):
        if other := found.get(entry.name):
            raise clash(kind, entry.name, other.place, entry.place)
        found[entry.name] = entry
    return dict(sorted(found.items()))


def clash(kind: str, name: str, *places: str) -> PluginError:
    """Return what to say where a name is taken twice."""
    return PluginError(
        f"two parts are the {kind} {name}: that of {' and that of '.join(places)}",
        hint="rename one, or uninstall the plugin or leave out its --plugin",
    )


def _own(kind: str) -> list[Entry]:
    home = Path(__file__).parents[1].joinpath(*HOMES[kind].split("."))
    modules = {f"imgrestore.{HOMES[kind]}": home.with_suffix(".py")}
    if home.is_dir():
        modules = {f"imgrestore.{HOMES[kind]}.{path.stem}": path for path in sorted(home.glob("*.py"))}
    return [entry for module, path in modules.items() for entry in _found(read(path, {kind}), module, PACKAGE)]


@dataclass(frozen=True)
class Outside:
    """What plugins bring.

    Attributes:
        entries: Their parts.
        recipes: Their recipe files, each with what it is from.
    """

    entries: tuple[Entry, ...]
    recipes: tuple[tuple[Path, Source], ...]


def outside() -> Outside:
    """Return what plugins bring; one that cannot be read is left out, with a :class:`PluginWarning`."""
    return _outside(plugins.files())


@cache
def _outside(files: tuple[Path, ...]) -> Outside:
    read_ones = []
    for source in plugins.sources():
        try:
            read_ones.append(_read(source))
        except PluginError as problem:
            warnings.warn(f"{problem}; it is left out", PluginWarning, stacklevel=4)
    return Outside(
        tuple(entry for each in read_ones for entry in each.entries),
        tuple(recipe for each in read_ones for recipe in each.recipes),
    )


def load_plugin(path: Path | str) -> None:
    """Make the parts of a file known, here and in the processes that this one starts.

    The file is read now, and run when one of its parts is used: with all rights that this process has.

    Raises:
        PluginError: There is no such file, or it cannot be read.
    """
    file = plugins.add_file(path)
    _read(Source(str(file), file=file))


def _read(source: Source) -> Outside:
    """Read all that a plugin brings.

    Raises:
        PluginError: Something of it cannot be read.
    """
    path = None
    found: list[Entry] = []
    recipes: list[tuple[Path, Source]] = []
    try:
        for module, path in source.modules().items():
            contents = read(path, HOMES)
            found += _found(contents, module, source)
            recipes += [(recipe, source) for recipe in contents.recipes]
    except (ImportError, OSError, SyntaxError, ValueError, TypeError, RecursionError) as error:
        where = f"{path}: " if path is not None and source.file is None else ""
        raise PluginError(f"plugin {source.name}: {where}{error}") from None
    return Outside(tuple(found), tuple(recipes))


def _found(contents: Contents, module: str, source: Source) -> Iterator[Entry]:
    """Give the parts that a file defines.

    Raises:
        TypeError: A model lacks a fact, or has one that is none.
        ValueError: There is no such task.
    """
    for part in contents.definitions:
        if part.kind == "model":
            inspect.signature(register_model).bind(**part.facts)
            if part.facts["task"] not in TASKS:
                raise ValueError(f"the task of {part.attribute} is none of {', '.join(TASKS)}")
        name = part.attribute if part.kind == "metric" else public_name(part.attribute)
        entry_type = ModelEntry if part.kind == "model" else Entry
        yield entry_type(part.kind, name, part.summary, module, part.attribute, part.facts, source)


def find(kind: str, name: str) -> Entry:
    """Return the part of this kind and name.

    Raises:
        UnknownNameError: Nothing has that name; the message names the nearest one.
    """
    known = entries(kind)
    if name not in known:
        raise UnknownNameError(kind, name, known)
    return known[name]


def known(kind: str, name: str) -> bool:
    """Return whether there is a part of this kind and name; the kind may be none at all."""
    return kind in HOMES and name in entries(kind)


def loaded(kind: str) -> Mapping[str, Any]:
    """Return the definitions of all parts of a kind by name; one that cannot be loaded is left out, with a warning."""
    found = {}
    for name, entry in entries(kind).items():
        try:
            found[name] = entry.load()
        except PluginError as problem:
            warnings.warn(f"{problem}; it is left out", PluginWarning, stacklevel=2)
    return found


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


def public_name(identifier: str) -> str:
    """Turn ``ResnetSr`` or ``resnet_sr`` into ``resnet-sr``."""
    words = "".join(f"_{c.lower()}" if c.isupper() else c for c in identifier).strip("_")
    return words.replace("_", "-")
