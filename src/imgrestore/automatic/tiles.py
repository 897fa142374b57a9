"""A few tiles of a picture, by which the whole of it is judged. No torch.

The picture is read once, row by row, and the tiles are kept as they are: shrinking would hide noise and blur. Half of
them stand at even distances; a quarter are those with the most detail, which is where a photo of shallow focus is
sharp, and a quarter those with the least, where noise is seen best.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from imgrestore.image import Header, ImageStream, Pixels

TILE = 64
"""Side of a tile in pixels, a multiple of the blocks of JPEG."""

_DOWN, _ACROSS = 3, 4
_MOST = 6
"""Even places downwards and across, and how many of the busiest and of the flattest tiles are kept."""

_CLIPPED = 0.02
"""Share of black or white samples from which a tile is not among the flattest: there is no noise to be seen."""

Tile = NDArray[np.float32]


def chosen_tiles(picture: ImageStream) -> list[Tile]:
    """Return the tiles of a picture, whose rows are all read.

    Tiles that are not opaque, or hold values that are no numbers, tell nothing and are left out.

    Returns:
        Tiles (h, w, 3) in [0, 1], grey repeated, all of one size: 64 pixels a side, or what the picture has.
    """
    header = picture.header
    height, width = min(TILE, header.height), min(TILE, header.width)
    rows, columns = header.height // height, header.width // width
    down, across = _spread(rows, _DOWN), _spread(columns, _ACROSS)
    even: list[Tile] = []
    busiest: list[tuple[float, int, Tile]] = []
    flattest: list[tuple[float, int, Tile]] = []
    for row, strip in enumerate(_strips(picture.bands, height)):
        seen = details(strip[..., 0 if header.grey else 1], width)
        for column in range(columns):
            number, much = row * columns + column, float(seen[column])
            wanted = row in down and column in across
            high = len(busiest) < _MOST or much > busiest[0][0]
            low = len(flattest) < _MOST or -much > flattest[0][0]
            if not (wanted or high or low):
                continue
            tile = _opaque(strip[:, column * width : (column + 1) * width], header)
            if tile is None:
                continue
            if wanted:
                even.append(tile)
            elif high:
                _keep(busiest, (much, number, tile))
            elif not _is_clipped(tile):
                _keep(flattest, (-much, number, tile))
    return [*even, *(tile for _, _, tile in (*busiest, *flattest))]


def details(samples: Pixels, width: int) -> NDArray[np.float32]:
    """Return the mean second difference along every fourth row of each tile: much where it is sharp.

    Args:
        samples: Of one colour (h, W).
        width: Of a tile.

    Returns:
        (W // width).
    """
    columns = samples.shape[1] // width
    tiles = samples[::4, : columns * width].astype(np.float32).reshape(-1, columns, width)
    found: NDArray[np.float32] = np.abs(np.diff(tiles, n=min(2, width - 1))).mean(axis=(0, 2))
    return np.nan_to_num(found)


def _keep(heap: list[tuple[float, int, Tile]], item: tuple[float, int, Tile]) -> None:
    """Put a tile among the greatest, of which there are few."""
    heapq.heappush(heap, item)
    if len(heap) > _MOST:
        heapq.heappop(heap)


def _strips(bands: Iterable[Pixels], height: int) -> Iterator[Pixels]:
    """Cut an image in bands into strips of ``height`` rows; what is left at its end is read and dropped."""
    held: list[Pixels] = []
    for band in bands:
        held.append(band)
        while sum(map(len, held)) >= height:
            joined = held[0] if len(held) == 1 else np.concatenate(held)
            yield joined[:height]
            held = [joined[height:]]


def _opaque(cut: Pixels, header: Header) -> Tile | None:
    """Return the colours of a tile, or None if it tells nothing."""
    samples = cut.astype(np.float32) / header.peak
    if not np.isfinite(samples).all() or (header.alpha and samples[..., -1].min() < 1):
        return None
    colours = samples[..., :1].repeat(3, axis=2) if header.grey else samples[..., :3]
    return colours.clip(0, 1)


def _is_clipped(tile: Tile) -> bool:
    """Return whether too much of a tile is black or white to show any noise."""
    return float(((tile <= 0) | (tile >= 1)).mean()) > _CLIPPED


def _spread(count: int, wanted: int) -> set[int]:
    """Return numbers below a count at even distances, fewer than wanted if there are fewer."""
    return {round((i + 0.5) * count / wanted - 0.5) for i in range(wanted)}
