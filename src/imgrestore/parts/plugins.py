"""Where parts come from, besides the package: installed distributions, and files of one's own.

A distribution names modules or packages as entry points of the group :data:`GROUP`. Files are named by ``--plugin`` or
the environment variable :data:`VARIABLE`, which hands them down to the processes that this one starts. Nothing else
makes a plugin known: no recipe, and no weights file. A plugin is read, not run, until one of its parts is loaded.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from imgrestore.errors import PluginError

GROUP = "imgrestore.parts"
"""Group of the entry points."""

VARIABLE = "IMGRESTORE_PLUGINS"
"""Environment variable with the paths of files, joined as in ``PATH``."""

__path__: list[str] = []
"""Files of one's own are modules below this one, so that their classes can be pickled and found again."""


@dataclass(frozen=True)
class Source:
    """One place that parts come from.

    Attributes:
        name: ``imgrestore``, a distribution with its version, or the path of a file.
        licence: Licence of its code, as far as it is stated.
        roots: Modules and packages that a distribution names.
        file: The file, if it is one.
    """

    name: str
    licence: str = ""
    roots: tuple[str, ...] = ()
    file: Path | None = None

    @property
    def label(self) -> str:
        """The name without a path: what weights say of where their parts came from."""
        return self.name if self.file is None else self.file.name

    def modules(self) -> Mapping[str, Path]:
        """Return all its files by the names they are imported by.

        Raises:
            ImportError: A module that it names is not there.
        """
        if self.file is not None:
            return {_module_name(self.file): self.file}
        return {name: path for root in self.roots for name, path in _modules(root).items()}


PACKAGE = Source("imgrestore", "Apache-2.0")
"""The package itself."""


def add_file(path: Path | str) -> Path:
    """Make the parts of a file known, here and in the processes that this one starts.

    Returns:
        The absolute path.

    Raises:
        PluginError: There is no such file, or it cannot be named in the environment.
    """
    path = Path(path)
    if path.suffix != ".py" or not path.is_file():
        raise PluginError(
            f"{path}: is no file of Python", hint="--plugin takes FILE.py; a package is installed instead"
        )
    path = path.resolve()
    if os.pathsep in str(path):
        raise PluginError(f"{path}: the path of a plugin cannot hold {os.pathsep!r}", hint="move or link it elsewhere")
    os.environ[VARIABLE] = os.pathsep.join(map(str, dict.fromkeys([*files(), path])))
    return path


def files() -> tuple[Path, ...]:
    """Return the files that are named, each once."""
    named = os.environ.get(VARIABLE, "").split(os.pathsep)
    return tuple(dict.fromkeys(Path(name).resolve() for name in named if name))


def sources() -> Iterator[Source]:
    """Give the distributions that are installed and have parts, then the files that are named."""
    from importlib.metadata import entry_points

    roots: dict[tuple[str, str], list[str]] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        if point.dist is not None:
            metadata = point.dist.metadata
            about = f"{metadata['Name']} {metadata['Version']}", metadata["License-Expression"] or metadata["License"]
            roots.setdefault(about, []).append(point.module)
    for (name, licence), modules in roots.items():
        yield Source(name, licence or "", tuple(modules))
    for file in files():
        yield Source(str(file), file=file)


def how_to_add(labels: Sequence[str]) -> str:
    """Return a hint on how to make plugins known: those of these labels, or if there are none, the right one."""
    if not labels:
        return "install the plugin that has it, or give its file: --plugin FILE.py"
    ways = [f"give --plugin {label}" if label.endswith(".py") else f"install {label}" for label in labels]
    return f"it is from a plugin: {' and '.join(ways)}"


def _modules(name: str) -> Mapping[str, Path]:
    """Return the files of a module or package by the names they are imported by, without importing any.

    Raises:
        ImportError: There is no such module in a file or folder.
    """
    top, *below = name.split(".")
    spec = importlib.util.find_spec(top)
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        place = Path(folder, *below)
        if place.is_dir():
            return {_dotted(name, path.relative_to(place)): path for path in sorted(place.rglob("*.py"))}
        if place.with_name(f"{place.name}.py").is_file():
            return {name: place.with_name(f"{place.name}.py")}
    if spec is not None and not below and spec.origin is not None and spec.origin.endswith(".py"):
        return {name: Path(spec.origin)}
    raise ImportError(f"it names the module {name}, which is not there")


def _dotted(package: str, path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join([package, *(parts[:-1] if parts[-1] == "__init__" else parts)])


def _module_name(path: Path) -> str:
    """Return the name that a file is imported by, the same in every process."""
    return f"{__name__}.{path.stem}_{zlib.crc32(os.fsencode(path)):08x}"


class _Files(MetaPathFinder):
    """Finds files of one's own by their module names."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not name.startswith(f"{__name__}."):
            return None
        found = {_module_name(file): file for file in files()}.get(name)
        return importlib.util.spec_from_file_location(name, found) if found is not None else None


sys.meta_path.append(_Files())
