"""Writing files so that nothing is ever half there."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from imgrestore.errors import OutputError

TEMPORARY_PREFIX = ".imgrestore-"
"""How the names of unfinished files begin."""


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name in the same folder; when the block ends well, flush the file and rename it to ``path``.

    When the block fails, the temporary file is removed and whatever stood at ``path`` stays. Links at ``path`` are
    followed, so a link stays a link.

    Raises:
        OutputError: The folder cannot be written to.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{secrets.token_hex(4)}{target.suffix[-16:]}")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        temporary.unlink(missing_ok=True)
    _flush_folder(target.parent)


def write_atomically(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path``, all or nothing.

    Raises:
        OutputError: The file cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def _flush_folder(folder: Path) -> None:
    """Make a rename survive a power failure, where the system lets a folder be flushed."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
