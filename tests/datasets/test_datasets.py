import atexit
import gzip
import itertools
import multiprocessing
import os
import pickle
import signal
import struct
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage
from torch import Tensor

from imgrestore.codecs import find_images
from imgrestore.datasets.blocks import Blocks
from imgrestore.datasets.cifar import Cifar
from imgrestore.datasets.images import Images
from imgrestore.datasets.loader import batches
from imgrestore.datasets.mnist import Mnist
from imgrestore.datasets.pairs import Pairs
from imgrestore.datasets.photos import Photos
from imgrestore.datasets.pictures import unreadable
from imgrestore.datasets.samples import Samples, Share
from imgrestore.degradations.bilateral import Bilateral
from imgrestore.degradations.binarise import Binarise
from imgrestore.degradations.downsample import Downsample
from imgrestore.degradations.gaussian import Gaussian
from imgrestore.degradations.identity import Identity
from imgrestore.degradations.rotate import Rotate
from imgrestore.degradations.streams import Streams
from imgrestore.drawing.picture import Drawing
from imgrestore.errors import ComputeError, InputError, RecipeError
from imgrestore.parts.part import check

PLENTY = 2**30


def samples(folder: Path, degradation=None, dataset=None, scale: int = 2, seed: int = 3) -> Samples:
    dataset = dataset or Photos(patch=12, context=2, batch=4)
    found = dataset.find(folder, scale, PLENTY)
    return Samples(dataset, found.pictures, [degradation or Downsample(scale=scale)], scale, seed)


def test_a_batch_depends_on_seed_and_place_alone(photo_folder: Path) -> None:
    first, again, other = (samples(photo_folder).batch(range(k, k + 4)) for k in (28, 28, 32))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[1], other[1])
    assert not torch.equal(first[1], samples(photo_folder, seed=4).batch(range(28, 32))[1])
    assert first[0].shape == (4, 3, 12, 12) and first[1].shape == (4, 3, 24, 24)
    assert first[0].dtype == torch.float32 and first[1].min() >= 0 and first[1].max() <= 1


def test_a_batch_shared_out_is_the_same_batch(photo_folder: Path) -> None:
    """What two processes see in a step is what one process sees in a batch twice as large."""
    noisy = samples(photo_folder, Gaussian(sigma=0.1), scale=1)
    whole = noisy.batch(range(24, 32))
    parts = [Share(noisy, rank, 2)[3] for rank in range(2)]
    assert all(torch.equal(whole[i], torch.cat([part[i] for part in parts])) for i in range(2))


def test_a_batch_made_at_once_is_that_of_its_samples(photo_folder: Path) -> None:
    """Where nothing is drawn, samples need not be degraded one by one."""
    dataset = Photos(patch=12, context=2, batch=4, transform=(Binarise(),))
    made = samples(photo_folder, Downsample(scale=2), dataset)
    whole, parts = made.batch(range(8)), [made.batch([k]) for k in range(8)]
    assert all(torch.equal(whole[i], torch.cat([part[i] for part in parts])) for i in range(2))


def test_every_photo_is_seen_once_before_any_is_seen_twice(photo_folder: Path) -> None:
    whole = samples(photo_folder, Identity(), Photos(patch=100), scale=1)
    assert len(whole) == 6
    means = [round(float(whole.batch([k])[1].mean()), 5) for k in range(24)]
    for epoch in range(4):
        assert len(set(means[6 * epoch : 6 * epoch + 6])) >= 5
    assert means[:6] != means[6:12] or means[6:12] != means[12:18]


def test_crops_match_their_ground_truth(photo_folder: Path) -> None:
    """The low-quality crop is the ground truth seen through the degradation, not a shifted copy."""
    lq, gt = samples(photo_folder, dataset=Photos(patch=12, context=4)).batch(range(4))
    inner = Downsample(scale=2)(gt, Streams.seeded(0, range(4)))
    assert torch.allclose(lq[..., 3:-3, 3:-3], inner[..., 3:-3, 3:-3], atol=1e-6)


def test_workers_give_the_same_batches_in_the_same_order(photo_folder: Path) -> None:
    share = Share(samples(photo_folder, Gaussian(), scale=1))
    with closing(batches(share, 5, workers=2)) as loader:
        for number, (lq, gt) in enumerate(itertools.islice(loader, 6), start=5):
            assert torch.equal(lq, share[number][0]) and torch.equal(gt, share[number][1])


