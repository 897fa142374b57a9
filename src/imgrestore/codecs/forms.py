"""Images in the forms that Python has them in: files, bytes, arrays, PIL images, tensors; and back. Loads no torch."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeGuard

import numpy as np
from numpy.typing import NDArray

from imgrestore.codecs import open_image, read_pipe, settled
from imgrestore.codecs.options import ReadOptions
from imgrestore.errors import ImageTypeError, ImageValueError, InputError
from imgrestore.image import Image, ImageStream, Pixels
from imgrestore.image.arrays import check_type, checked_array, checked_samples

if TYPE_CHECKING:
    from torch import Tensor

    from imgrestore.codecs.reading.pillow import Picture

File = str | os.PathLike[str] | bytes | BinaryIO
"""An image file: its path, its content, or a binary file object, which is read from where it stands to its end."""

Source = Path | bytes | Image
"""What an image is read from, as often as is wished."""

_FORMS = "a path, bytes, a binary file object, a numpy array, a PIL image, a torch tensor or an imgrestore.Image"


def sources(given: object) -> list[Source]:
    """Return what the images that were given are read from: of a batch several, else one.

    Args:
        given: A :data:`File`; an :class:`~imgrestore.image.Image`; an array (H, W), (H, W, C) or (N, H, W, C); a PIL
            image; or a tensor (C, H, W) or (N, C, H, W) on any device. Samples are uint8, uint16 or floats in [0, 1].

    Raises:
        ImageTypeError: It is of no such form, or its samples are of another type.
        ImageValueError: Its shape or samples are not those of an image.
        InputError: It cannot be read.
    """
    if isinstance(given, Image):
        return [given]
    if isinstance(given, np.ndarray):
        return [Image(pixels) for pixels in _of_array(given)]
    if isinstance(given, str | os.PathLike):
        return [settled(Path(given), name_of(given))]
    if isinstance(given, bytes | bytearray | memoryview):
        return [bytes(given)]
    if is_tensor(given):
        return [Image(pixels) for pixels in _of_tensor(given)]
    if is_pillow(given):
        from imgrestore.codecs.reading.pillow import from_pillow

        return [from_pillow(given)]
    if hasattr(given, "read"):
        return [_content(given)]
    sequence = isinstance(given, Sequence)
    raise ImageTypeError(
        f"a {type(given).__name__} is no image; give {_FORMS}",
        hint="restore_many takes one after the other, np.asarray makes an array of numbers" if sequence else "",
    )


def opened(source: Source, name: str, reading: ReadOptions) -> ImageStream:
    """Open an image for reading from top to bottom.

    Raises:
        InputError: It cannot be read as asked.
    """
    return source.stream() if isinstance(source, Image) else open_image(source, name, reading)


def given_back(given: object, images: Sequence[Image]) -> Any:
    """Return results in the form that their inputs were given in.

    Args:
        given: What :func:`sources` was given.
        images: The result for each of its images.

    Returns:
        An array or tensor of the same layout, on the same device, in [0, 1] if its samples are floats, which stay of
        their type; a PIL image of the same mode if it can be; for a file an image.

    Raises:
        ImageValueError: A PIL image cannot hold the samples.
    """
    if isinstance(given, np.ndarray):
        pixels = [_like(image.pixels, given.dtype) for image in images]
        if given.ndim == 2:
            return pixels[0][..., 0] if images[0].header.channels == 1 else pixels[0]
        return np.stack(pixels) if given.ndim == 4 else pixels[0]
    if is_tensor(given):
        return _tensor_like(given, [image.pixels for image in images])
    if is_pillow(given):
        from imgrestore.codecs.reading.pillow import to_pillow

        made = to_pillow(images[0])
        return made.convert("I") if given.mode == "I" and made.mode.startswith("I") else made
    return images[0]


def name_of(given: object) -> str:
    """Return what messages call an image."""
    if isinstance(given, str | os.PathLike):
        return os.fspath(given) if isinstance(given, str) else str(given)
    name = getattr(given, "name", None) if hasattr(given, "read") else None
    return name if isinstance(name, str) and name else "the image"


def is_one(given: object) -> bool:
    """Return whether something is one image in some form, and not several."""
    if hasattr(given, "ndim"):
        return bool(given.ndim < 4)
    return (
        isinstance(given, str | os.PathLike | bytes | bytearray | Image) or hasattr(given, "read") or is_pillow(given)
    )


def is_tensor(given: object) -> TypeGuard[Tensor]:
    """Return whether something is a torch tensor; torch need not be loaded for what is none."""
    torch: Any = sys.modules.get("torch")
    return torch is not None and isinstance(given, torch.Tensor)


def is_pillow(given: object) -> TypeGuard[Picture]:
    """Return whether something is a PIL image; Pillow need not be loaded for what is none."""
    pillow: Any = sys.modules.get("PIL.Image")
    return pillow is not None and isinstance(given, pillow.Image)


def _of_array(array: NDArray[Any]) -> list[Pixels]:
    """Return the samples (H, W, C) of each image of an array."""
    if array.ndim != 4:
        return [checked_array(array)]
    if not len(array) or not 1 <= array.shape[3] <= 4:
        raise ImageValueError(
            f"an array of shape {array.shape} is no batch of images, which is (N, H, W, C) with 1 to 4 channels C",
            hint="its channels come second, and must come last: np.moveaxis(array, 1, -1)"
            if array.shape[1] in (1, 3, 4)
            else "",
        )
    return [checked_array(image) for image in array]


def _of_tensor(tensor: Tensor) -> list[Pixels]:
    """Return the samples (H, W, C) of each image of a tensor."""
    shape = tuple(tensor.shape)
    if len(shape) not in (3, 4) or not 1 <= shape[-3] <= 4 or 0 in shape[:-2]:
        raise ImageValueError(
            f"a tensor of shape {shape} is no image, which is (C, H, W) or (N, C, H, W) with 1 to 4 channels C",
            hint="its channels come last, and must come first: tensor.movedim(-1, -3)"
            if len(shape) in (3, 4) and shape[-1] in (1, 3, 4)
            else "tensor[None] is a grey image"
            if len(shape) == 2
            else "",
        )
    batch = tensor.detach()
    batch = batch.float() if batch.is_floating_point() else batch
    images = batch if batch.ndim == 4 else batch[None]
    found = [image.permute(1, 2, 0).cpu().numpy() for image in images]
    check_type(found[0].dtype)
    return [checked_samples(pixels) for pixels in found]


def _like(pixels: Pixels, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return samples in [0, 1] of the type that floats were given in; others as they are."""
    return pixels.clip(0, 1).astype(dtype, copy=False) if pixels.dtype.kind == "f" else pixels


def _tensor_like(given: Tensor, results: Sequence[Pixels]) -> Tensor:
    """Return results (H, W, C) as a tensor of the layout, on the device and of the float type of another."""
    import torch

    batch = torch.from_numpy(np.stack(results)).permute(0, 3, 1, 2)
    if batch.is_floating_point():
        batch = batch.clamp(0, 1).to(given.dtype)
    batch = batch.to(given.device).contiguous()
    return batch if given.ndim == 4 else batch[0]


def _content(file: Any) -> bytes:
    """Return what is left to read of a file object.

    Raises:
        ImageTypeError: It gives text.
        InputError: It cannot be read.
    """
    name = name_of(file)
    try:
        return read_pipe(file, name)
    except TypeError:
        raise ImageTypeError(f"{name}: gives text, and an image is bytes", hint="open it with mode 'rb'") from None
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror or error})") from None
    except ValueError as error:
        raise InputError(f"{name}: cannot be read ({error})") from None
