"""What a command line that makes no sense is told: in one line what is wrong, in one what was probably meant."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imgrestore.cli.help import words_of
from imgrestore.cli.outcome import quoted
from imgrestore.errors import UsageError, nearest
from imgrestore.weights.catalogue import DEFAULT_MODELS


def unknown_command(below: str, word: str, rest: Sequence[str], known: Sequence[str]) -> UsageError:
    """Return what to say where a command should stand and something else does.

    Args:
        below: The words before it, such as ``models``; none for the program itself.
        word: What stands there.
        rest: What stands behind it.
        known: The commands that are there.
    """
    from imgrestore.codecs.formats import by_extension

    program = f"imgrestore {below}".strip()
    if below:
        return UsageError(f"{program} has no command {word!r}{nearest(word, known)}", hint=f"{program} --help")
    if word == "-" or os.path.lexists(word) or by_extension(Path(word).suffix) is not None:
        return UsageError(f"{word}: a command should stand before it", hint=_line("restore", word, *rest))
    tasks = list(DEFAULT_MODELS)
    close = difflib.get_close_matches(word, [*known, *tasks], n=1)
    if close and close[0] in tasks:
        hint = _line("restore", "--task", close[0], *rest)
        return UsageError(f"there is no command {word!r}; {close[0]} is a task of restore", hint)
    return UsageError(f"there is no command {word!r}{nearest(word, known)}", hint="imgrestore --help lists them")


def not_understood(problem: Any, arguments: Sequence[str]) -> UsageError:
    """Return what to say of options that typer does not understand.

    Args:
        problem: What it raised.
        arguments: The words that it could not make sense of.
    """
    if problem.ctx is None:
        return UsageError(problem.format_message().rstrip("."))
    command, words = problem.ctx.command, words_of(problem.ctx)
    help_of = " ".join(filter(None, ["imgrestore", words, "--help"]))
    if not hasattr(problem, "possibilities"):
        return UsageError(problem.format_message().rstrip("."), hint=f"{help_of} explains")
    option, known = problem.option_name, _options(command)
    if not words:
        of_restore = _options(command.commands["restore"])
        if option in of_restore:
            return UsageError(f"{option}: a command should stand before it", hint=_line("restore", *arguments))
        known += of_restore
    close = nearest(option, known) if option.startswith("--") else ""
    return UsageError(f"there is no option {option}{close}", hint=f"{help_of} lists them")


def _options(command: Any) -> list[str]:
    return [name for param in command.params for name in param.opts if name.startswith("-")]


def _line(*words: str) -> str:
    return " ".join(map(quoted, ["imgrestore", *words]))


def refuse_output_among_inputs(arguments: Sequence[str], output: str | None) -> None:
    """Refuse ``restore a.jpg b.png`` where only the first is there: by ``cp`` and others the last one is the output.

    Args:
        arguments: The inputs on the command line.
        output: What ``--output`` says.

    Raises:
        UsageError: There are two, the last one is no file but named like one that can be written, and no output.
    """
    from imgrestore.codecs.formats import by_extension

    if output is not None or len(arguments) != 2 or not os.path.exists(arguments[0]):  # noqa: PTH110  never raises
        return
    source, last = arguments
    form = by_extension(Path(last).suffix)
    if form is not None and form.writable and not os.path.lexists(last):
        raise UsageError(
            f"{last}: no such file; was it meant as the output?", hint=_line("restore", source, "-o", last)
        )
