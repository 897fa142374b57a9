"""A group of commands that answers what it does not understand with what was probably meant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import typer
from typer.core import TyperGroup

from imgrestore.cli import console, guidance
from imgrestore.cli.help import words_of, write_examples

_NOT_UNDERSTOOD = cast(type[Exception], typer.BadParameter.__mro__[1])
"""What typer raises, in all its versions, for a command line that it does not understand."""


class Commands(TyperGroup):
    """The commands of imgrestore, or those below one of them."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Read the options before a command."""
        given = list(args)
        with _said_in_one_line(given):
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Run a command; typer would end without a word when one is interrupted."""
        try:
            with _said_in_one_line(list(ctx.args)):
                return super().invoke(ctx)
        except KeyboardInterrupt:
            console.say("interrupted")
            raise typer.Exit(130) from None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command; ``help`` stands for the help of the words behind it."""
        if args == ["help"]:
            typer.echo(ctx.get_help())
            ctx.exit()
        word, *rest = [*args[1:], "--help"] if args[0] == "help" else args
        if self.get_command(ctx, word) is None and not word.startswith("--"):
            raise guidance.unknown_command(words_of(ctx), word, rest, list(self.commands))
        return super().resolve_command(ctx, [word, *rest])

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """Write what the commands are for, and examples."""
        super().format_help_text(ctx, formatter)
        write_examples(ctx, formatter)


@contextmanager
def _said_in_one_line(arguments: list[str]) -> Iterator[None]:
    """Turn what typer says of a command line into an error like all others; help that it prints instead stays."""
    try:
        yield
    except _NOT_UNDERSTOOD as problem:
        if type(problem).__name__ == "NoArgsIsHelpError":
            raise
        raise guidance.not_understood(problem, arguments) from None
