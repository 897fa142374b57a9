"""Which files a request's inputs stand for. No torch."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from imgrestore.codecs import find_images
from imgrestore.errors import InputError

STREAM = Path("-")
"""Standard input or output."""


@dataclass(frozen=True)
class Input:
    """An input, with the path its output has below the output folder.

    Attributes:
        source: The file, or :data:`STREAM`.
        relative: Path of the output below the output folder.
        named: Whether the user named it, rather than a folder that holds it.
    """

    source: Path
    relative: Path
    named: bool = True


def find(
    path: Path,
    *,
    recursive: bool,
    globs: Sequence[str],
    leave_out: Path | None,
    unreadable: Callable[[OSError], None],
) -> list[Input]:
    """Return the images that one of the inputs stands for.

    Args:
        path: A file, a folder, or :data:`STREAM`.
        recursive: Whether sub-folders are searched.
        globs: Which files of a folder are taken, see :func:`wanted`; all if there are none.
        leave_out: A folder that is not searched.
        unreadable: Told of each folder that cannot be searched.

    Raises:
        InputError: There is no such file, or no image in the folder though all of it was searched.
    """
    if path == STREAM:
        return [Input(STREAM, Path("stdin"))]
    if path.is_dir():
        unsearched: list[OSError] = []
        images = find_images(path, recursive=recursive, leave_out=leave_out, unreadable=unsearched.append)
        for error in unsearched:
            unreadable(error)
        files = ((image if image != STREAM else image.absolute(), image.relative_to(path)) for image in images)
        found = [Input(image, relative, named=False) for image, relative in files]
        found = [item for item in found if wanted(item.relative, globs)]
        if not found and not unsearched:
            matching = f" that matches {' or '.join(globs)}" if globs else ""
            deeper = "" if recursive else "; -r searches its sub-folders too"
            raise InputError(f"{path}: holds no image{matching}{deeper}")
        return found
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if not path.is_file() and not path.is_fifo():
        raise InputError(f"{path}: is neither a file nor a folder")
    return [Input(path, Path(path.name))]


def wanted(relative: Path, globs: Sequence[str]) -> bool:
    """Return whether a file of a folder matches one of some patterns, or there are none.

    A pattern with a slash is about the path below the folder (``*`` then spans folders), one without about the name.
    Case does not matter: cameras write ``.JPG``.
    """
    return not globs or any(
        re.fullmatch(fnmatch.translate(glob), relative.as_posix() if "/" in glob else relative.name, re.IGNORECASE)
        for glob in globs
    )


def each_once(inputs: Iterable[Input], *, beside: bool) -> list[Input]:
    """Leave out what was found before, by another path to it or in a folder, and would have the same output."""
    once: dict[tuple[str, str, Path | None], Input] = {}
    for item in inputs:
        key = place_of(item.source.parent), item.source.name, None if beside else item.relative
        before = once.get(key, item)
        once[key] = replace(before, named=before.named or item.named)
    return list(once.values())


def place_of(path: Path) -> str:
    """Return where a path leads; links in a circle lead nowhere, which is no reason to give up here."""
    return os.path.realpath(path)
