"""The metrics of a protocol, of images in whatever form they are: files, bytes, arrays, PIL images, tensors.

Grey is compared as colour, and transparency is left out, as ``imgrestore evaluate`` does. Sequences of images, arrays
(N, H, W, C) and tensors (N, C, H, W) are batches, which give one value for each image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from imgrestore.codecs import ReadOptions
from imgrestore.codecs.forms import File, Source, is_one, name_of, opened, sources
from imgrestore.errors import ImageValueError, UsageError
from imgrestore.image import Image
from imgrestore.image.tensors import to_tensor
from imgrestore.metrics import protocols
from imgrestore.metrics.protocols import Protocol

if TYPE_CHECKING:
    from imgrestore.codecs.reading.pillow import Picture

Single: TypeAlias = "File | Image | Picture"
"""What always is one image."""

Values = NDArray[np.float64]
"""One value for each image of a batch, (N,)."""


@overload
def psnr(restored: Single, gt: Single, protocol: Protocol = "rgb", border: int = 0) -> float: ...
@overload
def psnr(restored: Sequence[Any], gt: Sequence[Any], protocol: Protocol = "rgb", border: int = 0) -> Values: ...
@overload
def psnr(restored: Any, gt: Any, protocol: Protocol = "rgb", border: int = 0) -> Any: ...
def psnr(restored: Any, gt: Any, protocol: Protocol = "rgb", border: int = 0) -> Any:
    """Return the peak signal-to-noise ratio in dB (peak 255; infinity for identical images).

    Args:
        restored: An image in any form that :func:`imgrestore.restore` takes, or a batch.
        gt: Ground truth of the same size, in any form.
        protocol: ``"y"`` or ``"rgb"``, see :data:`~imgrestore.metrics.protocols.PROTOCOLS`.
        border: Pixels cropped on every side under protocol ``y``.

    Returns:
        A number; for batches (N,) of float64.

    Raises:
        ImageValueError: The images differ in size, or one of them is no image.
        InputError: A file cannot be read.
    """
    return _measured(protocols.psnr, restored, gt, protocol, border)


@overload
def ssim(restored: Single, gt: Single, protocol: Protocol = "rgb", border: int = 0) -> float: ...
@overload
def ssim(restored: Sequence[Any], gt: Sequence[Any], protocol: Protocol = "rgb", border: int = 0) -> Values: ...
@overload
def ssim(restored: Any, gt: Any, protocol: Protocol = "rgb", border: int = 0) -> Any: ...
def ssim(restored: Any, gt: Any, protocol: Protocol = "rgb", border: int = 0) -> Any:
    """Return the structural similarity, at most 1; see :func:`psnr` and :func:`imgrestore.metrics.protocols.ssim`.

    NaN for images whose shorter side is below 11 pixels.
    """
    return _measured(protocols.ssim, restored, gt, protocol, border)


@overload
def ms_ssim(restored: Single, gt: Single, protocol: Protocol = "rgb", border: int = 0) -> float: ...
@overload
def ms_ssim(restored: Sequence[Any], gt: Sequence[Any], protocol: Protocol = "rgb", border: int = 0) -> Values: ...
@overload
def ms_ssim(restored: Any, gt: Any, protocol: Protocol = "rgb", border: int = 0) -> Any: ...
def ms_ssim(restored: Any, gt: Any, protocol: Protocol = "rgb", border: int = 0) -> Any:
    """Return the similarity over five scales; see :func:`psnr` and :func:`imgrestore.metrics.protocols.ms_ssim`.

    NaN for images whose shorter side is below 161 pixels.
    """
    return _measured(protocols.ms_ssim, restored, gt, protocol, border)


def _measured(
    metric: Callable[[Tensor, Tensor, Protocol, int], float], restored: Any, gt: Any, protocol: Protocol, border: int
) -> float | Values:
    if protocol not in protocols.PROTOCOLS:
        raise UsageError(f"no protocol is called {protocol!r}", hint=f"use {' or '.join(protocols.PROTOCOLS)}")
    ours, theirs = _images(restored), _images(gt)
    if is_one(restored) != is_one(gt) or len(ours) != len(theirs):
        counts = " and ".join(f"{len(images)} image{'s' * (len(images) != 1)}" for images in (ours, theirs))
        raise ImageValueError(f"{counts} cannot be compared: either both are one image, or both a batch of as many")
    values = [metric(*_pair(one, other), protocol, border) for one, other in zip(ours, theirs, strict=True)]
    return values[0] if is_one(restored) else np.array(values)


def _images(given: Any) -> list[tuple[Source, str]]:
    """Return what each image is read from, and what messages call it."""
    ones = given if isinstance(given, list | tuple) else [given]
    return [(source, name_of(one)) for one in ones for source in sources(one)]


def _pair(*images: tuple[Source, str]) -> tuple[Tensor, Tensor]:
    """Return two images as float (3, H, W) in [0, 1].

    Raises:
        ImageValueError: They differ in size.
    """
    read = [opened(source, name, ReadOptions()).read() for source, name in images]
    first, second = (f"{image.header.width}x{image.header.height}" for image in read)
    if first != second:
        raise ImageValueError(f"images of {first} and {second} pixels cannot be compared")
    ours, theirs = (to_tensor(image.pixels, image.header.peak)[:3] for image in read)
    return ours, theirs
