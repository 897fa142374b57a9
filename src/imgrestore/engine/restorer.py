"""The restoration engine: any model, any image size, bounded memory, no seams.

Rows stream from the source through a pipeline of steps that each hold only the rows they still need::

    decoded rows ─ colour ─ extended under transparency ─ network, tile by tile ─ guard ─ resampled ─ strength ─┐
                 └ alpha ─ resampled ───────────────────────────────────────────────────────────── encoded rows ┘

Tiles travel to the device; the rows stay on the host. A tile that fails for lack of memory is halved; a tile with NaN
or infinity is computed again in float32; a tile that cannot be saved fails the image.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from imgrestore.engine.blocks import blended_rows
from imgrestore.engine.devices import Precision, choose_precision
from imgrestore.engine.guard import REACH, HeldBack, guarded, judge
from imgrestore.engine.network import Network
from imgrestore.engine.plausibility import CELL
from imgrestore.engine.tiles import SMALLEST_TILE, aligned, exact_rows
from imgrestore.errors import UsageError
from imgrestore.image import Header, Image, ImageStream, Pixels, resized, scaled_size
from imgrestore.image.color import EXTENSION_REACH, extend_under_transparency, luma
from imgrestore.image.conversion import Colour, Conversion
from imgrestore.image.regions import Region
from imgrestore.image.repetition import repeated_image
from imgrestore.image.resampling import resize_rows
from imgrestore.image.rows import RowWindow, mirrored, rebanded, with_context, without_edges
from imgrestore.image.tensors import cropped, from_tensor, to_tensor
from imgrestore.models.contract import RestorationModel
from imgrestore.weights.cards import guard_weights

DEFAULT_MEMORY = 2**30
"""Budget for the engine's own buffers when the user names none, in bytes."""

_LARGEST_TILE, _LARGEST_ENLARGED_TILE = (1024, 1024), (256, 1024)
"""Larger tiles lose less to their context; but where results are larger than they, more than this costs more than the
context does, in memory and in time."""

_RESAMPLING_REACH = 4
"""Input pixels on either side that the widest kernel and the skip of a network reach, when enlarging."""


