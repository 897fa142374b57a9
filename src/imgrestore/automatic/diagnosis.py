"""What is wrong with a picture, estimated from its own pixels: noise, blur, blocks of JPEG. No torch.

The picture is read once, row by row, and a few tiles of it are kept as they are: shrinking would hide noise and blur.
Most stand at even distances; the others are those with the most detail, which is where a photo of shallow focus is
sharp. The limits were set on photos of the training set, damaged on purpose, so that a good photo is rarely called bad:
what is slightly damaged may pass.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from imgrestore.image import Header, ImageStream, Pixels

NOISY = 4.2
"""Standard deviation of noise from which a picture counts as noisy, in levels of 255."""

BLURRED = 0.48
"""Perceptual blur, 0 to 1, from which a picture counts as blurred."""

BLOCKY = 0.8
"""Jump across the edges of blocks, beyond that elsewhere, from which a picture counts as blocky, in levels of 255."""

DAMAGE = {"noise": "noise", "blur": "blur", "jpeg": "blocks of JPEG"}
"""What can be wrong with a picture, in words."""

_TILE = 128
_SMALLEST = 48
"""Pixels a side below which a picture tells nothing."""

_TILES_ALONG = 5
_MOST_DETAILED = 8
_PATCH = 7
_FEWEST_PATCHES = 400
_LEAST_VARIANCES = 6
_LEAST_TO_ALL = 1.18
"""How much larger the deviation of white noise is than what its least variances in the smoothest patches say."""

_CONTRAST = 8.0
"""Gradient, in levels a pixel, that some pixels of a tile must have for its blur to be judged."""

_SHARPEST_MARGIN = 0.06
"""How much more blurred than its sharpest tile a picture may be called."""

_LARGEST_JUMP = 20.0
"""Jumps beyond this many levels are edges of what is shown: blocks of JPEG are not that far apart."""

Plane = NDArray[np.float32]
"""Samples (h, w) of one colour or of luma, in [0, 255]."""


@dataclass(frozen=True)
class Diagnosis:
    """What a picture's pixels say of its damage; a measure is 0 where there is too little to judge by.

    Attributes:
        noise: Standard deviation of white noise, in levels of 255.
        blur: Perceptual blur, 0 (sharp) to 1.
        blocks: Jump across the edges of JPEG's blocks, beyond that elsewhere, in levels of 255.
    """

    noise: float
    blur: float
    blocks: float

    @property
    def damage(self) -> tuple[str, ...]:
        """What is clearly damaged: any of ``"noise"``, ``"blur"`` and ``"jpeg"``."""
        found = {"noise": self.noise >= NOISY, "blur": self.blur >= BLURRED, "jpeg": self.blocks >= BLOCKY}
        return tuple(name for name, there in found.items() if there)

    def __str__(self) -> str:
        """Return what was found, in words."""
        words = DAMAGE | {"noise": f"noise of sigma {self.noise:.0f}"}
        found = [words[name] for name in self.damage]
        return " and ".join(filter(None, (", ".join(found[:-1]), *found[-1:]))) or "no damage"


def diagnose(picture: ImageStream) -> Diagnosis:
    """Estimate what is wrong with a picture, whose rows are all read.

    Tiles that are not opaque, or hold values that are no numbers, tell nothing.
    """
    even, detailed = _sampled(picture)
    if not even or min(picture.header.width, picture.header.height) < _SMALLEST:
        return Diagnosis(0.0, 0.0, 0.0)
    noise = noise_level([green for green, _ in even])
    blur = perceptual_blur([luma for _, luma in even], [luma for _, luma in detailed], noise)
    return Diagnosis(round(noise, 2), round(blur, 3), round(block_jump([luma for _, luma in even]), 2))


def noise_level(tiles: Iterable[Plane]) -> float:
    """Estimate the standard deviation of white noise in levels of 255.

    X. Liu, M. Tanaka, M. Okutomi, "Single-image noise level estimation for blind denoising", IEEE TIP 22, 2013: what
    smooth patches show spans few dimensions and white noise spans all, so that the least eigenvalue of the patches'
    covariance is the noise's variance. Here patches are smooth if they are among the smoothest tenth, those that are
    clipped left out, and the mean of six eigenvalues is steadier than one.

    Args:
        tiles: Samples of one colour.
    """
    views = (sliding_window_view(tile, (_PATCH, _PATCH))[::2, ::2].reshape(-1, _PATCH**2) for tile in tiles)
    patches = np.concatenate([view[(view.min(axis=1) > 1) & (view.max(axis=1) < 254)] for view in views])
    if len(patches) < _FEWEST_PATCHES:
        return 0.0
    count = max(len(patches) // 10, _FEWEST_PATCHES)
    smoothest = np.argpartition(patches.std(axis=1), count - 1)[:count]
    variances = np.linalg.eigvalsh(np.cov(patches[smoothest], rowvar=False, dtype=np.float64)).clip(0)
    return _LEAST_TO_ALL * float(np.sqrt(variances[:_LEAST_VARIANCES].mean()))


def perceptual_blur(even: Iterable[Plane], detailed: Iterable[Plane], noise: float = 0.0) -> float:
    """Estimate how blurred a picture is where it shows anything, 0 (sharp) to 1.

    F. Crete et al., "The blur effect: perception and estimation with a new no-reference perceptual blur metric", SPIE
    Electronic Imaging 2007, tile by tile, behind noise after a smoothing that keeps edges. A picture is as blurred as
    its median tile, but hardly more than its sharpest: what lies out of focus on purpose is no damage.

    Args:
        even: Luma of tiles all over the picture.
        detailed: Luma of the tiles with the most detail.
        noise: Standard deviation of the noise, in levels of 255.
    """
    typical, sharpest = _blur_of(even, noise), _blur_of(detailed, noise)
    both = typical + sharpest
    return float(min(np.median(typical or both), min(both) + _SHARPEST_MARGIN)) if both else 0.0


def block_jump(tiles: Iterable[Plane]) -> float:
    """Estimate how far JPEG's blocks of 8x8 stand apart, in levels of 255.

    How much larger jumps between neighbouring pixels are than those beside them is averaged for each of the eight
    places that the grid of blocks can have; the place where they are largest stands out by the result, less what it may
    by chance (three standard errors). Along the axis where it is smaller: stripes are no blocks.

    Args:
        tiles: Luma of tiles whose places in the picture are multiples of 8.
    """
    planes = list(tiles)
    return min(_grid_jump(planes), _grid_jump([plane.T for plane in planes]))


def _grid_jump(planes: Iterable[Plane]) -> float:
    totals, squares, counts = np.zeros(8), 0.0, np.zeros(8)
    for plane in planes:
        jumps = np.abs(np.diff(plane, axis=1))
        beyond = jumps[:, 1:-1] - (jumps[:, :-2] + jumps[:, 2:]) / 2
        counted = jumps[:, 1:-1] <= _LARGEST_JUMP
        squares += float(np.square(beyond, where=counted, out=np.zeros_like(beyond)).sum())
        for place in range(8):
            totals[place] += beyond[:, place::8].sum(where=counted[:, place::8])
            counts[place] += counted[:, place::8].sum()
    means = np.sort(totals / counts.clip(1))
    chance = 3 * np.sqrt(squares) / max(1.0, counts.sum()) * np.sqrt(8)
    return max(0.0, float(means[-1] - means[:-1].mean() - chance))


def _blur_of(tiles: Iterable[Plane], noise: float) -> list[float]:
    """Return the perceptual blur of the tiles that show anything."""
    from skimage.measure import blur_effect  # here, because it takes longer to import than a model to load

    smooth = [_denoised(tile, noise) for tile in tiles]
    shown = [tile for tile in smooth if np.quantile(np.hypot(*np.gradient(tile)), 0.98) > _CONTRAST]
    return [float(blur_effect(tile / 255)) for tile in shown]  # type: ignore[no-untyped-call]


def _denoised(tile: Plane, noise: float) -> Plane:
    """Smooth noise away by non-local means, if there is enough to make a tile look sharper than it is."""
    if noise < NOISY / 2:
        return tile
    from skimage.restoration import denoise_nl_means

    sigma = 0.67 * noise  # of luma, where colours have independent noise
    options = {"patch_size": 5, "patch_distance": 4, "h": 0.8 * sigma, "sigma": sigma, "fast_mode": True}
    smooth: Plane = denoise_nl_means(tile, **options)
    return smooth


def _sampled(picture: ImageStream) -> tuple[list[tuple[Plane, Plane]], list[tuple[Plane, Plane]]]:
    """Return green and luma of tiles at even distances, and of those with the most detail."""
    header = picture.header
    height, width = min(_TILE, header.height), min(_TILE, header.width)
    rows, columns = header.height // height, header.width // width
    down, across = ({round(i * (n - 1) / (_TILES_ALONG - 1)) for i in range(_TILES_ALONG)} for n in (rows, columns))
    even: list[tuple[Plane, Plane]] = []
    detailed: list[tuple[float, int, tuple[Plane, Plane]]] = []
    for row, strip in enumerate(_strips(picture.bands, height)):
        for column in range(columns):
            tile = strip[:, column * width : (column + 1) * width]
            number = row * columns + column
            detail = _detail(tile, header)
            wanted = row in down and column in across
            busiest = len(detailed) < _MOST_DETAILED or detail > detailed[0][0]
            if not (wanted or busiest) or (planes := _planes(tile, header)) is None:
                continue
            if wanted:
                even.append(planes)
            if busiest:
                heapq.heappush(detailed, (detail, number, planes))
            if len(detailed) > _MOST_DETAILED:
                heapq.heappop(detailed)
    return even, [planes for _, _, planes in detailed]


def _strips(bands: Iterable[Pixels], height: int) -> Iterator[Pixels]:
    """Cut an image in bands into strips of ``height`` rows; what is left at its end is read and dropped."""
    held: list[Pixels] = []
    for band in bands:
        held.append(band)
        while sum(map(len, held)) >= height:
            joined = np.concatenate(held)
            yield joined[:height]
            held = [joined[height:]]


def _detail(tile: Pixels, header: Header) -> float:
    """Return the mean second difference along every fourth row: much where a tile is sharp."""
    samples = tile[::4, :, 0 if header.grey else 1].astype(np.float32)
    return float(np.abs(np.diff(samples, n=2)).mean()) if samples.shape[1] > 2 else 0.0


def _planes(tile: Pixels, header: Header) -> tuple[Plane, Plane] | None:
    """Return green and luma of a tile, twice the same if it is grey, or None if it tells nothing."""
    samples = tile.astype(np.float32) * (255 / header.peak)
    if not np.isfinite(samples).all() or (header.alpha and samples[..., -1].min() < 255):
        return None
    samples = samples.clip(0, 255)
    if header.grey:
        return samples[..., 0], samples[..., 0]
    return samples[..., 1], samples[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32)
