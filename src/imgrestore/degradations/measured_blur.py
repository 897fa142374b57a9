"""Blur by kernels that were measured."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from imgrestore.degradations.blur import Blur, normalised
from imgrestore.degradations.streams import Streams
from imgrestore.errors import InputError
from imgrestore.parts.part import Field
from imgrestore.parts.registry import register_degradation


@register_degradation
class MeasuredBlur(Blur):
    """Blur by one of several given kernels, such as a lens's measured spread of a point.

    Each file holds a kernel as text, a row of numbers a line, not negative and not all 0, and is scaled to a sum of
    one. Kernels are placed so that their centre of mass is, to half a pixel, the middle: the blur shifts no image. For
    each image one of them is drawn. Many studies take the eight of A. Levin et al., "Understanding and Evaluating Blind
    Deconvolution Algorithms", CVPR 2009, doi:10.1109/CVPR.2009.5206815.
    """

    files: tuple[str, ...] = Field(min_length=1, description="text files, each with a kernel")

    def kernels(self, streams: Streams) -> Tensor:
        """Draw from the kernels.

        Raises:
            InputError: A file cannot be read, or holds no kernel.
        """
        return _given(self.files, streams.device)[streams.integers(len(self.files))]


@lru_cache(maxsize=64)
@torch.inference_mode(mode=False)  # what is kept must serve training too
def _given(files: tuple[str, ...], device: torch.device) -> Tensor:
    """Read kernels, and make them as large as the largest (files, k, k)."""
    kernels = [_read(file) for file in files]
    side = max(len(kernel) for kernel in kernels)
    return torch.stack([pad(kernel, ((side - len(kernel)) // 2,) * 4) for kernel in kernels]).to(device)


def _read(file: str) -> Tensor:
    """Read a kernel and put it into a square, odd-sided one (k, k) about its centre of mass."""
    try:
        lines = filter(None, map(str.split, Path(file).read_text(encoding="utf-8").splitlines()))
        numbers = np.array([[float(number) for number in line] for line in lines])
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: cannot be read as a kernel ({error})", hint="a row of numbers a line") from None
    if not numbers.size or not np.isfinite(numbers).all() or numbers.min() < 0 or numbers.sum() <= 0:
        raise InputError(f"{file}: holds no kernel", hint="its numbers must not be negative, nor all 0")
    shares = numbers / numbers.sum()
    centre = [round(float(shares.sum(axis=1 - axis) @ np.arange(shares.shape[axis]))) for axis in (0, 1)]
    reach = max(max(at, side - 1 - at) for at, side in zip(centre, shares.shape, strict=True))
    square = np.zeros((2 * reach + 1, 2 * reach + 1))
    top, left = (reach - at for at in centre)
    square[top : top + shares.shape[0], left : left + shares.shape[1]] = shares
    return normalised(torch.from_numpy(square).float()[None])[0]
