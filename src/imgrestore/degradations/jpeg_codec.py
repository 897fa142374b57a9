"""What JPEG files keep of pictures, computed for a batch on any device.

Everything between encoder and decoder that loses something, step by step as in libjpeg: colours rounded to YCbCr (JFIF
1.02), averaged chroma, cosine transform, quantisation by the tables of Annex K scaled as the Independent JPEG Group
does, and chroma enlarged by triangle filters. What loses nothing, such as the entropy coding, is left out. ITU-T T.81 |
ISO/IEC 10918-1, 1992; G. K. Wallace, "The JPEG Still Picture Compression Standard", 1992, doi:10.1109/30.125072.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import pad

from imgrestore.degradations.canvas import canvas_of, filling, take
from imgrestore.image.color import luma, rgb_of_chroma

Subsampling = Literal["4:4:4", "4:2:2", "4:2:0"]
"""How many of the colour samples a file keeps: all, one of two beside each other, or one of each square of four."""

SUBSAMPLINGS: Mapping[Subsampling, tuple[int, int]] = {"4:4:4": (1, 1), "4:2:2": (1, 2), "4:2:0": (2, 2)}
"""Rows and columns of pixels that share a colour sample."""

BLOCK = 16
"""Pixels after which everything repeats: a block of 8 colour samples at half resolution."""

_LUMA = """
16 11 10 16  24  40  51  61    12 12 14 19  26  58  60  55    14 13 16 24  40  57  69  56    14 17 22 29  51  87  80  62
18 22 37 56  68 109 103  77    24 35 55 64  81 104 113  92    49 64 78 87 103 121 120 101    72 92 95 98 112 100 103  99
"""
_CHROMA = """
17 18 24 47 99 99 99 99    18 21 26 66 99 99 99 99    24 26 56 99 99 99 99 99    47 66 99 99 99 99 99 99
99 99 99 99 99 99 99 99    99 99 99 99 99 99 99 99    99 99 99 99 99 99 99 99    99 99 99 99 99 99 99 99
"""


def through_file(
    image: Tensor,
    quality: Tensor,
    among: Sequence[Subsampling],
    number: Tensor,
    corners: Tensor | None = None,
    sizes: Tensor | None = None,
) -> Tensor:
    """Encode and decode pictures.

    Args:
        image: (N, C, H, W), C being 1 or 3; clipped to [0, 1] and rounded to 8 bits.
        quality: Whole numbers (N,) from 1 to 100.
        among: Ways of subsampling that occur.
        number: Which of them is taken for each picture, (N,).
        corners: Rows and columns (N, 2) int64 from 0 to 15 that are cut off at the top and left of a file that had
            mirrored more of the picture there; none by default.
        sizes: Height and width (N, 2) int64 of the pictures, in the top left corners of what is given; by default all.

    Returns:
        Same shape and type, on 8-bit levels. What lies beyond the sizes means nothing.
    """
    sizes = filling(canvas_of(image), image) if sizes is None else sizes
    if corners is None:
        corners, margin = torch.zeros_like(sizes), 0
    else:
        margin = BLOCK - 1
    ends = corners + sizes
    padded = [-(-(length + margin) // BLOCK) * BLOCK for length in image.shape[-2:]]
    places = [_on_grid(padded[axis], corners[:, axis, None], sizes[:, axis, None]) for axis in (0, 1)]
    decoded = _decoded(take((image.float().clamp(0, 1) * 255).round(), *places), quality, among, number, ends)
    places = [torch.arange(image.shape[2 + axis], device=image.device) + corners[:, axis, None] for axis in (0, 1)]
    return take(decoded, *places).to(image) / 255


def _on_grid(length: int, corner: Tensor, size: Tensor) -> Tensor:
    """Return which samples of pictures stand at the places of a grid, (N, length).

    Args:
        length: Number of places.
        corner: Where pictures begin, (N, 1); before, they are mirrored.
        size: Lengths of the pictures (N, 1); behind, their last samples are repeated.
    """
    place = torch.arange(length, device=corner.device) - corner
    before = (-1 - place).remainder(2 * size)
    return torch.where(place < 0, torch.minimum(before, 2 * size - 1 - before), torch.minimum(place, size - 1))


def _decoded(levels: Tensor, quality: Tensor, among: Sequence[Subsampling], number: Tensor, ends: Tensor) -> Tensor:
    """Compress levels (N, C, H, W) of 255, H and W multiples of 16; pictures end at ``ends`` (N, 2)."""
    tables = _tables(quality)
    y = luma(levels)
    if levels.shape[1] == 1:
        return _quantised(y, tables[:, 0])
    chroma = torch.cat([(levels[:, 2:] - y) / 1.772, (levels[:, :1] - y) / 1.402], dim=1).round_() + 128
    y, kept = _quantised(y.round(), tables[:, 0]), torch.zeros_like(chroma)
    for i, name in enumerate(among):
        down, across = SUBSAMPLINGS[name]
        few = _averaged(chroma, down, across)
        seen = [_seen(few.shape[2 + axis], ends[:, axis, None], step) for axis, step in ((0, down), (1, across))]
        few = few.take_along_dim(seen[0][:, None, :, None], dim=2)  # below, averages are repeated instead of pixels
        few = take(_quantised(few, tables[:, 1]), *seen)
        kept = torch.where((number == i)[:, None, None, None], _enlarged(few, down, across), kept)
    return (y + rgb_of_chroma(*(kept - 128).chunk(2, dim=1))).round_().clamp_(0, 255)


def _tables(quality: Tensor) -> Tensor:
    """Return the quantisation tables of luma and chroma, (N, 2, 64)."""
    whole = quality.long()[:, None, None]
    percent = torch.where(whole < 50, 5000 // whole, 200 - 2 * whole)
    return ((_usual_tables(quality.device) * percent + 50) // 100).clamp(1, 255).float()


@lru_cache(maxsize=8)
@torch.inference_mode(mode=False)  # what is kept must serve training too
def _usual_tables(device: torch.device) -> Tensor:
    return torch.tensor([[int(number) for number in table.split()] for table in (_LUMA, _CHROMA)], device=device)


@lru_cache(maxsize=8)
@torch.inference_mode(mode=False)
def _cosines(device: torch.device) -> Tensor:
    """Return the cosine transform of blocks in one product: a matrix (64, 64) whose rows are frequencies."""
    place = torch.arange(8, dtype=torch.float64)
    along = (math.pi / 8 * (place + 0.5) * place[:, None]).cos() / 2
    along[0] /= math.sqrt(2)
    return torch.kron(along, along).float().to(device)


def _quantised(planes: Tensor, table: Tensor) -> Tensor:
    """Round the frequencies of planes (N, C, H, W) of levels to multiples of those in tables (N, 64)."""
    count, colours, height, width = planes.shape
    cosines, table = _cosines(planes.device), table[:, None]
    blocks = (planes - 128).reshape(count, colours, height // 8, 8, width // 8, 8).transpose(3, 4)
    frequencies = (blocks.reshape(count, -1, 64) @ cosines.T * 8).round_()  # in eighths, as libjpeg has them
    steps = (frequencies.abs() / (8 * table) + 0.5).floor_().copysign_(frequencies)
    blocks = (steps * table) @ cosines
    blocks = blocks.view(count, colours, height // 8, width // 8, 8, 8).transpose(3, 4)
    return (blocks.reshape(planes.shape) + 128).round_().clamp_(0, 255)


def _averaged(planes: Tensor, down: int, across: int) -> Tensor:
    """Average planes (N, C, H, W) over rectangles; halves go up in every second column only, as in libjpeg."""
    count, colours, height, width = planes.shape
    among = down * across
    total = planes.view(count, colours, height // down, down, width // across, across).sum(dim=(3, 5))
    odd = torch.arange(width // across, device=planes.device) % 2
    return ((total + among // 4 + odd) / among).floor_() if among > 1 else total


def _seen(length: int, end: Tensor, step: int) -> Tensor:
    """Return which of ``length`` samples stand where, (N, length): those for pixels beyond ``end`` (N, 1) are none."""
    return torch.arange(length, device=end.device).minimum((end + step - 1) // step - 1)


def _enlarged(few: Tensor, down: int, across: int) -> Tensor:
    """Enlarge planes (N, C, h, w) by triangle filters, rounded as in libjpeg."""
    if across == 1:
        return few
    half = 2
    if down == 2:
        above, below = (pad(few, (0, 0, *sides), mode="replicate") for sides in ((1, 0), (0, 1)))
        few = torch.stack([3 * few + above[..., :-1, :], 3 * few + below[..., 1:, :]], dim=3).flatten(2, 3)
        half = 8
    left, right = (pad(few, sides, mode="replicate") for sides in ((1, 0, 0, 0), (0, 1, 0, 0)))
    even, odd = 3 * few + left[..., :-1], 3 * few + right[..., 1:]
    biases = (half, half - 1) if down == 2 else (half - 1, half)
    sums = torch.stack([even + biases[0], odd + biases[1]], dim=4).flatten(3)
    return (sums / (2 * half)).floor_()