def test_pictures_travel_to_other_processes_without_their_pixels(photo_folder: Path) -> None:
    pictures = Photos(patch=8).find(photo_folder, 1, PLENTY).pictures
    assert pictures.cached and pictures.portable and pictures.memory.is_shared()
    assert all(np.array_equal(a, b) for a, b in zip(pictures[2], pictures.pick([4, 2])[1], strict=True))


@pytest.mark.parametrize("room", [0, 2.5, 6])
def test_what_does_not_fit_into_the_cache_is_decoded_when_needed(room: float, photo_folder: Path) -> None:
    dataset = Photos(patch=12, context=2, batch=4)
    partly = dataset.find(photo_folder, 2, cache=int(room * 100 * 120 * 3)).pictures
    assert sum(offset is not None for offset in partly.offsets) == int(room) - (room == 6)  # photos grow in height
    partly = pickle.loads(pickle.dumps(partly))
    whole = dataset.find(photo_folder, 2, PLENTY).pictures
    made = [Samples(dataset, pictures, [Downsample(scale=2)], 2, 3).batch(range(8)) for pictures in (partly, whole)]
    assert torch.equal(made[0][0], made[1][0]) and torch.equal(made[0][1], made[1][1])


def test_a_picture_that_is_damaged_later_does_not_end_a_run(photo_folder: Path) -> None:
    dataset = Photos(patch=12, context=2, batch=4)
    pictures = dataset.find(photo_folder, 2, cache=0).pictures
    (photo_folder / "2.png").write_bytes(b"gone bad after the scan")
    assert ["2.png" in line for line in unreadable(pictures)] == [True]
    lq, gt = Samples(dataset, pictures, [Downsample(scale=2)], 2, 3).batch(range(12))
    assert lq.shape == (12, 3, 12, 12) and bool(gt.isfinite().all())
    for path in photo_folder.rglob("*.png"):
        path.write_bytes(b"gone")
    with pytest.raises(InputError, match="none of the images"):
        Samples(dataset, pictures, [Downsample(scale=2)], 2, 3).batch([0])


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_in_a_worker_arrives_as_it_is(workers: int, photo_folder: Path) -> None:
    share = Share(samples(photo_folder, Identity(), Images(batch=2), scale=1))
    with pytest.raises(InputError, match=r"^images of different sizes"), closing(batches(share, 0, workers)) as loader:
        for _ in range(3):
            next(loader)


def test_a_dead_worker_is_an_error_and_nothing_is_left_of_the_others(photo_folder: Path) -> None:
    share = Share(samples(photo_folder, Gaussian(), scale=1))
    with pytest.raises(ComputeError, match="has ended"), closing(batches(share, 0, 2)) as loader:
        next(loader)
        mine = multiprocessing.active_children()
        mine[0].kill()
        mine[0].join()
        assert len(mine) == 2, "no error yet: nobody has asked for a batch"
        for _ in range(100):
            next(loader)
    assert not [process for process in mine if process.is_alive()]


class _Ending(Identity):
    """A worker aborts when its interpreter ends, or never finishes its second batch."""

    stuck: bool

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        if self.stuck and _SEEN:
            time.sleep(3600)
        _SEEN.append(atexit.register(os.abort))
        return image


_SEEN: list[object] = []


