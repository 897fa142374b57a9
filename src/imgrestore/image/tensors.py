"""Samples of a file's type, and the float RGB images of networks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from imgrestore.errors import ComputeError
from imgrestore.image import Header, Pixels
from imgrestore.image.conversion import Colour
from imgrestore.image.regions import Region


def to_tensor(band: Pixels, peak: int) -> Tensor:
    """Turn rows (h, W, C) of a file's type into float (3 or 4, h, W) in [0, 1], grey repeated."""
    samples = torch.from_numpy(np.ascontiguousarray(band.transpose(2, 0, 1)).astype(np.float32))
    if peak != 1:
        samples /= peak
    if samples.shape[0] <= 2:
        samples = torch.cat([samples[:1].expand(3, -1, -1), samples[1:]])
    return samples


def from_tensor(band: Tensor, source: Header, result: Header, background: Colour | None = None) -> Pixels:
    """Turn float (3 or 4, h, W) into rows (h, W, C) of the result's type, rounded and clipped.

    Args:
        band: Colours not multiplied by alpha.
        source: What the input is; if it is grey, the colours are averaged.
        result: What the result is.
        background: What alpha is composited over; without it, alpha is kept.

    Raises:
        ComputeError: There are samples that are not numbers, which the result's type cannot hold.
    """
    if source.grey:
        band = torch.cat([band[:3].mean(dim=0, keepdim=True).expand(3, -1, -1), band[3:]])
    if result.peak != 1:
        band = band.clamp(0, 1)
    if background is not None and len(band) == 4:
        behind = torch.tensor(background.rgb)[:, None, None].expand_as(band[:3])
        band = torch.lerp(behind, band[:3], band[3:])  # exact where alpha is 0 or 1
    if result.grey:
        band = torch.cat([band[:1], band[3:]])
    if result.peak == 1:
        return band.permute(1, 2, 0).contiguous().numpy()
    if source.dtype == np.float32 and torch.isnan(band).any():
        raise ComputeError("some of its samples are not numbers", hint="only TIFF of floats can hold that: no --depth")
    levels = (band * result.peak).round_().permute(1, 2, 0).contiguous()
    return levels.numpy().astype(result.dtype)


def cropped(bands: Iterator[Pixels], crop: Region) -> Iterator[Pixels]:
    """Cut a part out of an image in bands; what lies below it is not even asked for."""
    row = 0
    for band in bands:
        first, last = max(0, crop.top - row), min(len(band), crop.top + crop.height - row)
        if first < last:
            yield band[first:last, crop.left : crop.left + crop.width]
        row += len(band)
        if row >= crop.top + crop.height:
            return
