"""Which formats there are, and how one is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgrestore.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from imgrestore.codecs.formats.record import Format

_registered: dict[str, Format] = {}


def register(form: Format) -> None:
    """Add a format; of two that recognise a file, the one that was added first has it.

    Raises:
        UsageError: Another format has its name, or one of its file name endings.
    """
    clash = _registered.get(form.name) or next(filter(None, map(by_extension, form.extensions)), None)
    if clash is not None:
        endings = " ".join(form.extensions)
        raise UsageError(f"the format {form.name} ({endings}) clashes with {clash.name} ({' '.join(clash.extensions)})")
    _registered[form.name] = form


def known() -> tuple[Format, ...]:
    """Return all formats."""
    return tuple(_registered.values())


def writable() -> tuple[Format, ...]:
    """Return the formats that results can be saved in."""
    return tuple(form for form in known() if form.writable)


def recognise(head: bytes, tail: bytes = b"", extension: str = "") -> Format | None:
    """Return the format of a file, or None.

    Args:
        head: Its first 512 bytes.
        tail: Its last 26 bytes.
        extension: The ending of its name, with the dot.
    """
    return next((form for form in known() if form.matches(head, tail, extension)), None)


def by_extension(extension: str) -> Format | None:
    """Return the format whose files end like this (with the dot, any case), or None."""
    return next((form for form in known() if extension.lower() in form.extensions), None)


def by_name(name: str) -> Format | None:
    """Return the format of this name, or of this extension without its dot; None if there is none."""
    wanted = name.lower()
    return _registered.get(wanted) or by_extension(f".{wanted}")


def named(name: str) -> Format:
    """Return the format of exactly this name.

    Raises:
        UnknownNameError: There is none.
    """
    if name not in _registered:
        raise UnknownNameError("format", name, _registered)
    return _registered[name]