@dataclass
class Restorer:
    """A model made ready to restore images.

    Attributes:
        model: The network, in float32.
        scale: Enlargement of the results; the model's own by default, another one is reached by resampling.
        device: Where tiles are computed.
        precision: ``"auto"``, ``"fp32"``, ``"bf16"`` or ``"fp16"``; after construction the one in use.
        tile: Side of a tile in input pixels, or its height and width, or None to choose it from ``memory``.
        memory: Budget for tiles and rows in bytes.
        strength: 0 gives the unrestored image (resampled if need be), 1 the model's result, between them a blend.
        only: ``"brightness"`` or ``"colour"`` takes from the model's result only its luma, or all but its luma.
        guard: Whether results are held back where they are not plausible, see :mod:`.guard`. Results that are larger
            than their input, those of resamplers and those of models of fixed size, which make an image anew to show
            what a paper's system does, are not judged.
        bf16_loss_db: PSNR that bfloat16 costs the model, as measured, or None.
        wrap: ``"x"``, ``"y"`` or ``"both"``: along these axes images go on at their other side, as textures do that lie
            side by side.
        edge: By how many pixels an image goes on, mirrored, beyond its edges; as the model says by default.
        overlap: Pixels that neighbouring blocks of a model of fixed size share, or None for three quarters of a block:
            every pixel is then restored at 16 places of a block, which averages out the pattern that such networks
            repeat from block to block (cycle spinning, R. R. Coifman, D. L. Donoho, 1995).
        notices: What happened that a person should know; cleared by nobody but the caller.
        held: What was held back of the image that was restored last.
    """

    model: RestorationModel
    scale: float | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    precision: Precision = "auto"
    tile: int | tuple[int, int] | None = None
    memory: int = DEFAULT_MEMORY
    strength: float = 1.0
    only: str | None = None
    wrap: str | None = None
    guard: bool = False
    bf16_loss_db: float | None = None
    edge: int | None = None
    overlap: int | None = None
    notices: list[str] = field(default_factory=list)
    held: HeldBack = field(default_factory=HeldBack)

    def __post_init__(self) -> None:
        """Bring the network to its device and precision."""
        if not 0 <= self.strength <= 1:
            raise UsageError(f"strength must be between 0 and 1, got {self.strength}")
        smallest = self.tile if isinstance(self.tile, int) else min(self.tile or (1,))
        if smallest < 1:
            raise UsageError(f"tile must be at least 1 pixel, got {smallest}")
        self.guard = self.guard and self.model.scale == 1 and self.model.resampler is None and self.model.exact
        self.edge = self.model.edge if self.edge is None else self.edge
        self.precision = choose_precision(self.precision, self.device, self.bf16_loss_db)
        self._network = Network(self.model, self.device, self.precision, self.notices)

    @property
    def enlargement(self) -> float:
        """How many times larger results are, where no size is asked for."""
        return self.model.scale if self.scale is None else self.scale

    def output_size(self, width: int, height: int) -> tuple[int, int]:
        """Return the width and height of the result for an image of this size."""
        return scaled_size(width, height, self.enlargement)

    def restore(
        self,
        image: Image,
        size: tuple[int, int] | None = None,
        crop: Region | None = None,
        conversion: Conversion | None = None,
    ) -> Image:
        """Restore an image in memory; see :meth:`stream`."""
        return self.stream(image.stream(), size, crop, conversion).read()

    def restore_tensor(self, lq: Tensor) -> Tensor:
        """Restore one float RGB image (3, H, W) in [0, 1], without rounding or clipping the result."""
        height, width = lq.shape[-2:]
        across, down = self.output_size(width, height)
        return torch.cat(list(self._colour(iter([lq.float()]), (height, width), (down, across))), dim=-2)

    def stream(
        self,
        source: ImageStream,
        size: tuple[int, int] | None = None,
        crop: Region | None = None,
        conversion: Conversion | None = None,
    ) -> ImageStream:
        """Restore an image row by row.

        Args:
            source: The image; its rows are read as the result's rows are asked for.
            size: Width and height of the result; as :meth:`output_size` says by default.
            crop: The part of the result that is wanted: only its tiles are computed, its pixels are those of the whole.
            conversion: What the result's samples are; by default what the image's are.

        Returns:
            The restored image with the same metadata.

        Raises:
            UsageError: The crop does not lie inside the result.
        """
        header = source.header
        width, height = size or self.output_size(header.width, header.height)
        if crop is not None and not crop.within(width, height):
            raise UsageError(f"the crop does not lie inside the result of {width}x{height} pixels")
        if self.wrap is not None:
            across, down = self._copies(header.width, header.height)
            crop = (crop or Region(0, 0, width, height)).moved(across // 2 * width, down // 2 * height)
            source, width, height = repeated_image(source, across, down), across * width, down * height
        conversion = conversion or Conversion()
        background = conversion.background if header.alpha else None
        result = resized(conversion.applied(header), width, height)
        notices = (*source.notices, *conversion.notices(header))
        if crop is None:
            return ImageStream(result, self._rows(source, result, None, background), notices)
        rows = cropped(self._rows(source, result, crop, background), crop)
        return ImageStream(resized(result, crop.width, crop.height), rows, notices)

    def _rows(
        self, source: ImageStream, result: Header, crop: Region | None, background: Colour | None
    ) -> Iterator[Pixels]:
        header = source.header
        extent, target = (header.height, header.width), (result.height, result.width)
        wanted = crop and crop.source(target[1] / extent[1], target[0] / extent[0], _RESAMPLING_REACH)
        bands: Iterator[Tensor] = (to_tensor(band, header.peak) for band in source.bands)
        if header.channels in (1, 3):
            for band in rebanded(self._colour(bands, extent, target, wanted)):
                yield from_tensor(band, header, result)
            return
        if header.alpha:
            bands = with_context(bands, header.height, EXTENSION_REACH, extend_under_transparency)
        first, second = itertools.tee(bands)
        colour = self._colour((band[:3] for band in first), extent, target, wanted)
        alpha = (
            resize_rows((band[3:] for band in second), extent, target)
            if target != extent
            else (band[3:] for band in second)
        )
        pair = rebanded(colour), rebanded(alpha)
        for colour_band, alpha_band in zip(*pair, strict=True):
            alpha_band = alpha_band.clamp(0, 1) if header.alpha else alpha_band
            yield from_tensor(torch.cat([colour_band, alpha_band]), header, result, background)

    def _colour(
        self,
        bands: Iterator[Tensor],
        extent: tuple[int, int],
        target: tuple[int, int],
        wanted: Region | None = None,
    ) -> Iterator[Tensor]:
        """Restore float RGB bands (3, h, W) of an image of ``extent`` (height, width) to ``target``."""
        ours, base = itertools.tee(bands) if self.strength < 1 or self.only else (bands, None)
        if self.model.resampler is not None:
            rows = resize_rows(ours, extent, target, self.model.resampler)
        else:
            rows = (self._guarded_rows if self.guard else self._network_rows)(ours, *extent, wanted)
            natural = (round(extent[0] * self.model.scale), round(extent[1] * self.model.scale))
            rows = resize_rows(rows, natural, target) if natural != target else rows
        if base is None:
            yield from rows
            return
        unrestored = resize_rows(base, extent, target) if target != extent else base
        for restored, original in zip(rebanded(rows), rebanded(unrestored), strict=True):
            change = restored - original
            if self.only is not None:
                of_luma = luma(change).expand_as(change)
                change = of_luma if self.only == "brightness" else change - of_luma
            yield original + self.strength * change

    def _guarded_rows(
        self, bands: Iterator[Tensor], height: int, width: int, wanted: Region | None
    ) -> Iterator[Tensor]:
        self.held = HeldBack()
        before, given = itertools.tee(bands)
        after = self._network_rows(given, height, width, wanted and wanted.source(1, 1, REACH))
        yield from guarded(before, after, (height, width), judge(guard_weights()), self.held, wanted)

    def _network_rows(
        self, bands: Iterator[Tensor], height: int, width: int, wanted: Region | None
    ) -> Iterator[Tensor]:
        if not self.model.exact:
            shared = (self.model.native_size or 0) * 3 // 4 if self.overlap is None else self.overlap
            yield from blended_rows(self.model, self._network, RowWindow(bands), (height, width), shared, wanted)
        elif not self.edge:
            yield from exact_rows(self._network, RowWindow(bands), (height, width), self.choose_tile(width), wanted)
        else:
            larger = RowWindow(mirrored(bands, height, width, self.edge))
            wanted = wanted and replace(wanted, left=wanted.left + self.edge, top=wanted.top + self.edge)
            extent = height + 2 * self.edge, width + 2 * self.edge
            rows = exact_rows(self._network, larger, extent, self.choose_tile(width), wanted)
            beyond, inside = (round(side * self.model.scale) for side in (self.edge, width))
            yield from without_edges(rows, beyond, round(height * self.model.scale), inside)

    def choose_tile(self, width: int) -> tuple[int, int]:
        """Return the height and width of a tile in input pixels that keeps the budget for an image of this width.

        Smaller ones are wider than high: the rows of a whole band of tiles are held until the band is done.

        Raises:
            UsageError: Not even the smallest tile fits into the budget.
        """
        largest = _LARGEST_TILE if self.model.scale == 1 else _LARGEST_ENLARGED_TILE
        rows, columns = (self.tile, self.tile) if isinstance(self.tile, int) else self.tile or largest
        while self.tile is None and self._bytes(rows, columns, width) > self.memory and rows > SMALLEST_TILE:
            rows, columns = (rows, columns // 2) if columns > rows else (rows // 2, columns)
        needed = self._bytes(rows, columns, width)
        if self.tile is None and needed > self.memory:
            raise UsageError(
                f"a memory budget of {self.memory / 2**20:.0f}M is too small for an image {width} pixels wide",
                hint=f"--memory {math.ceil(needed / 2**20)}M would do for {type(self.model).__name__}",
            )
        return aligned(self.model, rows), aligned(self.model, columns)

    def tile_in_use(self, width: int) -> tuple[int, int] | None:
        """Return the height and width of the tiles of an image of this width; None if the model needs no tiles."""
        if self.model.resampler is not None:
            return None
        side = self.model.native_size
        return self.choose_tile(self._copies(width, 1)[0] * width) if side is None else (side, side)

    def memory_for(self, width: int, height: int) -> int:
        """Return how many bytes the engine's own buffers take for an image of this size, as it estimates them.

        Raises:
            UsageError: Not even the smallest tile fits into the budget.
        """
        rows, columns = self.tile_in_use(width) or (SMALLEST_TILE, 0)
        width *= self._copies(width, height)[0]
        return self._bytes(min(rows, aligned(self.model, height)), min(columns, aligned(self.model, width)), width)

    def _copies(self, width: int, height: int) -> tuple[int, int]:
        """Return how often an image stands side by side, and below itself, for its middle copy to see nothing else.

        It begins where the middle one of three does among the pixels that a network folds into one.
        """
        square = self.model.multiple_of
        reach = aligned(self.model, max(self.model.halo, self.model.native_size or 0)) + square + _RESAMPLING_REACH
        reach += REACH if self.guard else 0
        before = (math.ceil(max(0, reach / side - 1) / square) * square + 1 for side in (width, height))
        across, down = (2 * copies + 1 for copies in before)
        return across if self.wrap in ("x", "both") else 1, down if self.wrap in ("y", "both") else 1

    def _bytes(self, rows: int, columns: int, width: int) -> int:
        """Estimate the memory that tiles of this size and the bands they make need."""
        context = 2 * self.model.halo
        bands = 12 * (width + 2 * (self.edge or 0)) * (2 * (rows + context) + 2 * rows * self.model.scale**2)
        judged = 2 * 12 * width * (REACH + CELL) if self.guard else 0
        return int((rows + context) * (columns + context) * self.model.activation_bytes + bands + judged)
