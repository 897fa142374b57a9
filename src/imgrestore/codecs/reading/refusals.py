"""How files that cannot be read are refused: damaged ones, and sound ones of a kind that is not read here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from imgrestore.codecs.formats import Format
from imgrestore.errors import DamagedError, InputError

_UNSUPPORTED = re.compile(r"(not|un|n't) ?(be |been )?(support|configured|implemented|built)", re.IGNORECASE)


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Say of an input that it cannot be read, which whoever writes what is read would else take for their own failure.

    Args:
        name: What messages call the file.

    Raises:
        InputError: The system refused something in the block.
    """
    try:
        yield
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror or error})") from None


def refused(name: str, form: Format, what: str) -> InputError:
    """Return the error for what a decoder said of a file.

    Args:
        name: What messages call the file.
        form: Its format.
        what: Why it cannot be read, in a few words; those of libraries tell damage from what they do not support.
    """
    if _UNSUPPORTED.search(what):
        return unsupported(name, f"this kind of {form.name} is not supported ({what})")
    return DamagedError(f"{name}: not a readable {form.name} file ({what})", hint="the file may be damaged")


def unsupported(name: str, what: str) -> InputError:
    """Return the error for a sound file of a kind that is not read here."""
    return InputError(f"{name}: {what}", hint="convert it to PNG, or to TIFF of 8 or 16 bits in grey or RGB")
