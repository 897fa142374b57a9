"""Writing files so that nothing is ever half there."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import platform
import secrets
import shutil
import stat
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from imgrestore.errors import ExistsError, OutputError

TEMPORARY_PREFIX = ".imgrestore-"
"""How the names of unfinished files begin."""

_UNFINISHED: set[Path] = set()
"""Files and folders of this process that must not outlive it."""


@contextlib.contextmanager
def unfinished(path: Path) -> Iterator[None]:
    """Remember, while the block runs, that a file or folder must not outlive this process, and remove it at the end."""
    _UNFINISHED.add(path)
    try:
        yield
    finally:
        _remove(path)
        _UNFINISHED.discard(path)


def remove_unfinished() -> None:
    """Remove all unfinished files of this process, which is about to end without leaving its blocks."""
    for path in list(_UNFINISHED):
        with contextlib.suppress(OSError):
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing(path: Path, *, overwrite: bool = True) -> Iterator[Path]:
    """Give a temporary name in the same folder; when the block ends well, flush the file and rename it to ``path``.

    When the block fails, the temporary file is removed and whatever stood at ``path`` stays. Links at ``path`` are
    followed, so a link stays a link. A file that is replaced hands on its permissions.

    Args:
        path: The file to write.
        overwrite: Whether what stands at ``path`` may be replaced, be it there before or when the block ends.

    Raises:
        ExistsError: There is a file, and it may not be replaced.
        OutputError: The folder cannot be written to.
    """
    target = Path(os.path.realpath(path))
    if not overwrite:
        refuse_existing(path)
    temporary = target.with_name(f"{_prefix(os.getpid())}{secrets.token_hex(4)}{target.suffix[-16:]}")
    try:
        with unfinished(temporary):
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            if overwrite:
                _replace(temporary, target)
            else:
                _link(temporary, path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error
    flush_folder(target.parent)


def refuse_existing(path: Path) -> None:
    """Refuse to write where something is.

    Raises:
        ExistsError: There is a file.
    """
    if os.path.lexists(os.path.realpath(path)):
        raise ExistsError(f"{path}: exists already", hint="--overwrite replaces it")


def _replace(temporary: Path, target: Path) -> None:
    """Rename a file to a name that may be taken, and give it the permissions of the one that had it."""
    with contextlib.suppress(OSError):
        temporary.chmod(stat.S_IMODE(target.stat().st_mode))
    temporary.replace(target)


def _link(temporary: Path, path: Path) -> None:
    """Give a file a name that must be free; on file systems without links another may still take it in that moment."""
    target = os.path.realpath(path)
    try:
        os.link(temporary, target)
    except OSError:
        refuse_existing(path)
        temporary.replace(target)


def existing(folder: Path) -> Path:
    """Return a folder if it is there, or else the nearest one above it that is."""
    return next(parent for parent in (folder, *folder.absolute().parents) if os.path.lexists(parent))


def write_atomically(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path``, all or nothing.

    Raises:
        OutputError: The file cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def remove_leftovers(folder: Path) -> None:
    """Remove unfinished files of processes that were killed on this machine; those of living ones stay."""
    with contextlib.suppress(OSError):
        for path in folder.glob(f"{TEMPORARY_PREFIX}*"):
            process = path.name.removeprefix(TEMPORARY_PREFIX).split("-")[1:2]
            if process and process[0].isdecimal() and path.name.startswith(_prefix(int(process[0]))):
                try:
                    os.kill(int(process[0]), 0)
                except ProcessLookupError:
                    path.unlink(missing_ok=True)
                except (PermissionError, OverflowError):  # somebody else's process, or no number of one
                    continue


@contextlib.contextmanager
def writing_to_stdout() -> Iterator[None]:
    """Turn a failed write to standard output into an error; a reader that went away stays a :class:`BrokenPipeError`.

    Nothing more is written afterwards: Python would flush what is left once more at its end, and complain.

    Raises:
        OutputError: Standard output cannot be written to.
    """
    try:
        yield
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise BrokenPipeError from None  # without its number, by which typer would know it and end with 1
        raise OutputError(f"standard output: cannot be written ({error.strerror})") from error


def _prefix(process: int) -> str:
    """Return how unfinished files of a process on this machine are named."""
    return f"{TEMPORARY_PREFIX}{zlib.crc32(platform.node().encode()):08x}-{process}-"


def flush_folder(folder: Path) -> None:
    """Make a rename survive a power failure, where the system lets a folder be flushed."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def open_bytes(data: Path | bytes) -> BinaryIO:
    """Open a file, or its content, for reading."""
    return io.BytesIO(data) if isinstance(data, bytes) else data.open("rb")


def content_hash(data: Path | bytes) -> str:
    """Return the SHA-256 of a file, or of its content."""
    if isinstance(data, bytes):
        return hashlib.sha256(data).hexdigest()
    with data.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
