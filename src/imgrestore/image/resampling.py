"""Resampling: nearest, bilinear, bicubic and Lanczos at any factor, whole or row by row.

Every output sample is a weighted sum of input samples. Along one axis the weights form a banded matrix, computed in
float64 from absolute coordinates (half-pixel centres, so nothing shifts) and applied in blocks of fixed position, so
that a result never depends on how the image was cut into pieces.

When shrinking, the kernel is stretched by the factor (antialiasing). ``bicubic`` is Keys' kernel with a = -0.5
(R. Keys, IEEE TASSP 29, 1981), which is what the super-resolution literature calls bicubic.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imgrestore.image import BAND
from imgrestore.image.rows import RowWindow, rebanded


def _triangle(x: Tensor) -> Tensor:
    return (1 - x.abs()).clamp_min(0)


def _keys(x: Tensor) -> Tensor:
    x = x.abs()
    inner = (1.5 * x - 2.5) * x * x + 1.0
    outer = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return torch.where(x < 1, inner, torch.where(x < 2, outer, 0.0))


def _lanczos3(x: Tensor) -> Tensor:
    return torch.where(x.abs() < 3, torch.sinc(x) * torch.sinc(x / 3), 0.0)


_KERNELS = {"bilinear": (_triangle, 1.0), "bicubic": (_keys, 2.0), "lanczos": (_lanczos3, 3.0)}

KERNELS = ("nearest", *_KERNELS)
"""Names of the kernels."""


def kernel_radius(kernel: str) -> int:
    """Return how many input pixels a kernel reaches on either side when enlarging."""
    return 1 if kernel == "nearest" else math.ceil(_KERNELS[kernel][1])


def weigh(kernel: str, distance: Tensor) -> Tensor:
    """Return what samples at some distances from a place count there, any shape, not normalised.

    Args:
        kernel: One of :data:`KERNELS`, but not ``nearest``.
        distance: In samples of the input when enlarging, of the output when shrinking.
    """
    return _KERNELS[kernel][0](distance)


@lru_cache(maxsize=512)
def axis_weights(kernel: str, source: int, target: int, start: int, stop: int) -> tuple[int, NDArray[np.float32]]:
    """Return the weights of output samples ``start … stop-1`` along one axis.

    Args:
        kernel: One of :data:`KERNELS`.
        source: Length of the input axis.
        target: Length of the output axis.
        start: First output sample.
        stop: One past the last output sample.

    Returns:
        The first input sample that any of them needs, and a matrix (outputs, inputs) whose rows sum to one.
    """
    ratio = source / target
    centres = (np.arange(start, stop) + 0.5) * ratio
    if kernel == "nearest":
        nearest = np.minimum(np.floor(centres).astype(np.int64), source - 1)
        first = int(nearest[0])
        return first, np.eye(int(nearest[-1]) - first + 1, dtype=np.float32)[nearest - first]
    radius, stretch = _KERNELS[kernel][1], max(1.0, ratio)
    first = max(0, math.floor(centres[0] - radius * stretch))
    last = min(source, math.ceil(centres[-1] + radius * stretch) + 1)
    inputs = np.arange(first, last) + 0.5
    weights = weigh(kernel, torch.from_numpy((inputs[None, :] - centres[:, None]) / stretch)).numpy()
    return first, (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def resize(image: Tensor, size: tuple[int, int], kernel: str = "bicubic") -> Tensor:
    """Resample images to ``size``.

    Args:
        image: (..., H, W), floating point.
        size: Output height and width in pixels.
        kernel: One of :data:`KERNELS`.

    Returns:
        (..., size[0], size[1]); bicubic and Lanczos may overshoot the input's range.
    """
    bands = list(resize_rows([image], (image.shape[-2], image.shape[-1]), size, kernel))
    return bands[0] if len(bands) == 1 else torch.cat(bands, dim=-2)


def resize_rows(
    bands: Iterable[Tensor], source: tuple[int, int], target: tuple[int, int], kernel: str = "bicubic"
) -> Iterator[Tensor]:
    """Resample an image that arrives in bands of rows, holding only the rows still needed.

    Args:
        bands: Tensors (..., h, W), top to bottom, of any heights that add up to ``source[0]``.
        source: Input height and width.
        target: Output height and width.
        kernel: One of :data:`KERNELS`.

    Yields:
        Bands (..., h, W') from top to bottom whose heights add up to ``target[0]``. Their values do not depend on how
        the input was cut into bands.
    """
    columns = (_resize_columns(band, source[1], target[1], kernel) for band in rebanded(bands))
    window = RowWindow(columns)
    for start in range(0, target[0], BAND):
        part = kernel, source[0], target[0], start, min(start + BAND, target[0])
        first, weights = axis_weights(*part)
        rows = window.take(first, first + weights.shape[1])
        yield _weights_there(rows.device, rows.dtype, *part) @ rows


def _resize_columns(image: Tensor, source: int, target: int, kernel: str) -> Tensor:
    columns = []
    for start in range(0, target, BAND):
        part = kernel, source, target, start, min(start + BAND, target)
        first, weights = axis_weights(*part)
        piece = image[..., first : first + weights.shape[1]]
        columns.append(piece @ _weights_there(image.device, image.dtype, *part).T)
    return columns[0] if len(columns) == 1 else torch.cat(columns, dim=-1)


@lru_cache(maxsize=512)
@torch.inference_mode(mode=False)  # what is kept must serve training too
def _weights_there(
    device: torch.device, dtype: torch.dtype, kernel: str, source: int, target: int, start: int, stop: int
) -> Tensor:
    """Return the matrix of :func:`axis_weights` where an image is, so that a GPU waits for it once."""
    return torch.from_numpy(axis_weights(kernel, source, target, start, stop)[1]).to(device, dtype)
