"""Results of another depth than their inputs, and transparent photos before a background."""

import numpy as np
import pytest
import torch

from conftest import random_model
from imgrestore.engine.restorer import Restorer
from imgrestore.errors import UsageError
from imgrestore.image import Image
from imgrestore.image.conversion import Colour, Conversion
from imgrestore.image.regions import Region
from imgrestore.image.tensors import from_tensor


@pytest.fixture
def disc(photo) -> np.ndarray:
    """A photo that is opaque inside a disc, half transparent on its rim and transparent outside."""
    y, x = np.mgrid[0:40, 0:50]
    alpha = np.clip(128 + 40 * (15 - np.hypot(y - 20, x - 25)), 0, 255)
    return np.dstack([photo(40, 50), alpha.astype(np.uint8)])


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("white", (255, 255, 255)),
        ("Grey", (128, 128, 128)),
        ("#f80", (255, 136, 0)),
        (" #0a0B0c ", (10, 11, 12)),
    ],
)
def test_colours_are_names_or_numbers(text: str, colour: tuple[int, int, int]) -> None:
    assert Colour.parse(text) == Colour(*colour)
    assert Colour.parse(str(Colour(*colour))) == Colour(*colour)


@pytest.mark.parametrize("text", ["", "whit", "#12345", "#ggg", "12,3,4", "#1234567"])
def test_what_is_no_colour(text: str) -> None:
    with pytest.raises(UsageError, match="is not a colour" + ("; did you mean 'white'" if text == "whit" else "")):
        Colour.parse(text)


def test_depths() -> None:
    for depth in (0, 1, 12, 32):
        with pytest.raises(UsageError, match="8 or 16"):
            Conversion(depth)


@pytest.mark.parametrize(
    ("channels", "background", "expected"),
    [
        (4, None, 4),
        (4, "white", 3),
        (3, "white", 3),
        (2, "grey", 1),
        (2, "red", 3),
        (1, "red", 1),
    ],
)
def test_channels_before_a_background(channels: int, background: str | None, expected: int) -> None:
    pixels = np.full((6, 7, channels), 200, np.uint8)
    conversion = Conversion(background=None if background is None else Colour.parse(background))
    restored = Restorer(random_model("bicubic", 2)).restore(Image(pixels), conversion=conversion)
    assert restored.pixels.shape == (12, 14, expected)


@pytest.mark.parametrize("depth", [8, 16])
def test_a_network_keeps_grey_grey_before_a_colour(depth: int, photo) -> None:
    """A network tints grey; before a colour the result has three channels, and the photo's own part stays grey."""
    alpha = np.zeros((24, 24), np.uint8)
    alpha[:, 12:] = 255
    image = Image(np.dstack([photo(24, 24)[..., 0], alpha]))
    restorer = Restorer(random_model("resnet-sr", 2), precision="fp32")
    restored = restorer.restore(image, conversion=Conversion(depth, Colour(255, 0, 0))).pixels
    visible = restored[:, 32:]
    assert (visible == visible[..., :1]).all()
    peak = 255 if depth == 8 else 65535
    assert (restored[:, :16] == [peak, 0, 0]).all()


def test_compositing_is_that_of_the_result_with_alpha(disc: np.ndarray) -> None:
    """What is visible has the very samples that it has in a result with alpha; the rim is mixed without a fringe."""
    restorer = Restorer(random_model("resnet-sr", 2), precision="fp32")
    kept = restorer.restore(Image(disc)).pixels.astype(np.float64)
    for colour in (Colour(255, 255, 255), Colour(0, 90, 200)):
        found = restorer.restore(Image(disc), conversion=Conversion(background=colour)).pixels
        alpha = kept[..., 3:] / 255
        expected = kept[..., :3] * alpha + np.array(colour.rgb) * 255 * (1 - alpha)
        assert np.abs(found - expected).max() <= 1.5, "no more than the roundings of alpha, colour and mixture"
        inside = np.s_[30:50, 40:60]
        assert np.array_equal(found[inside], kept[..., :3][inside])


def test_more_bits_come_from_the_network_and_not_from_the_rounded_result(photo) -> None:
    image = Image(photo(30, 40))
    restorer = Restorer(random_model("resnet-sr", 2), precision="fp32", strength=0.3)
    shallow, deep = (restorer.restore(image, conversion=Conversion(depth)).pixels for depth in (8, 16))
    assert deep.dtype == np.uint16 and len(np.unique(deep)) > 256
    assert np.abs(deep / 257.0 - shallow).max() <= 0.5 + 1e-2, "the same values, rounded later"
    assert np.array_equal(shallow, restorer.restore(image).pixels)


def test_fewer_bits_are_rounded_and_floats_clipped() -> None:
    values = torch.tensor([-0.5, 0.0, 0.4999 / 255, 0.5001 / 255, 254.4 / 255, 1.0, 7.0]).expand(3, 1, -1)
    source = Image(np.zeros((1, 7, 3), np.float32)).header
    levels = from_tensor(values, source, Conversion(8).applied(source))[0, :, 0]
    assert levels.tolist() == [0, 0, 0, 1, 254, 255, 255]
    kept = from_tensor(values, source, source)[0, :, 0]
    assert kept.tolist() == values[0, 0].tolist(), "float stays as it is"
    deep = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    cut = Restorer(random_model("nearest", 1)).restore(Image(deep), conversion=Conversion(8)).pixels
    assert np.array_equal(cut[..., 0], np.rint(deep[..., 0] / 257.0).astype(np.uint8))


def test_only_floats_that_are_cut_are_worth_a_notice() -> None:
    restorer = Restorer(random_model("bicubic", 2))
    floats, deep = Image(np.zeros((4, 4, 3), np.float32)), Image(np.zeros((4, 4, 3), np.uint16))
    assert "clipped" in restorer.stream(floats.stream(), conversion=Conversion(16)).notices[0]
    assert restorer.stream(floats.stream()).notices == ()
    assert restorer.stream(deep.stream(), conversion=Conversion(8)).notices == ()


def test_a_crop_is_converted_like_the_whole(disc: np.ndarray) -> None:
    restorer = Restorer(random_model("resnet-sr", 2), precision="fp32")
    conversion = Conversion(16, Colour(10, 200, 30))
    whole = restorer.restore(Image(disc), conversion=conversion).pixels
    part = restorer.restore(Image(disc), crop=Region(11, 7, 40, 50), conversion=conversion).pixels
    assert np.array_equal(part, whole[7:57, 11:51])
