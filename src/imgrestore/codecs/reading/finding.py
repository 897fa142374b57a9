"""Finding image files in folders."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from imgrestore.codecs.formats import by_extension
from imgrestore.codecs.reading.detection import looks_like_image
from imgrestore.errors import InputError


def find_images(
    folder: Path,
    *,
    recursive: bool = True,
    leave_out: Path | None = None,
    unreadable: Callable[[OSError], None] | None = None,
) -> list[Path]:
    """Return the visible image files in a folder in a fixed order; linked folders are searched too, each once.

    Those are files whose content is of a known format, and files that only claim so by their name: reading one of them
    says what is wrong with it, instead of leaving it out in silence.

    Args:
        folder: Where to look.
        recursive: Whether its sub-folders are searched.
        leave_out: A folder that is not searched.
        unreadable: Told of each folder that cannot be searched, which is then left out; by default that is an error.

    Raises:
        InputError: The folder does not exist, or cannot be searched.
    """
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "no such folder"
        raise InputError(f"{folder}: {what}", hint="it takes a folder of images")
    tell = unreadable or _not_searched
    found: list[Path] = []
    entered = {os.path.realpath(path) for path in (folder, leave_out) if path is not None}
    for root, folders, files in os.walk(folder, followlinks=True, onerror=tell):
        here = Path(root)
        visible = sorted(f for f in folders if not f.startswith("."))
        folders[:] = [f for f in visible if recursive and not _entered(here / f, entered)]
        paths = (here / name for name in sorted(files) if not name.startswith("."))
        try:
            found += [p for p in paths if p.is_file() and (by_extension(p.suffix) or looks_like_image(p))]
        except OSError as error:
            tell(error)
    return found


def _not_searched(error: OSError) -> None:
    """Raise what is wrong with a folder as the user's error."""
    raise InputError(f"{error.filename}: cannot be read ({error.strerror})") from None


def _entered(folder: Path, entered: set[str]) -> bool:
    """Return whether a folder has been entered by another way, and remember it: links may lead in circles."""
    place = os.path.realpath(folder)
    if place in entered:
        return True
    entered.add(place)
    return False
