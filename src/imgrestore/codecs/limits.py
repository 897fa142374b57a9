"""Which format results are saved in, and whether it can hold them: settled before work begins. No torch."""

from __future__ import annotations

from pathlib import Path

from imgrestore.codecs.formats import Format, by_extension, by_name, writable
from imgrestore.errors import FormatLimitError, UsageError
from imgrestore.image import Header
from imgrestore.image.conversion import Conversion

_DEPTH_NAMES = {"uint8": "8 bits", "uint16": "16 bits", "float32": "float"}


def asked_format(format_name: str | None, output: Path | None) -> Format | None:
    """Return the format that ``--format`` or the output's name asks for, or None to keep each input's own.

    Args:
        format_name: What ``--format`` says.
        output: The output if it is one file.

    Raises:
        UsageError: There is no such format to write, or the two contradict each other.
    """
    forced = by_name(format_name) if format_name is not None else None
    if format_name is not None and (forced is None or not forced.writable):
        raise UsageError(f"cannot write the format {format_name!r}", hint=f"use one of {_listed()}")
    if output is None:
        return forced
    named = by_extension(output.suffix)
    if forced is None and (named is None or not named.writable):
        raise UsageError(
            f"{output}: cannot tell the format from {output.suffix!r}",
            hint=f"--format takes one of {_listed()}",
        )
    if forced is not None and named is not None and named is not forced:
        raise UsageError(f"{output}: is not the name of a {forced.name} file", hint="change -o or --format")
    return forced or named


def check_format(name: str, source: Header, result: Header, form: Format, conversion: Conversion) -> None:
    """Refuse what the format of a result cannot hold; the hint names the options that settle it.

    Args:
        name: What messages call the input.
        source: What the input is.
        result: What the result is.
        form: Its format.
        conversion: How the one becomes the other.

    Raises:
        FormatLimitError: The format cannot hold it.
    """
    longest = max(result.width, result.height)
    if longest > form.largest_side:
        raise FormatLimitError(
            f"{name}: a result of {result.width}x{result.height} is too large for {form.name} "
            f"(at most {form.largest_side} a side)",
            hint=f"use --format {_names([f for f in writable() if f.largest_side >= longest])}",
        )
    if result.alpha and not form.alpha:
        others = _names([f for f in writable() if f.alpha and result.dtype.name in f.depths])
        raise FormatLimitError(
            f"{name}: {form.name} cannot hold its transparency",
            hint=f"--background COLOUR puts a colour behind it; --format {others} keeps it",
        )
    if result.metadata.extra and "extra" not in form.carries:
        others = _names([f for f in writable() if "extra" in f.carries])
        raise FormatLimitError(
            f"{name}: {form.name} cannot hold its extra channel, which is not transparency",
            hint=f"--format {others} keeps it; or save the photo without it first",
        )
    if result.dtype.name not in form.depths:
        others = _names([f for f in writable() if result.dtype.name in f.depths])
        depths = [depth for depth, samples in ((8, "uint8"), (16, "uint16")) if samples in form.depths]
        cut = f"--depth {' or '.join(map(str, depths))} converts them"
        raise FormatLimitError(
            f"{name}: {form.name} cannot hold samples of {_DEPTH_NAMES[result.dtype.name]}",
            hint=f"{cut}; --format {others} keeps them",
        )
    if source.grey and not result.grey and source.metadata.icc is not None:
        raise FormatLimitError(
            f"{name}: is grey with a profile of its own, which does not fit the colour {conversion.background}",
            hint="use a --background of grey, or black or white",
        )


def _listed() -> str:
    return ", ".join(form.name for form in writable())


def _names(forms: list[Format]) -> str:
    names = [form.name for form in forms]
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))
