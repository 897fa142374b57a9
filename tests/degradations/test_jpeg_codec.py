"""JPEG on tensors against libjpeg."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from imgrestore.codecs import read_image
from imgrestore.degradations import opencv
from imgrestore.degradations.jpeg import Jpeg
from imgrestore.degradations.jpeg_codec import SUBSAMPLINGS, Subsampling, through_file
from imgrestore.degradations.streams import Streams

QUALITIES = (10, 20, 30, 40, 50, 60, 70, 80, 90, 95)
CIRCUIT = Path(__file__).parents[2] / "docs" / "images" / "circuit.jpg"


def tensor(*pictures: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255


@pytest.mark.parametrize(("subsampling", "bound"), [("4:4:4", 1.0), ("4:2:2", 1.2), ("4:2:0", 1.4)])
def test_agrees_with_libjpeg(subsampling: Subsampling, bound: float, photo: Callable[..., NDArray[np.uint8]]) -> None:
    """Decoded pictures differ by about a level rms, and have the same loss against the original to 0.1 dB."""
    for picture in (read_image(CIRCUIT).rgb8()[40:211, 30:275], photo(133, 210)):
        image = tensor(picture)
        files = through_file(
            image.expand(len(QUALITIES), -1, -1, -1),
            torch.tensor(QUALITIES),
            [subsampling],
            torch.zeros(len(QUALITIES)),
        )
        for ours, quality in zip(files, QUALITIES, strict=True):
            theirs = tensor(opencv.jpeg(picture, quality, subsampling))[0]
            assert (ours - theirs).square().mean().sqrt() * 255 < bound
            losses = [(file - image[0]).square().mean().log10() * 10 for file in (ours, theirs)]
            assert abs(losses[0] - losses[1]) < 0.1
            assert torch.equal((ours * 255).round() / 255, ours)


@pytest.mark.parametrize("side", [1, 2, 7, 15, 17])
def test_edges_are_those_of_libjpeg(side: int, photo: Callable[..., NDArray[np.uint8]]) -> None:
    picture = photo(side, 40 - side)
    for name in SUBSAMPLINGS:
        ours = through_file(tensor(picture), torch.tensor([100]), [name], torch.zeros(1))
        assert (ours - tensor(opencv.jpeg(picture, 100, name))).square().mean().sqrt() * 255 < 1, name


def test_grey_pictures(photo: Callable[..., NDArray[np.uint8]]) -> None:
    picture = photo()[..., :1]
    for quality in (10, 95):
        ours = through_file(tensor(picture), torch.tensor([quality]), ["4:4:4"], torch.zeros(1))
        theirs = tensor(opencv.jpeg(picture, quality, "4:4:4"))
        assert (ours - theirs).square().mean().sqrt() * 255 < 1


def test_every_picture_has_its_own_file(photo: Callable[..., NDArray[np.uint8]]) -> None:
    """Quality, subsampling and place of the blocks are those drawn for it, as on the CPU."""
    image = tensor(*(photo(45, 61, seed=seed) for seed in range(6)))
    part = Jpeg(quality=(10, 95), subsampling="random", cropped=0.7)
    streams = Streams.seeded(3, range(6))
    theirs, drawn = part(image, streams.copy()), streams.fork()
    quality, number = drawn.uniform(part.quality).round(), drawn.integers(3)
    corners = drawn.integers(16, 2) * drawn.happens(part.cropped)[:, None]
    assert len(set(number.tolist())) == 3 and 0 < (corners.amax(dim=1) > 0).sum() < 6
    ours = through_file(image, quality, tuple(SUBSAMPLINGS), number, corners)
    assert (ours - theirs).square().mean(dim=(1, 2, 3)).sqrt().max() * 255 < 1


def test_nothing_around_a_picture_is_seen(photo: Callable[..., NDArray[np.uint8]]) -> None:
    image = tensor(photo(37, 50), photo(37, 50, seed=1))
    sizes = torch.tensor([[37, 50], [20, 33]])
    image[1, :, 20:], image[1, :, :, 33:] = 7, -7
    files = through_file(image, torch.tensor([60, 60]), ["4:2:2", "4:2:0"], torch.arange(2), sizes=sizes)
    alone = through_file(image[1:, :, :20, :33], torch.tensor([60]), ["4:2:0"], torch.zeros(1))
    assert torch.equal(files[1:, :, :20, :33], alone)
    assert torch.equal(files[:1], through_file(image[:1], torch.tensor([60]), ["4:2:2"], torch.zeros(1)))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_makes_the_same_files(photo: Callable[..., NDArray[np.uint8]]) -> None:
    image = tensor(*(photo(45, 61, seed=seed) for seed in range(6)))
    part = Jpeg(quality=(10, 95), subsampling="random", cropped=0.5)
    there = part(image.cuda(), Streams.seeded(0, torch.arange(6, device="cuda")))
    here = part(image, Streams.seeded(0, range(6)))
    assert there.is_cuda and (there.cpu() - here).square().mean(dim=(1, 2, 3)).sqrt().max() * 255 < 1
