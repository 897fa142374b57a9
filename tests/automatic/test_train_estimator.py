"""Pictures damaged with known truth, and training the estimator on them."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage
from test_diagnosis import clean

from imgrestore.automatic import train_estimator
from imgrestore.automatic.clean_tiles import SIDE, TILES, clean_tiles
from imgrestore.automatic.damaging import Damaged
from imgrestore.automatic.estimator import CHANCES, MEASURES, estimator
from imgrestore.automatic.statistics import statistics
from imgrestore.drawing.textures import pebbles, stars, tiling
from imgrestore.weights.cards import read_card


def damaged(seed: int) -> tuple[torch.Tensor, Damaged]:
    """Return a clean picture (3, H, W) and what became of it."""
    picture = torch.from_numpy(clean(96, 192)).permute(2, 0, 1).float() / 255
    result = Damaged(picture, np.random.default_rng(seed))
    result.damage()
    return picture, result


def test_the_truth_tells_clean_from_damaged() -> None:
    called = []
    for seed in range(40):
        picture, result = damaged(seed)
        measures, chances = result.truth()
        assert len(measures) == len(MEASURES) and len(chances) == len(CHANCES)
        assert ((chances >= 0) & (chances <= 1))[~chances.isnan()].all()
        assert result.image.min() >= 0 and torch.equal(result.image, (result.image * 255).round() / 255)
        changed = float((result.image[0] - picture).abs().max()) > 0
        certain = float(chances[CHANCES.index("clean")])
        assert changed or certain == 1
        called.append(certain)
    assert 0.2 < np.mean(np.array(called) == 1) < 0.6 and 0.0 in called


def test_noise_is_known_as_strong_and_as_coarse_as_it_is() -> None:
    seen = set()
    for seed in range(40):
        result = Damaged(torch.full((3, 128, 128), 0.5), np.random.default_rng(seed))
        result.add_noise()
        grey = torch.tensor([0.299, 0.587, 0.114]) @ (255 * (result.image[0] - 0.5)).flatten(1)
        if "noise" not in result.measures:
            assert grey.std() < 1.1, "nobody sees it"
            continue
        assert np.expm1(result.measures["noise"]) == pytest.approx(float(grey.std()), rel=0.1)
        seen.add(round(result.measures["grain"]))
    assert {0, 1} <= seen, "white noise and coarse noise"


def test_statistics_see_where_blocks_begin() -> None:
    picture = torch.from_numpy(clean(64, 64)).permute(2, 0, 1)[None].float() / 255
    stripes = picture.clone()
    stripes[..., 3::8] = (stripes[..., 3::8] + 0.05).clamp(0, 1)
    known, moved = statistics(picture), statistics(stripes)
    assert known.shape == moved.shape and torch.isfinite(known).all() and not torch.allclose(known, moved, atol=0.1)
    assert statistics(torch.zeros(1, 3, 50, 61)).shape == known.shape


@pytest.mark.parametrize("texture", [tiling, pebbles, stars])
def test_textures_are_sharp_and_of_one_size(texture) -> None:
    picture = clean(96, 192)
    drawn = [texture(np.random.default_rng(seed), picture, 60, 200) for seed in (0, 0, 1)]
    assert {each.shape for each in drawn} == {(60, 200, 3)}
    assert np.array_equal(drawn[0], drawn[1]) and not np.array_equal(drawn[0], drawn[2])
    assert drawn[0].min() >= 0 and drawn[0].max() <= 255 and np.abs(np.diff(drawn[0], axis=1)).max() > 5


def test_clean_tiles_of_pictures_as_small_as_one() -> None:
    for seed in range(20):
        tiles = clean_tiles(clean(SIDE, SIDE), np.random.default_rng(seed))
        assert tiles.shape == (TILES, 3, SIDE, SIDE) and tiles.min() >= 0 and tiles.max() <= 1


def test_scratches_that_nobody_sees_do_not_count() -> None:
    changed, called = [], []
    for seed in range(30):
        result = Damaged(torch.ones(3, 192, 384), np.random.default_rng(seed))
        result.scratch()
        changed.append(int(((result.image[0] - 1).abs().amax(dim=0) > 0.03).sum()))
        called.append(result.chances["scratches"])
    assert min(called) < 1 == max(called)
    assert all(count > 100 for count, chance in zip(changed, called, strict=True) if chance == 1)


def test_training_writes_weights_that_can_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for seed in range(3):
        PillowImage.fromarray(clean(130, 150, seed)).save(photos / f"{seed}.png")
    for name in ("a", "b"):
        arguments = ["x", str(tmp_path / name), str(photos), "--each", "2", "--steps", "2", "--data", "discs"]
        monkeypatch.setattr(sys, "argv", arguments)
        train_estimator.main()
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes(), "training is repeatable"
    kept = ["--examples", str(tmp_path / "kept"), "--each", "2", "--steps", "2", "--data", "discs"]
    monkeypatch.setattr(sys, "argv", ["x", str(tmp_path / "c"), str(photos), *kept])
    train_estimator.main()
    monkeypatch.setattr(train_estimator, "example", None)
    monkeypatch.setattr(sys, "argv", ["x", str(tmp_path / "d"), str(photos), *kept])
    train_estimator.main()
    assert (tmp_path / "c").read_bytes() == (tmp_path / "d").read_bytes() == (tmp_path / "a").read_bytes()
    more = [*kept, "--start", str(tmp_path / "a"), "--seed", "1"]
    monkeypatch.setattr(sys, "argv", ["x", str(tmp_path / "e"), str(photos), *more])
    train_estimator.main()
    first, then = (estimator(tmp_path / name) for name in "ae")
    assert torch.equal(first.mean, then.mean) and not torch.equal(first.straight.weight, then.straight.weight)
    card = read_card(tmp_path / "a")
    assert card.model == "estimator" and card.steps == 2 and card.data == "discs"
    measured, logits = estimator(tmp_path / "a")(torch.zeros(1, 4, card.dimensions["statistics"]))
    assert measured.shape == (1, len(MEASURES)) and logits.shape == (1, len(CHANCES))
