"""Errors in the words of Python, where the command line's ``--max-pixels 500`` is ``max_pixels=500``."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from imgrestore.errors import ImgrestoreError

_OPTION = re.compile(r"(?:\brestore )?--([a-z][a-z-]+)( (?=[A-Z0-9'#]))?")
"""An option of the command line, and the space before its value."""

_FLAGS = ("allow-damaged", "first-frame", "lossless", "overwrite", "strip-metadata", "subsampling")


@contextlib.contextmanager
def in_python() -> Iterator[None]:
    """Say what is wrong in the words of Python, while the block runs."""
    try:
        yield
    except ImgrestoreError as error:
        reword(error)
        raise


def reword(error: ImgrestoreError) -> None:
    """Put the names of arguments in place of the command line's options."""
    notes = error.__dict__.pop("__notes__", [])
    error.args = tuple(_worded(str(argument)) for argument in error.args)
    error.hint = _worded(error.hint)
    for note in notes:
        error.add_note(_worded(note))


def _worded(text: str) -> str:
    return _OPTION.sub(_argument, text)


def _argument(option: re.Match[str]) -> str:
    name = option[1].replace("-", "_")
    return f"{name}=True" if option[1] in _FLAGS else f"{name}=" if option[2] else name
