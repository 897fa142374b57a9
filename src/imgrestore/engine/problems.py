"""What to tell of an image that could not be restored."""

from __future__ import annotations

from imgrestore.engine.devices import is_out_of_memory
from imgrestore.errors import ComputeError, ImgrestoreError, UsageError, unexpected


def as_problem(name: str, error: Exception) -> ImgrestoreError:
    """Return an error as the user's; the engine does not know which image it works on.

    Args:
        name: What messages call the image.
        error: What was raised.
    """
    if isinstance(error, ComputeError | UsageError):
        kind = ComputeError if isinstance(error, ComputeError) else UsageError
        return kind(f"{name}: {error}", error.hint)
    if isinstance(error, RuntimeError) and is_out_of_memory(error):
        return ComputeError(f"{name}: out of memory", "close other programs, or give a smaller --memory")
    return error if isinstance(error, ImgrestoreError) else unexpected(name, error)
