"""Errors a user can mend.

Every one derives from :class:`ImgrestoreError` and says what is wrong, where, and how to put it right. The
command line catches these and nothing else; a mistake in the code stays a plain Python exception and surfaces.

    ImgrestoreError
    ├── UsageError          the request itself makes no sense (exit code 2)
    │   ├── UnknownNameError    no model, recipe, loss … has this name
    │   └── RecipeError         a recipe does not describe a run
    ├── InputError          a file that cannot be read as asked
    ├── OutputError         a file that cannot or must not be written
    ├── WeightsError        weights that cannot be trusted or do not fit
    └── ComputeError        a restoration or training that failed while computing
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ImgrestoreError(Exception):
    """A problem the user can solve; ``hint`` says how, when there is something to say."""

    def __init__(self, message: str, hint: str = "") -> None:
        """Keep the one-line ``message`` and the one-line ``hint`` apart."""
        super().__init__(message)
        self.hint = hint


class UsageError(ImgrestoreError):
    """The request itself makes no sense; nothing was started."""


class UnknownNameError(UsageError):
    """No model, recipe, loss or other part has the given name."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        """Say which ``kind`` of thing is missing and name the nearest known one."""
        known = sorted(known)
        super().__init__(
            f"no {kind} is named {name!r}{nearest(name, known)}",
            hint=f"known: {', '.join(known)}" if known else f"there is no {kind} at all",
        )


class RecipeError(UsageError):
    """A recipe that does not describe a run."""


class InputError(ImgrestoreError):
    """A file that cannot be read as asked."""


class OutputError(ImgrestoreError):
    """A file that cannot, or must not, be written."""


class WeightsError(ImgrestoreError):
    """Weights that cannot be trusted or do not fit the model."""


class ComputeError(ImgrestoreError):
    """A restoration or a training run that failed while computing."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the known name closest to ``name``, or an empty string."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""
