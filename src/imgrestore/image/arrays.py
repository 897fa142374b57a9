"""Arrays that somebody gives as images: what is accepted, and what is said of the rest. No torch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgrestore.errors import ImageTypeError, ImageValueError

_ADVICE = {
    "b": "multiply by 255 and turn it into uint8",
    "i": "turn it into uint8 if it lies in 0 to 255, or divide by its white and give floats",
    "u": "turn it into uint8 if it lies in 0 to 255, or divide by its white and give floats",
    "c": "give its real part or its magnitude, scaled to [0, 1]",
}
"""What to do about samples of a type that no image has, by numpy's letter for the kind of type."""


def checked_array(array: NDArray[Any]) -> NDArray[Any]:
    """Return the samples (H, W, C) of an array (H, W) or (H, W, 1 to 4); floats become float32.

    Raises:
        ImageTypeError: The samples are neither uint8 nor uint16 nor floats.
        ImageValueError: The shape is not that of an image, or floats lie outside [0, 1].
    """
    check_type(array.dtype)
    shape = array.shape
    if not (array.ndim == 2 or (array.ndim == 3 and 1 <= shape[2] <= 4)):
        raise ImageValueError(
            f"an array of shape {shape} is no image, which is (H, W) or (H, W, C) with 1 to 4 channels C",
            hint="its channels come first, and must come last: np.moveaxis(array, 0, -1)"
            if array.ndim == 3 and shape[0] in (1, 3, 4)
            else "",
        )
    return checked_samples(array[..., None] if array.ndim == 2 else array)


def checked_samples(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return samples (H, W, C) of a type that images have as uint8, uint16 or float32.

    Raises:
        ImageValueError: There are none, or floats lie outside [0, 1].
    """
    if 0 in pixels.shape:
        raise ImageValueError(f"an image of {pixels.shape[1]}x{pixels.shape[0]} holds no pixel")
    if pixels.dtype.kind != "f":
        return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    low, high = float(pixels.min()), float(pixels.max())
    if not np.isfinite([low, high]).all():
        bad = int(np.count_nonzero(~np.isfinite(pixels)))
        raise ImageValueError(
            f"{bad} of {pixels.size} samples are NaN or infinite, and those of an image are numbers in [0, 1]",
            hint="put numbers in their place first: np.nan_to_num",
        )
    if low < 0 or high > 1:
        raise ImageValueError(
            f"samples of type {pixels.dtype} lie between {low:.6g} and {high:.6g}, and those of an image in [0, 1]",
            hint=_scaling(low, high),
        )
    return pixels.astype(np.float32, copy=False)


def check_type(dtype: np.dtype[Any]) -> None:
    """Refuse samples of a type that no image has.

    Raises:
        ImageTypeError: They are neither uint8 nor uint16 nor floats.
    """
    if dtype.kind != "f" and dtype.name not in ("uint8", "uint16"):
        raise ImageTypeError(
            f"samples of type {dtype} are not those of an image, which are uint8, uint16 or floats in [0, 1]",
            hint=_ADVICE.get(dtype.kind, ""),
        )


def _scaling(low: float, high: float) -> str:
    """Return how floats of a range are brought into [0, 1]."""
    if low >= -0.5 and high <= 1.5:
        return "if they overshoot by a little, clip them to [0, 1]"
    if low >= -1 and high <= 1:
        return "if black is -1 and white 1, add 1 and divide by 2"
    white = next((white for white in (255, 65535) if low >= 0 and high <= white), None)
    return f"if white is {white}, divide by {white}" if white else "scale them so that black is 0 and white 1"
