"""Images as streams of row bands: the plumbing that keeps memory independent of an image's height.

A *band* is a tensor (..., h, W) holding the next h rows of an image; an image is an iterator of bands, top to bottom.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor
from torch.nn.functional import pad

from imgrestore.image import BAND


class RowWindow:
    """Random access to a window of rows that only moves down.

    Asking for rows makes the rows above the first of them unavailable for good.
    """

    def __init__(self, bands: Iterable[Tensor]) -> None:
        """Read from ``bands`` as rows are asked for."""
        self._bands = iter(bands)
        self._held: list[Tensor] = []
        self._top = 0
        self._bottom = 0

    def take(self, start: int, stop: int) -> Tensor:
        """Return rows ``start … stop-1`` as one tensor (..., stop - start, W).

        Raises:
            ValueError: The rows lie above the window, or the image ends before ``stop``.
        """
        if start < self._top:
            raise ValueError(f"row {start} is gone; the window begins at {self._top}")
        while self._bottom < stop:
            band = next(self._bands, None)
            if band is None:
                raise ValueError(f"the image ends at row {self._bottom}, before {stop}")
            self._held.append(band)
            self._bottom += band.shape[-2]
            while len(self._held) > 1 and self._top + self._held[0].shape[-2] <= start:
                self._top += self._held.pop(0).shape[-2]
        rows = self._held[0] if len(self._held) == 1 else torch.cat(self._held, dim=-2)
        rows = rows[..., start - self._top :, :]
        self._held, self._top = [rows], start
        return rows[..., : stop - start, :]


def rebanded(bands: Iterable[Tensor]) -> Iterator[Tensor]:
    """Cut an image at multiples of :data:`BAND` rows, whatever bands it comes in; holds on to none of them."""
    held: list[Tensor] = []
    missing = BAND
    for band in bands:
        while band.shape[-2]:
            held.append(band[..., :missing, :])
            band = band[..., missing:, :]
            missing -= held[-1].shape[-2]
            if not missing:
                yield held[0] if len(held) == 1 else torch.cat(held, dim=-2)
                held, missing = [], BAND
        del band
    if held:
        yield torch.cat(held, dim=-2)


def with_context(
    bands: Iterable[Tensor], height: int, context: int, function: Callable[[Tensor], Tensor]
) -> Iterator[Tensor]:
    """Apply a filter of finite reach to an image in bands, with the result it has on the whole image.

    Args:
        bands: The image.
        height: Its number of rows.
        context: Reach of the filter in rows.
        function: Takes rows (..., h, W) to rows (..., h, W); treats the edge of what it is given as the image's edge.
    """
    window = RowWindow(bands)
    for top in range(0, height, BAND):
        bottom = min(top + BAND, height)
        first = max(0, top - context)
        rows = function(window.take(first, min(bottom + context, height)))
        yield rows[..., top - first : bottom - first, :]


def mirrored_places(span: range, length: int) -> Tensor:
    """Return indices into an axis that is mirrored about its first and last samples, as often as need be."""
    period = max(1, 2 * (length - 1))
    index = torch.tensor(span) % period
    return torch.where(index < length, index, period - index)


def mirrored(bands: Iterable[Tensor], height: int, width: int, edge: int) -> Iterator[Tensor]:
    """Let an image go on beyond its edges, mirrored about its outermost pixels.

    Args:
        bands: The image, (C, h, W).
        height: Its number of rows.
        width: Its number of columns.
        edge: By how many pixels, on every side.

    Yields:
        Bands (C, h, W + 2 edge), in all of ``height + 2 edge`` rows.
    """
    window = RowWindow(bands)
    columns = mirrored_places(range(-edge, width + edge), width)
    for top in range(-edge, height + edge, BAND):
        rows = mirrored_places(range(top, min(top + BAND, height + edge)), height)
        first = min(int(rows.min()), max(0, height - 1 - edge))  # the last rows are needed once more
        held = window.take(first, int(rows.max()) + 1)
        yield held[:, rows - first][:, :, columns]


def without_edges(bands: Iterable[Tensor], edge: int, height: int, width: int) -> Iterator[Tensor]:
    """Cut what lies around an image off: ``edge`` pixels before it, and all after its ``height`` and ``width``."""
    row = -edge
    for band in bands:
        first, last = max(0, -row), min(band.shape[-2], height - row)
        if first < last:
            yield band[..., first:last, edge : edge + width]
        row += band.shape[-2]
        if row >= height:
            return


def repeated(rows: Tensor, below: int, right: int) -> Tensor:
    """Repeat the last row and the last column of (C, h, W) some times, if any."""
    below, right = max(0, below), max(0, right)
    return pad(rows[None], (0, right, 0, below), mode="replicate")[0] if below or right else rows
