"""Tiles with their context: networks that see a finite neighbourhood give the same pixels in tiles as on the whole."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from imgrestore.engine.devices import is_out_of_memory
from imgrestore.engine.network import Network
from imgrestore.errors import ComputeError
from imgrestore.image.regions import Region, Span, exact_span, exact_spans
from imgrestore.image.rows import RowWindow, repeated
from imgrestore.models.contract import RestorationModel

SMALLEST_TILE = 16
"""Side in pixels below which no tile is halved."""

_ONE_KERNEL_PIXELS = 10_241
"""Torch on the CPU convolves inputs of up to 20,480 numbers by another kernel than larger ones, and the sums of the two
round differently. Tiles with fewer pixels than this are computed as a batch of copies, so that one kernel does them all
and small tiles equal large ones bit for bit (any layer that has two numbers or more for each pixel of the tile)."""


def aligned(model: RestorationModel, side: int) -> int:
    """Return the least side that a network takes and that is no shorter than this one."""
    return math.ceil(side / model.multiple_of) * model.multiple_of


def exact_rows(
    network: Network,
    source: RowWindow,
    extent: tuple[int, int],
    tile: tuple[int, int],
    wanted: Region | None = None,
) -> Iterator[Tensor]:
    """Run a network on tiles with their context and keep what the context cannot spoil.

    Args:
        network: What computes a tile.
        source: Rows (3, h, W) of the image.
        extent: Height and width of the image.
        tile: Height and width of a tile in pixels, multiples of the model's.
        wanted: The only part of the image that counts, or None for all; what lies elsewhere is not computed.

    Yields:
        Bands (3, h, W) of the result.

    Raises:
        ComputeError: There is no memory even for the smallest tile.
    """
    model, (height, width) = network.model, extent
    halo, padded_height, padded_width = (aligned(model, side) for side in (model.halo, height, width))
    rows, columns = tile
    top = 0
    while top < height:
        row = exact_span(top, padded_height, rows, halo)
        strip = repeated(
            source.take(row.start, min(row.stop, height)), row.stop - max(height, row.start), padded_width - width
        )
        try:
            canvas = torch.zeros(3, *(round(side * model.scale) for side in (row.keep_stop - top, padded_width)))
            for column in exact_spans(padded_width, columns, halo):
                if wanted is None or wanted.meets(row, column):
                    _put_tile(network, canvas, strip, row, column)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            if max(rows, columns) <= max(SMALLEST_TILE, model.multiple_of):
                raise ComputeError(
                    f"out of memory even with tiles of {rows}x{columns} pixels",
                    hint="close other programs" + ", or use --device cpu" * (network.device.type != "cpu"),
                ) from None
            rows, columns = (aligned(model, max(SMALLEST_TILE, side // 2)) for side in (rows, columns))
            network.notices.append(f"out of memory: tiles halved to {rows}x{columns} pixels")
            continue
        kept = round((min(row.keep_stop, height) - top) * model.scale)
        yield canvas[:, :kept, : round(width * model.scale)]
        del canvas  # before the next one is made
        top = row.keep_stop


def _put_tile(network: Network, canvas: Tensor, strip: Tensor, row: Span, column: Span) -> None:
    """Compute the tile where ``row`` and ``column`` cross and put what it keeps of it on the rows' canvas."""
    scale = network.model.scale
    restored = _computed(network, strip[:, :, column.start : column.stop])
    top = round((row.keep_start - row.start) * scale)
    left = round((column.keep_start - column.start) * scale)
    height = round((row.keep_stop - row.keep_start) * scale)
    width = round((column.keep_stop - column.keep_start) * scale)
    kept = restored[:, top : top + height, left : left + width]
    start = round(column.keep_start * scale)
    canvas[:, :, start : start + width] = kept


def _computed(network: Network, tile: Tensor) -> Tensor:
    """Compute one tile (3, h, w)."""
    copies = math.ceil(_ONE_KERNEL_PIXELS / (tile.shape[-1] * tile.shape[-2])) if network.device.type == "cpu" else 1
    return network(tile.expand(copies, -1, -1, -1))[0]
