"""Where a command's inputs come from: its arguments, a list of names, standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from imgrestore.errors import InputError, UsageError


def gathered(arguments: Sequence[str], files_from: str | None, zero: bool) -> list[Path]:
    """Return the inputs that were named, each once.

    Args:
        arguments: On the command line.
        files_from: A file that lists more, ``-`` for standard input, or None.
        zero: Whether names in the list end in NUL instead of a line's end.

    Raises:
        UsageError: A name is empty, or names end in NUL without ``zero``, or there is no list that they could be in.
        InputError: The list cannot be read.
    """
    if "" in arguments:
        raise UsageError("the name of an input is empty", hint="a variable of the shell may be; . is this folder")
    named = [path_of(name) for name in arguments]
    if files_from is None:
        if zero:
            raise UsageError(
                "-0 is about the list of --files-from", hint="find … -print0 | imgrestore restore --files-from - -0"
            )
        return list(dict.fromkeys(named))
    try:
        content = sys.stdin.buffer.read() if files_from == "-" else Path(files_from).read_bytes()
    except OSError as error:
        raise InputError(f"{files_from}: cannot be read ({error.strerror})") from None
    if b"\0" in content and not zero:
        raise UsageError(f"{files_from}: holds names that end in NUL", hint="give -0, too")
    names = content.split(b"\0") if zero else content.splitlines()
    return list(dict.fromkeys([*named, *(path_of(os.fsdecode(name)) for name in names if name)]))


def path_of(name: str) -> Path:
    """Return the path that a name stands for: ``-`` is a stream, ``./-`` a file, which :class:`Path` takes for one."""
    path = Path(name)
    return path.absolute() if name != "-" and str(path) == "-" else path


def standard_input(inputs: Sequence[Path]) -> bytes:
    """Read the image that standard input is.

    Raises:
        UsageError: There are other inputs, or nothing is piped in.
        InputError: More is piped in than an image file is ever large.
    """
    from imgrestore.codecs import read_pipe

    if len(inputs) > 1:
        raise UsageError("- cannot be combined with other inputs")
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("- reads an image from standard input, but that is a terminal", hint="pipe an image in")
    return read_pipe(sys.stdin.buffer, "standard input")
