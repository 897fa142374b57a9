"""Options that several commands share; those that are settings say what :class:`Settings` says."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from imgrestore.provenance.setting import Setting, known
from imgrestore.provenance.settings import Settings
from imgrestore.provenance.values import SCALE

Json = Annotated[bool, typer.Option("--json", help="Write JSON lines to standard output.")]


def option(name: str) -> Any:
    """Return the option of a command that states the setting of this name; a flag that is up takes it down."""
    setting = known(Settings)[name]
    return typer.Option(*_words(name, setting), help=setting.help)


def _settings(stated: dict[str, Any]) -> Settings:
    """Return what options say; those that were not given keep their defaults."""
    given = {name: stated[_name(name)] for name in known(Settings) if stated.get(_name(name)) is not None}
    return Settings.of(**{name: value if _name(name) == name else not value for name, value in given.items()})


def with_settings(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command options in place of its keyword ``settings``.

    Args:
        *names: Which settings it takes; all of them if none is named.
    """

    def given_options(command: Callable[..., None]) -> Callable[..., None]:
        options = [_parameter(name) for name in names or known(Settings)]
        own = inspect.signature(command, eval_str=True)
        parameters = [each for p in own.parameters.values() for each in (options if p.name == "settings" else [p])]

        @functools.wraps(command)
        def called(**given: Any) -> None:
            stated = {option.name: given.pop(option.name) for option in options}
            command(settings=_settings(stated), **given)

        called.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
        called.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": None}
        return called

    return given_options


def _parameter(name: str) -> inspect.Parameter:
    setting, default = known(Settings)[name], getattr(Settings, name)
    kind: Any = setting.kind.stated
    if kind is bool:
        default = False
    elif default is None:
        kind = kind | None
    else:
        default = kind(default)
    annotation = Annotated[kind, option(name)]
    return inspect.Parameter(_name(name), inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _words(name: str, setting: Setting) -> list[str]:
    return ["--" + _name(name).replace("_", "-"), *([setting.short] if setting.short else [])]


def _name(name: str) -> str:
    """Return what the option of a setting is called: what is so by default can only be taken away."""
    return f"no_{name}" if getattr(Settings, name) is True else name


Device = Annotated[str, option("device")]
PrecisionOption = Annotated[str, option("precision")]
Tile = Annotated[int | None, option("tile")]
Memory = Annotated[str | None, option("memory")]
Scale = Annotated[
    float | None,
    typer.Option("--scale", "-s", help=known(Settings)["scale"].help, parser=functools.partial(SCALE.read, "scale")),
]