@pytest.mark.parametrize(("stuck", "end"), [(False, signal.SIGABRT), (True, signal.SIGKILL)])
def test_how_a_worker_dies_that_is_being_ended_is_no_matter(
    stuck: bool, end: signal.Signals, photo_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.utils.data._utils.MP_STATUS_CHECK_INTERVAL", 1 if stuck else 60)
    share = Share(samples(photo_folder, _Ending(stuck=stuck), scale=1))
    with closing(batches(share, 0, workers=1)) as loader:
        next(loader)
        mine = multiprocessing.active_children()
    assert [process.exitcode for process in mine] == [-end]


def test_runs_and_links_in_the_data_folder(photo_folder: Path) -> None:
    run = photo_folder / "runs" / "mine"
    (run / "samples").mkdir(parents=True)
    for path in (run / "curves.png", run / "samples" / "step-1.png"):
        path.write_bytes((photo_folder / "0.png").read_bytes())
    assert len(Photos(patch=8).find(photo_folder, 1, PLENTY).pictures) == 8
    (run / "checkpoint.safetensors").touch()
    assert len(Photos(patch=8).find(photo_folder, 1, PLENTY).pictures) == 6, (
        "a run does not learn from its own pictures"
    )
    (photo_folder / "circle").symlink_to(photo_folder)
    (photo_folder / "again").symlink_to(photo_folder / "more")
    assert len(Photos(patch=8).find(photo_folder, 1, PLENTY).pictures) == 6, "linked folders are searched once"


def test_folders_are_read_in_order_and_bad_files_named(photo_folder: Path) -> None:
    (photo_folder / "bad.jpg").write_bytes(b"\xff\xd8\xff broken")
    whole = (photo_folder / "3.png").read_bytes()
    (photo_folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    (photo_folder / "notes.txt").write_text("no image")
    (photo_folder / ".hidden.png").write_bytes(whole)
    assert [p.name for p in find_images(photo_folder)] == [
        *(f"{i}.png" for i in range(5)),
        "bad.jpg",
        "cut.png",
        "5.png",
    ]
    found = Photos(patch=51).find(photo_folder, 2, PLENTY)
    assert list(found.pictures.names) == ["2.png", "3.png", "4.png", "cut.png", "more/5.png"]
    assert list(found.pictures.readable().names) == ["2.png", "3.png", "4.png", "more/5.png"]
    assert len(found.skipped) == 4 and sum("smaller than a crop of 102" in line for line in found.skipped) == 2
    assert any("bad.jpg" in line for line in found.skipped) and any("cut.png" in line for line in found.skipped)


@pytest.mark.parametrize("dataset", [Photos(), Images(), Blocks(), Pairs(), Mnist(), Cifar()])
def test_folders_that_cannot_be_used(dataset, tmp_path: Path) -> None:
    for folder in (tmp_path / "missing", tmp_path):
        with pytest.raises(InputError) as caught:
            dataset.find(folder, 1, PLENTY)
        assert str(folder) in str(caught.value) and "\n" not in str(caught.value) and caught.value.hint


def test_pairs_are_cut_at_the_same_place(tmp_path: Path, photo) -> None:
    for name in ("gt", "lq"):
        (tmp_path / name).mkdir()
    for i in range(3):
        pixels = photo(80, 64, seed=i)
        PillowImage.fromarray(pixels).save(tmp_path / "gt" / f"{i}.png")
        PillowImage.fromarray(pixels[::2, ::2]).save(tmp_path / "lq" / f"{i}.png")
    dataset = Pairs(patch=10, context=1, batch=2)
    lq, gt = samples(tmp_path, Identity(), dataset).batch(range(6))
    assert lq.shape == (6, 3, 10, 10) and torch.equal(lq[0], lq[0])
    corners = torch.stack([gt[..., y::2, x::2] for y in (0, 1) for x in (0, 1)])
    matches = (corners == lq).flatten(2).all(dim=2)
    assert matches.any(dim=0).all(), "each low-quality pixel is one corner of its ground truth, after any turn"
    PillowImage.fromarray(photo(50, 50)).save(tmp_path / "lq" / "1.png")
    found = dataset.find(tmp_path, 2, PLENTY)
    assert list(found.pictures.names) == ["0", "2"] and "not 2 times the 50x50" in found.skipped[0]
    (tmp_path / "lq" / "2.png").unlink()
    with pytest.raises(InputError, match="2 has no counterpart in lq"):
        dataset.find(tmp_path, 2, PLENTY)


@pytest.mark.parametrize(
    ("fit", "expected"), [("crop", (32, 32)), ("centre", (32, 32)), ("squash", (32, 32)), ("longest", (21, 32))]
)
def test_images_are_brought_to_one_size(fit: str, expected: tuple[int, int], tmp_path: Path, photo) -> None:
    pixels = photo(40, 60)
    PillowImage.fromarray(pixels).save(tmp_path / "a.png")
    dataset = Images(size=32, fit=fit, batch=1)
    picture = dataset.find(tmp_path, 1, PLENTY).pictures[0][0]
    assert tuple(picture.shape[:2]) == expected
    if fit == "centre":
        assert np.array_equal(picture, pixels[4:36, 14:46])
    grey = Images(channels=1, batch=1).find(tmp_path, 1, PLENTY).pictures[0][0]
    assert grey.shape == (40, 60, 1)
    assert abs(int(grey[3, 5, 0]) - pixels[3, 5] @ [0.299, 0.587, 0.114]) <= 0.5


def test_images_of_different_sizes_need_batches_of_one(photo_folder: Path) -> None:
    loose = samples(photo_folder, Identity(), Images(batch=2), scale=1)
    with pytest.raises(InputError, match=r"different sizes .* form a batch"):
        loose.batch([0, 1])
    assert loose.batch([0])[1].shape[-1] == 120


def test_blocks_cover_the_grid_of_paper_001(tmp_path: Path, photo) -> None:
    PillowImage.fromarray(photo(256, 256)).save(tmp_path / "a.png")
    whole = samples(tmp_path, Identity(), Blocks(batch=2), scale=1)
    assert len(whole) == 324
    picture, seen = whole.pictures[0], set()
    for sample in range(324):
        (block,) = whole.dataset.cut(picture, sample, 1, np.random.default_rng(0))
        assert block.shape == (18, 18, 3)
        seen.add((block.storage_offset() // 3 // 256, block.storage_offset() // 3 % 256))
    assert seen == {(y, x) for y in range(0, 239, 14) for x in range(0, 239, 14)}
    with pytest.raises(RecipeError, match="overlap must be smaller than block"):
        check(Blocks, {"block": 6, "overlap": 6})


def test_blocks_with_context_are_degraded_as_parts_of_the_whole(tmp_path: Path, photo) -> None:
    PillowImage.fromarray(photo(48, 40)).save(tmp_path / "a.png")
    whole = samples(tmp_path, Bilateral(), Blocks(block=16, overlap=0, context=7, batch=6), scale=1)
    degraded, _ = whole.pair([whole.pictures[0][0].permute(2, 0, 1)[None].float() / 255], Streams.seeded(0))
    expected = degraded[..., :48, :32].unfold(2, 16, 16).unfold(3, 16, 16).permute(0, 2, 3, 1, 4, 5).reshape(6, -1)
    lq, gt = whole.batch(range(6))
    assert lq.shape == gt.shape == (6, 3, 16, 16)
    assert {tuple(block.tolist()) for block in lq.flatten(1)} == {tuple(block.tolist()) for block in expected}
    assert Blocks(block=16, context=39).refuse(((48, 40, 3),), 1) is None
    assert "smaller than" in (Blocks(block=16, context=40).refuse(((48, 40, 3),), 1) or "")


def test_the_turned_copy_of_blocks(tmp_path: Path, photo) -> None:
    PillowImage.fromarray(photo(64, 64)).save(tmp_path / "a.png")
    dataset = Blocks(block=16, overlap=0, turned_copy=True)
    (view,) = dataset.find(tmp_path, 1, PLENTY).pictures[0]
    assert dataset.samples_in(tuple(view.shape)) == 32

    class Angle:
        def __init__(self, angle: float) -> None:
            self.uniform = lambda low, high: angle

    whole = view.permute(2, 0, 1)[None].float()
    for angle in (0, 90, 33):
        turned = Rotate(angle=angle)(whole, Streams.seeded(0)).round()[0].permute(1, 2, 0)
        for number in (0, 6, 15):
            (block,) = dataset.cut((view,), 16 + number, 1, Angle(angle))
            row, column = divmod(number, 4)
            expected = turned[16 * row : 16 * row + 16, 16 * column : 16 * column + 16]
            assert block.dtype == torch.uint8 and (block - expected).abs().max() <= 1
    random = [dataset.cut((view,), 20, 1, np.random.default_rng(seed))[0] for seed in (0, 0, 1)]
    assert torch.equal(random[0], random[1]) and not torch.equal(random[0], random[2])


def test_digits_are_cut_into_four_blocks(mnist_folder: Path) -> None:
    dataset = Mnist(block=14, context=7)
    pictures = dataset.find(mnist_folder, 1, PLENTY).pictures
    assert dataset.samples_in(pictures.shapes[0][0]) == 4 and dataset.border == 7
    (view,) = pictures[2]
    blocks = [dataset.cut((view,), i, 1, np.random.default_rng(0))[0][7:-7, 7:-7] for i in range(4)]
    assert torch.equal(torch.cat([torch.cat(blocks[:2], 1), torch.cat(blocks[2:], 1)]), view)
    with pytest.raises(RecipeError, match="context is for images cut into blocks"):
        check(Mnist, {"context": 3})


@pytest.mark.parametrize("zipped", [True, False])
def test_mnist(zipped: bool, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype=np.uint8)
    data = struct.pack(">4i", 0x803, 5, 28, 28) + pixels.tobytes()
    path = tmp_path / ("train-images-idx3-ubyte" + ".gz" * zipped)
    path.write_bytes(gzip.compress(data) if zipped else data)
    pictures = Mnist().find(tmp_path, 1, PLENTY).pictures
    assert len(pictures.names) == 5 and np.array_equal(pictures[3][0][..., 0], pixels[3])
    assert Mnist(channels=3).find(tmp_path, 1, PLENTY).pictures[0][0].shape == (28, 28, 3)
    for broken in (data[:-1], b"\x01" + data[1:], data[:10]):
        path.write_bytes(gzip.compress(broken) if zipped else broken)
        with pytest.raises(InputError, match="train-images"):
            Mnist().find(tmp_path, 1, PLENTY)


def test_cifar_binaries_and_grids_hold_the_same_images(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    labels = np.zeros((4, 1), dtype=np.uint8)
    np.hstack([labels, pixels.transpose(0, 3, 1, 2).reshape(4, -1)]).tofile(tmp_path / "data_batch_1.bin")
    PillowImage.fromarray(pixels.reshape(4, 1024, 3)).save(tmp_path / "grid.png")
    PillowImage.fromarray(pixels[0]).save(tmp_path / "odd.png")
    found = Cifar().find(tmp_path, 1, PLENTY)
    (tmp_path / "test_batch.bin").write_bytes((tmp_path / "data_batch_1.bin").read_bytes())
    assert len(Cifar(split="test").find(tmp_path, 1, PLENTY).pictures) == 4
    assert len(found.pictures) == 8 and "32 pixels wide" in found.skipped[0]
    for i in range(4):
        assert np.array_equal(found.pictures[i][0], pixels[i]) and np.array_equal(found.pictures[i + 4][0], pixels[i])


@pytest.mark.parametrize(
    ("drawn", "most", "held_out", "learned", "measured"),
    [
        (0.5, 2, 2, (5, 5), (1, 1)),
        (0.25, 3, 0, (4, 12), (0, 0)),
        (0.4, 4, 2, (3, 5), (1, 1)),
        (0, 9, 2, (0, 4), (0, 2)),
    ],
)
def test_an_epoch_holds_the_share_of_drawn_pictures(
    drawn: float, most: int, held_out: int, learned: tuple, measured: tuple, photo_folder: Path
) -> None:
    dataset = check(Photos, {"patch": 12, "drawn": drawn, "drawn_pictures": most})
    pictures = dataset.find(photo_folder, 2, PLENTY).pictures
    seen, chosen = dataset.divide(pictures, held_out)
    for numbers, (drawings, photos) in ((seen, learned), (chosen, measured)):
        names = [pictures.names[i] for i in numbers]
        assert sum(name.startswith("drawn/") for name in names) == drawings
        assert len(names) == drawings + photos
        assert len({name for name in names if not name.startswith("drawn/")}) in (photos, photos / 2)
    assert not {*seen} & {*chosen} and {*seen} | {*chosen} == {*range(len(pictures))}
    assert len(pictures.pick(seen).distinct()) == len({*seen})


def test_drawn_pictures_are_cut_as_photos_are(photo_folder: Path) -> None:
    dataset = Photos(patch=12, context=2, batch=4, drawn=0.5, drawn_pictures=2)
    pictures = dataset.find(photo_folder, 2, PLENTY).pictures
    assert pictures.cached and np.array_equal(pictures[1][0], Drawing(1).draw())
    mixed = Samples(dataset, pictures.pick(dataset.divide(pictures, 0)[0]), [Downsample(scale=2)], 2, 3)
    assert len(mixed) == 12
    first, again = mixed.batch(range(8, 16)), mixed.batch(range(8, 16))
    assert first[0].shape == (8, 3, 12, 12) and all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    grey = Photos(patch=12, channels=1, drawn=0.2, drawn_pictures=1).find(photo_folder, 2, 0).pictures
    assert grey[0][0].shape == (*Drawing(0).size, 1) and not grey.cached
    found = Photos(patch=500, drawn=0.5, drawn_pictures=1).find(photo_folder, 2, PLENTY)
    assert not len(found.pictures) and any("768 is smaller than a crop of 1000" in line for line in found.skipped)


def test_all_samples_may_be_drawn(tmp_path: Path) -> None:
    dataset = Photos(patch=12, drawn=1, drawn_pictures=3)
    pictures = dataset.find(tmp_path, 1, 0).pictures
    assert [*pictures.names] == [Drawing(number).name for number in range(3)]
    assert dataset.divide(pictures, 1) == ([0, 2], [1])
    with pytest.raises(RecipeError, match="drawn pictures have no low-quality counterpart"):
        check(Pairs, {"drawn": 0.1})


def test_degradations_that_do_not_shrink_by_the_scale(photo_folder: Path) -> None:
    with pytest.raises(RecipeError, match="not 1/2"):
        samples(photo_folder, Identity()).batch([0])


def test_transforms_change_the_ground_truth(photo_folder: Path) -> None:
    dataset = check(Photos, {"patch": 16, "transform": [{"kind": "binarise"}]})
    gt = samples(photo_folder, Identity(), dataset, scale=1).batch([0])[1]
    assert set(gt.unique().tolist()) <= {0.0, 1.0}
