"""Changing a finished file without touching anything else in it.

libvips rewrites EXIF through a library that drops entries it does not know, and stores none in TIFF. What it cannot
write faithfully is therefore put into files that it has written, byte for byte, while nobody else reads them yet.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from imgrestore.files import unfinished


def insert(path: Path, position: int, content: bytes) -> None:
    """Put bytes into a file."""
    splice(path, position, position, content)


def splice(path: Path, start: int, stop: int, content: bytes) -> None:
    """Put ``content`` in place of the bytes from ``start`` to ``stop``."""
    changed = path.with_name(path.name + "x")
    with unfinished(changed):
        with path.open("rb") as source, changed.open("xb") as target:
            target.write(source.read(start))
            target.write(content)
            source.seek(stop)
            shutil.copyfileobj(source, target)
        changed.replace(path)
