"""Results that are no better than their input are held back; good ones stay as they are, whatever the tiles."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from imgrestore.codecs import read_image
from imgrestore.engine import restorer as engine
from imgrestore.engine.guard import REACH, HeldBack, Judge, guarded, measured, rows_around
from imgrestore.engine.plausibility import CELL, MARGIN, described, moments
from imgrestore.engine.prepare import prepare
from imgrestore.engine.restorer import Restorer
from imgrestore.image import Image, Metadata
from imgrestore.image.regions import Region
from imgrestore.models.contract import RestorationModel
from imgrestore.weights.catalogue import choose

PHOTO = Path(__file__).parents[2] / "docs" / "images" / "circuit.jpg"
SIZES = [(1, 1), (5, 90), (33, 64), (150, 170), (70, 333)]


class Smooth(RestorationModel):
    """Takes everything finer than some pixels away, from every picture."""

    halo = 3

    def forward(self, lq: Tensor) -> Tensor:
        return avg_pool2d(pad(lq, (3,) * 4, mode="replicate"), 7, 1)


class Tint(RestorationModel):
    """Makes everything warmer."""

    def forward(self, lq: Tensor) -> Tensor:
        return lq + torch.tensor([12.0, 0.0, -12.0])[:, None, None] / 255


class Pattern(RestorationModel):
    """Adds a checkerboard."""

    multiple_of = 2

    def forward(self, lq: Tensor) -> Tensor:
        rows, columns = (torch.arange(side) for side in lq.shape[-2:])
        return lq + ((rows[:, None] + columns) % 2 - 0.5) * 16 / 255


@pytest.fixture(scope="module")
def photo_pixels() -> NDArray[np.uint8]:
    return read_image(PHOTO).rgb8()[100:324, 200:456]


@pytest.fixture
def opinionated(monkeypatch: pytest.MonkeyPatch) -> Judge:
    """A judge with fresh numbers, of many minds about the cells of one picture."""
    torch.manual_seed(3)
    described_cells = described(moments(*torch.rand(2, 3, CELL + 2 * MARGIN, CELL + 2 * MARGIN)))
    judge = Judge(2 * described_cells.shape[1]).eval()
    judge.layers[-1].weight.data *= 8
    monkeypatch.setattr(engine, "judge", lambda path: judge)
    return judge


def picture(height: int, width: int) -> Image:
    rng = np.random.default_rng(height * 1000 + width)
    return Image(rng.integers(0, 256, (height, width, 3), np.uint8))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_neither_tiles_nor_crops_change_a_bit(opinionated: Judge, size: tuple[int, int]) -> None:
    source = picture(*size)
    held = Restorer(Smooth(), precision="fp32", tile=10_000, guard=True)
    whole = held.restore(source).pixels
    assert 0 < held.held.strength < 1 and held.held.cells == math.prod(math.ceil(side / CELL) for side in size)
    for tile in (9, 64):
        assert np.array_equal(Restorer(Smooth(), precision="fp32", tile=tile, guard=True).restore(source).pixels, whole)
    height, width = size
    for crop in (Region(width // 2, height // 2, 1, 1), Region(width - 1, height // 3, 1, height - height // 3)):
        part = Restorer(Smooth(), precision="fp32", tile=16, guard=True).restore(source, crop=crop).pixels
        expected = whole[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]
        assert np.array_equal(part, expected), crop


def test_strength_does_not_depend_on_what_is_out_of_reach(opinionated: Judge) -> None:
    before, after = torch.rand(2, 3, 400, 420)
    first = torch.cat(list(guarded([before], [after], (400, 420), opinionated, HeldBack())), dim=1)
    after[:, :, 300:] = 0
    second = torch.cat(list(guarded([before], [after], (400, 420), opinionated, HeldBack())), dim=1)
    assert torch.equal(first[:, :, : 300 - REACH], second[:, :, : 300 - REACH])


def test_bands_of_any_height_are_judged_alike() -> None:
    before, after = torch.rand(2, 3, 77, 40)
    whole = torch.cat(list(measured([before], [after], (77, 40))))
    cut = torch.cat(list(measured(before.split(5, dim=1), after.split(11, dim=1), (77, 40))))
    assert whole.shape[0] == 3 * 2 and torch.equal(whole, cut)


def test_each_row_is_seen_with_those_around_it() -> None:
    rows = [torch.tensor(i) for i in range(5)]
    for reach, count in itertools.product((1, 2), (1, 2, 5)):
        for i, (near, at) in enumerate(rows_around(rows[:count], reach)):
            around = range(max(0, i - reach), min(count, i + reach + 1))
            assert int(near[at]) == i and [int(each) for each in near] == list(around)
        assert i == count - 1


@pytest.mark.parametrize(("spoilt", "left", "strength"), [(Smooth, 1 / 4, 0.5), (Tint, 0, 0), (Pattern, 0, 0)])
def test_what_makes_a_clean_picture_worse_is_held_back(
    spoilt: type[RestorationModel], left: float, strength: float, photo_pixels
) -> None:
    source = Image(photo_pixels)
    bare = Restorer(spoilt()).restore(source).pixels
    restorer = Restorer(spoilt(), guard=True)
    result = restorer.restore(source).pixels
    worse, kept = (np.square(each.astype(float) - source.pixels).mean() for each in (bare, result))
    assert kept <= worse * left
    assert restorer.held.strength <= strength and restorer.held.share > 0.9
    assert "--no-guard" in restorer.held.notices[0]


def test_good_results_stay_as_they_are_bit_for_bit(photo_pixels) -> None:
    noise = np.random.default_rng(0).normal(0, 25, photo_pixels.shape)
    noisy = Image((photo_pixels + noise).clip(0, 255).round().astype(np.uint8))
    choice = choose("resnet-denoise")
    restorer = prepare(choice, device="cpu", precision="fp32", guard=True)
    assert np.array_equal(
        restorer.restore(noisy).pixels, prepare(choice, device="cpu", precision="fp32").restore(noisy).pixels
    )
    assert restorer.held.table() == {"share": 0.0, "strength": 1.0} and restorer.held.notices == ()


def test_less_strength_takes_less_of_what_is_left(photo_pixels) -> None:
    source = Image(photo_pixels).pixels
    full = Restorer(Smooth(), guard=True).restore_tensor(lq := torch.from_numpy(source / np.float32(255)).movedim(2, 0))
    half = Restorer(Smooth(), guard=True, strength=0.5).restore_tensor(lq)
    assert torch.allclose(half, (lq + full) / 2, atol=1e-6)
    assert torch.equal(Restorer(Smooth(), guard=True, strength=0).restore_tensor(lq), lq)


@pytest.mark.parametrize("kind", ["grey", "alpha", "deep", "float"])
def test_every_kind_of_samples_is_judged(kind: str, photo_pixels) -> None:
    pixels = photo_pixels[:64, :80]
    if kind == "grey":
        pixels = pixels[..., :1]
    elif kind == "alpha":
        pixels = np.dstack([pixels, pixels[..., :1] // 128 * 255])
    elif kind == "deep":
        pixels = pixels.astype(np.uint16) * 257
    else:
        pixels = (pixels / np.float32(255)) * 40 - 20
    restorer = Restorer(Smooth(), guard=True)
    result = restorer.restore(Image(pixels, Metadata())).pixels
    assert result.shape == pixels.shape and result.dtype == pixels.dtype and np.isfinite(result).all()
    assert restorer.held.cells == 2 * 3


def test_larger_results_and_resampling_are_not_judged() -> None:
    for name, scale in (("bicubic", 2), ("nearest", 1), ("resnet-sr", 2)):
        assert not prepare(choose(name, scale), device="cpu", guard=True).guard
    assert prepare(choose("unsharp"), device="cpu", guard=True).guard
