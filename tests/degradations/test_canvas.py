"""Images of several sizes on one canvas: each as if it were alone."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from imgrestore.degradations import two_pass
from imgrestore.degradations.blur import blur, convolve, disc_kernels
from imgrestore.degradations.canvas import (
    canvas_of,
    filling,
    mirrored,
    resize_by_matrices,
    resize_each,
    room,
    scaled,
    white_noise,
)
from imgrestore.degradations.jpeg import Jpeg, save
from imgrestore.degradations.jpeg_codec import through_file
from imgrestore.degradations.random_resize import RandomResize
from imgrestore.degradations.streams import Streams
from imgrestore.degradations.two_pass import Pass, TwoPass
from imgrestore.image.resampling import KERNELS, resize

SIZES = torch.tensor([[40, 60], [17, 33], [1, 2], [25, 1]])


@pytest.fixture
def images() -> Tensor:
    """Return images of :data:`SIZES` with something else around them."""
    filled = torch.rand(4, 3, 40, 60, generator=torch.Generator().manual_seed(0))
    for image, (height, width) in zip(filled, SIZES.tolist(), strict=True):
        image[:, height:], image[:, :, width:] = 9, -9
    return filled


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("way", [resize_each, resize_by_matrices])
def test_each_image_is_resized_by_itself(kernel: str, way: Callable[..., Tensor], images: Tensor) -> None:
    targets = torch.tensor([[13, 70], [17, 33], [5, 1], [50, 3]])
    number = torch.tensor([KERNELS.index(kernel)] * 4)
    result = way(images, SIZES, targets, (52, 71), KERNELS, number)
    assert result.shape == (4, 3, 52, 71)
    for i, (new, old) in enumerate(zip(targets.tolist(), SIZES.tolist(), strict=True)):
        alone = resize(images[i, :, : old[0], : old[1]], (new[0], new[1]), kernel).clamp(0, 1)
        assert torch.allclose(result[i, :, : new[0], : new[1]], alone, atol=3e-5)
        assert not result[i, :, new[0] :].any() and not result[i, :, :, new[1] :].any()


def test_each_image_is_resized_by_the_kernel_drawn_for_it(images: Tensor) -> None:
    targets = scaled(SIZES, torch.full((4,), 1.5))
    number, canvas = torch.tensor([3, 1, 0, 2]), room(targets, (40, 60), 1.5)
    assert canvas == (60, 90) and targets.tolist()[2:] == [[2, 3], [38, 2]]
    ways = [way(images, SIZES, targets, canvas, KERNELS, number) for way in (resize_each, resize_by_matrices)]
    assert torch.allclose(*ways, atol=3e-5)


def test_images_are_mirrored_where_they_end(images: Tensor) -> None:
    kernels = disc_kernels(torch.tensor([3.0, 1.0, 2.0, 0.5]), 3)
    together = convolve(mirrored(images, SIZES, 3), kernels)
    for i, (height, width) in enumerate(SIZES.tolist()):
        alone = blur(images[[i], :, :height, :width], kernels[[i]])
        assert torch.allclose(together[i, :, :height, :width], alone[0], atol=1e-5)


def test_noise_is_the_same_on_every_canvas() -> None:
    large, small = (white_noise(3, canvas, Streams.seeded(0, range(2))) for canvas in ((80, 90), (30, 7)))
    assert torch.equal(large[:, :, :30, :7], small)
    assert large.std().item() == pytest.approx(1, abs=0.02)
    flat = large.flatten(2).flatten(0, 1)
    assert (torch.corrcoef(flat) - torch.eye(6)).abs().max() < 0.06
    for axis in (2, 3):
        near = (large.narrow(axis, 1, 70) * large.narrow(axis, 0, 70)).mean()
        assert near.abs() < 0.02, "neighbours have nothing in common"


def test_files_are_made_of_the_images_alone(images: Tensor) -> None:
    quality, number = torch.tensor([90, 50, 20, 70]), torch.zeros(4, dtype=torch.int64)
    together = save(images, quality, ("4:2:0",), number, sizes=SIZES)
    for i, (height, width) in enumerate(SIZES.tolist()):
        alone = images[[i], :, :height, :width]
        file = save(alone, quality[[i]], ("4:2:0",), number[[i]], sizes=filling(canvas_of(alone), alone))
        assert torch.equal(together[i, :, :height, :width], file[0])


WORN = Pass(sigma=(0.2, 2), enlarged=0.4, shrunk=0.5, shrink=(0.3, 1))


def test_photos_are_worn_the_same_together_and_alone(photo: Callable[..., NDArray[np.uint8]]) -> None:
    """On one canvas with others, nothing of what is around a photo comes into it."""
    pixels = np.stack([photo(52, 72, seed=seed) for seed in range(12)])
    image = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    part = TwoPass(scale=2, first=WORN, second=WORN)
    drawn = part.draw(Streams.seeded(1, range(12)))
    together = part.together(image, *drawn)
    alone = part.degrade(image, Streams.seeded(1, range(12)))
    assert together.shape == alone.shape == (12, 3, 26, 36)
    differences = (together - alone).square().mean(dim=(1, 2, 3)).sqrt() * 255
    assert differences.median() < 0.3 and differences.max() < 2, "roundings fall differently here and there"
    assert float((alone[0] - alone[1]).abs().mean()) > 0.02


def test_photos_are_worn_the_same_as_on_a_gpu(
    photo: Callable[..., NDArray[np.uint8]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With files made of tensors and resizing by matrices, as nothing else can be tried without one."""
    image = torch.from_numpy(np.stack([photo(52, 72, seed=seed) for seed in range(12)])).permute(0, 3, 1, 2) / 255
    part = TwoPass(scale=2, first=WORN, second=WORN)
    here = part(image, Streams.seeded(1, range(12)))
    monkeypatch.setattr(two_pass, "save", through_file)
    monkeypatch.setattr(two_pass, "resize_each", resize_by_matrices)
    there = part.together(image, *part.draw(Streams.seeded(1, range(12)).fork()))
    differences = (there - here).square().mean(dim=(1, 2, 3)).sqrt() * 255
    assert differences.median() < 2 and differences.max() < 6, "four files differ, by a level each"


def test_resizing_there_and_back_together_and_alone(images: Tensor) -> None:
    part = RandomResize(factor=(0.3, 2))
    batch = images.clamp(0, 1)
    together = part(batch, Streams.seeded(5, range(4)))
    for i in range(4):
        assert torch.allclose(part(batch[[i]], Streams.seeded(5, [i])), together[[i]], atol=1e-6)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("part", [TwoPass(scale=2), TwoPass(scale=1, first=WORN), RandomResize(), Jpeg(cropped=0.5)])
def test_a_gpu_is_never_waited_for(part: TwoPass, images: Tensor) -> None:
    image, streams = images.clamp(0, 1).cuda(), Streams.seeded(0, torch.arange(4, device="cuda"))
    part(image, streams)
    torch.cuda.set_sync_debug_mode("error")
    try:
        part(image, streams)
    finally:
        torch.cuda.set_sync_debug_mode("default")
