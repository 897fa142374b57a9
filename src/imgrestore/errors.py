"""Errors a user can mend.

Every one derives from :class:`ImgrestoreError` and says what is wrong, where, and how to put it right. The
command line catches these and what the system refuses (``OSError``); a mistake in the code stays a plain Python
exception and surfaces.

    ImgrestoreError
    ├── UsageError          the request itself makes no sense (exit code 2)
    │   ├── UnknownNameError    no model, recipe, loss … has this name
    │   ├── RecipeError         a recipe does not describe a run
    │   └── PluginError         a plugin cannot be used, or has a name that is taken
    ├── InputError          a file, or an image in memory, that cannot be read as asked
    │   ├── NotAnImageError     it is no image of a known format
    │   ├── DamagedError        it cannot be decoded to its end
    │   ├── TooLargeError       it has more pixels than are accepted
    │   ├── SeveralPicturesError    an animation, or several pages
    │   ├── ImageValueError     an array whose shape or samples are not those of an image (a ValueError, too)
    │   └── ImageTypeError      an object, or samples, of a type that no image has (a TypeError, too)
    ├── OutputError         a file that cannot or must not be written
    │   ├── ExistsError         it is there already
    │   └── FormatLimitError    its format cannot hold the result
    ├── WeightsError        weights that cannot be trusted or do not fit
    └── ComputeError        a restoration or training that failed while computing

What a person should know of a restoration that went well is a :class:`RestorationWarning` in Python, and a line on
standard error from the command line.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, ClassVar


class ImgrestoreError(Exception):
    """A problem the user can solve; ``hint`` says how, when there is something to say.

    Attributes:
        code: Tells programs what kind of problem it is; does not change from version to version.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str, hint: str = "") -> None:
        """Keep the one-line ``message`` and the one-line ``hint`` apart."""
        super().__init__(message)
        self.hint = hint
        if hint:
            self.add_note(f"hint: {hint}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to another process, whatever arguments made it."""
        return _remade, (type(self), self.args, self.__dict__)


class UsageError(ImgrestoreError):
    """The request itself makes no sense; nothing was started."""

    code = "usage"


class UnknownNameError(UsageError):
    """No model, recipe, loss or other part has the given name."""

    code = "unknown-name"

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        """Say which ``kind`` of thing is missing and name the nearest known one."""
        known = sorted(known)
        super().__init__(
            f"no {kind} is named {name!r}{nearest(name, known)}",
            hint=f"known: {', '.join(known)}" if known else f"there is no {kind} at all",
        )


class RecipeError(UsageError):
    """A recipe that does not describe a run."""

    code = "recipe"


class PluginError(UsageError):
    """A plugin that cannot be used, or has a part whose name is taken."""

    code = "plugin"


class InputError(ImgrestoreError):
    """A file that cannot be read as asked."""

    code = "input"


class NotAnImageError(InputError):
    """A file that is no image of a known format."""

    code = "not-an-image"


class DamagedError(InputError):
    """An image file that cannot be decoded to its end."""

    code = "damaged"


class TooLargeError(InputError):
    """An image of more pixels than are accepted."""

    code = "too-large"


class SeveralPicturesError(InputError):
    """An animation or a file of several pages."""

    code = "several-pictures"


class ImageValueError(InputError, ValueError):
    """An array or tensor whose shape or samples are not those of an image."""

    code = "image-value"


class ImageTypeError(InputError, TypeError):
    """An object that is no image in any form, or samples of a type that no image has."""

    code = "image-type"


class OutputError(ImgrestoreError):
    """A file that cannot, or must not, be written."""

    code = "output"


class ExistsError(OutputError):
    """A file that is there already and may not be replaced."""

    code = "exists"


class FormatLimitError(OutputError):
    """A result that the chosen format cannot hold: transparency, depth, size."""

    code = "format-limit"


class WeightsError(ImgrestoreError):
    """Weights that cannot be trusted or do not fit the model."""

    code = "weights"


class ComputeError(ImgrestoreError):
    """A restoration or a training run that failed while computing."""

    code = "compute"


class PluginWarning(UserWarning):
    """A plugin that cannot be used, and is left out."""


class RestorationWarning(UserWarning):
    """What a person should know of an image that was restored or saved all the same."""


def _remade(kind: type[ImgrestoreError], arguments: tuple[Any, ...], state: dict[str, Any]) -> ImgrestoreError:
    """Return an error as it was, without going through the constructor of its kind."""
    error = kind.__new__(kind, *arguments)
    error.args = arguments
    error.__dict__.update(state)
    return error


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the known name closest to ``name``, or an empty string."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def unexpected(name: str, error: Exception) -> ComputeError:
    """Return what to tell the user of an error that nobody foresaw: it concerns one image, not the batch.

    Args:
        name: What messages call the image.
        error: What was raised; it is kept as the cause.
    """
    if isinstance(error, MemoryError):
        problem = ComputeError(f"{name}: not enough memory", "close other programs, or give a smaller --memory")
    else:
        told = str(error).partition("\n")[0]
        problem = ComputeError(
            f"{name}: failed unexpectedly ({type(error).__name__}: {told})",
            hint="this is a mistake in imgrestore: please report it, with what --debug shows",
        )
    problem.__cause__ = error
    return problem
