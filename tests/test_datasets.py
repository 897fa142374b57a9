from pathlib import Path

import numpy as np
import pytest
import torch

from imgrestore.codecs import find_images
from imgrestore.datasets import Crops, load_photos
from imgrestore.degradations.downsample import Downsample
from imgrestore.degradations.gaussian import Gaussian
from imgrestore.errors import InputError


def crops(photo, **changes) -> Crops:
    settings = {"patch": 12, "context": 2, "scale": 2, "batch": 4, "seed": 3} | changes
    return Crops([photo(60 + i, 50, seed=i) for i in range(5)], [Downsample(scale=settings["scale"])], **settings)


def test_a_batch_depends_on_seed_and_step_alone(photo) -> None:
    first, again, other = crops(photo).at(7), crops(photo).at(7), crops(photo).at(8)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[1], other[1])
    assert not torch.equal(first[1], crops(photo, seed=4).at(7)[1])
    assert first[0].shape == (4, 3, 12, 12) and first[1].shape == (4, 3, 24, 24)
    assert first[0].dtype == torch.float32 and first[1].min() >= 0 and first[1].max() <= 1


def test_every_photo_is_seen_once_before_any_is_seen_twice(photo) -> None:
    order = [i for step in range(5) for i in crops(photo)._order(step)]
    for epoch in range(4):
        assert sorted(order[epoch * 5 : epoch * 5 + 5]) == list(range(5))
    assert order[:5] != order[5:10] or order[5:10] != order[10:15]


def test_crops_match_their_ground_truth(photo) -> None:
    """The low-quality crop is the ground truth seen through the degradation, not a shifted copy."""
    lq, gt = crops(photo, context=4).at(0)
    inner = Downsample(scale=2)(gt, torch.Generator())
    assert torch.allclose(lq[..., 3:-3, 3:-3], inner[..., 3:-3, 3:-3], atol=1e-6)


def test_random_degradations_are_seeded(photo) -> None:
    made = [Crops([photo(50, 50)], [Gaussian(high=0.2)], 16, 0, 1, 3, 0).at(step)[0] for step in (0, 0, 1)]
    assert torch.equal(made[0], made[1]) and not torch.equal(made[0], made[2])


def test_folders_are_read_in_order_and_bad_files_named(photo_folder: Path) -> None:
    (photo_folder / "bad.jpg").write_bytes(b"\xff\xd8\xff broken")
    (photo_folder / "notes.txt").write_text("no image")
    (photo_folder / ".hidden.png").write_bytes((photo_folder / "0.png").read_bytes())
    found = find_images(photo_folder)
    assert [path.name for path in found] == ["0.png", "1.png", "2.png", "3.png", "4.png", "bad.jpg", "5.png"]
    photos = load_photos(photo_folder, 102, 2)
    assert len(photos.training) + len(photos.held_out) == 4 and len(photos.held_out) == 2
    assert len(photos.skipped) == 3 and any("bad.jpg" in line for line in photos.skipped)
    assert any("120x100 is smaller than a crop of 102" in line for line in photos.skipped)
    held = [pixels for _, pixels in photos.held_out]
    assert not any(np.array_equal(a, b) for a in photos.training for b in held)


def test_folders_that_cannot_be_used(tmp_path: Path, photo_folder: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        load_photos(tmp_path / "missing", 8, 1)
    with pytest.raises(InputError, match="6 usable images, but 6 are held out"):
        load_photos(photo_folder, 8, 6)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="0 usable images"):
        load_photos(tmp_path / "empty", 8, 1)
