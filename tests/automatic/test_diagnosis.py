"""What is estimated of made pictures whose damage is known."""

from functools import cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from imgrestore.automatic.diagnosis import COARSE, LIMITS, NAMES, Diagnosis, diagnose
from imgrestore.image import Image, ImageStream


@cache
def clean(height: int = 400, width: int = 520, seed: int = 0) -> NDArray[np.uint8]:
    """Return a picture of soft shades and hard edges, the same for each seed."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    picture = np.stack([120 + 40 * np.sin(x / 90 + i) + 30 * np.cos(y / 70 - i) for i in range(3)], axis=2)
    for _ in range(height * width // 500):
        cy, cx, radius = rng.uniform(0, height), rng.uniform(0, width), rng.uniform(3, 25)
        disc = np.hypot(y - cy, x - cx) < radius
        picture[disc] = rng.uniform(40, 215, 3) + 0.5 * (x - cx)[disc, None]
    return np.clip(picture, 5, 250).astype(np.uint8)


def noisy(picture: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
    noise = np.random.default_rng(1).normal(0, sigma, picture.shape)
    return np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)


def blurred(picture: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8)


def compressed(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)


def found(pixels: NDArray[np.generic]) -> Diagnosis:
    return diagnose(Image.from_array(pixels).stream())


@pytest.mark.parametrize("seed", range(4))
def test_a_clean_picture_is_called_clean(seed: int) -> None:
    assert found(clean(seed=seed)).damage == ()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("sigma", [5, 10, 25])
def test_noise_is_measured(sigma: float, seed: int) -> None:
    diagnosis = found(noisy(clean(seed=seed), sigma))
    assert diagnosis.damage == ("noise",) and diagnosis.noise == pytest.approx(sigma, rel=0.15)
    assert str(diagnosis) == f"noise of sigma {diagnosis.noise:.0f}"


@pytest.mark.parametrize("sigma", [60, 110])
@pytest.mark.parametrize("size", [12, 24])
def test_noise_is_seen_on_a_page_of_text(size: int, sigma: float) -> None:
    page = PillowImage.new("RGB", (600, 400), "white")
    writing = "The quick brown fox jumps over the lazy dog. " * 3
    for top in range(20, 380, 2 * size):
        ImageDraw.Draw(page).text((20, top), writing, "black", ImageFont.load_default(size))
    assert found(np.asarray(page)).damage == ()
    diagnosis = found(noisy(np.asarray(page), sigma))
    assert diagnosis.damage == ("noise",) and diagnosis.noise == pytest.approx(sigma, rel=0.3)


@pytest.mark.parametrize("sigma", [1.6, 2.5])
@pytest.mark.parametrize("noise", [0, 8])
def test_blur_is_seen_behind_noise_too(sigma: float, noise: float) -> None:
    damage = found(noisy(blurred(clean(), sigma), noise)).damage
    assert damage == (("noise", "blur") if noise else ("blur",))


def test_blur_grows_with_the_kernel() -> None:
    values = [found(blurred(clean(), sigma)).blur for sigma in (1, 2, 3)]
    assert values == sorted(values) and len(set(values)) == 3


def test_what_is_out_of_focus_on_purpose_is_no_blur() -> None:
    picture = np.tile(clean(), (3, 3, 1))
    shallow = blurred(picture, 2.5)
    shallow[300:620, 900:1220] = picture[300:620, 900:1220]
    assert found(blurred(picture, 2.5)).damage == ("blur",)
    assert found(shallow).damage == ()


@pytest.mark.parametrize("offset", [0, 3])
def test_blocks_of_jpeg_wherever_their_grid_lies(offset: int) -> None:
    blocky = compressed(noisy(clean(), 3), 25)[offset:, offset:]
    assert "jpeg" in found(blocky).damage
    assert found(compressed(clean(), 95)).damage == ()


@pytest.mark.parametrize("shape", [(50, 60), (64, 64), (200, 260)])
def test_noise_makes_no_blocks(shape: tuple[int, int]) -> None:
    for seed in range(8):
        rng = np.random.default_rng(seed)
        assert "jpeg" not in found(rng.normal(128, 25, (*shape, 3)).clip(0, 255).astype(np.uint8)).damage


def test_every_type_of_file_is_judged_alike() -> None:
    picture = noisy(clean(), 10)
    same = found(picture)
    assert found(picture.astype(np.uint16) * 257) == same
    as_float = found((picture / 255).astype(np.float32))
    assert as_float.noise == pytest.approx(same.noise, abs=0.02) and as_float.damage == same.damage
    grey = found(picture[..., 1])
    assert grey.noise == same.noise and grey.damage == ("noise",)
    opaque = np.full((*picture.shape[:2], 1), 255, np.uint8)
    assert found(np.concatenate([picture, opaque], axis=2)) == same
    assert found(np.concatenate([picture, opaque // 2], axis=2)) == Diagnosis(), "nothing to judge by"


def test_bands_of_any_height_say_the_same() -> None:
    image = Image.from_array(noisy(clean(), 10))
    for rows in (1, 37, 129, 1000):
        bands = (image.pixels[top : top + rows] for top in range(0, len(image.pixels), rows))
        assert diagnose(ImageStream(image.header, bands)) == found(image.pixels)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 500, 3), (500, 2, 1), (7, 7, 3), (20, 30, 4), (129, 131, 3)])
@pytest.mark.parametrize("value", [0, 128, 255])
def test_pictures_that_say_nothing(shape: tuple[int, int, int], value: int) -> None:
    assert found(np.full(shape, value, np.uint8)).damage == ()


def test_samples_that_are_no_numbers_are_passed_over() -> None:
    picture = (noisy(clean(), 10) / 255).astype(np.float32)
    picture[50, 60] = np.nan
    picture[250, 300] = np.inf
    assert diagnose(Image(picture).stream()).damage == ("noise",)
    assert diagnose(Image(np.full((300, 300, 3), np.nan, np.float32)).stream()) == Diagnosis()


@pytest.mark.parametrize(
    ("chances", "measures", "damage", "words"),
    [
        ({}, {}, (), "no damage"),
        ({"noise": 1.0}, {"noise": 12.3, "grain": 1.0}, ("noise",), "noise of sigma 12"),
        ({"noise": 1.0}, {"noise": 12.3, "grain": COARSE}, ("grain",), "coarse noise of sigma 12"),
        ({"noise": 1.0, "colour_noise": 1.0}, {"noise": 9, "grain": 1.0, "colour_grain": 1.0}, ("noise",), "noise of"),
        ({"colour_noise": 1.0}, {"noise": 8, "colour_grain": 1.0}, ("noise",), "noise of sigma 8"),
        ({"colour_noise": 1.0}, {"colour_noise": 8, "colour_grain": 4}, ("blotches",), "blotches of colour of sigma 8"),
        (
            {"noise": 1.0, "colour_noise": 1.0, "blur": 1.0},
            {"noise": 9, "grain": 1.0, "colour_noise": 8, "colour_grain": 4, "blur": 1.6},
            ("noise", "blotches", "blur"),
            "noise of sigma 9, blotches of colour of sigma 8 and blur of 1.6 pixels",
        ),
        ({"jpeg": 1.0, "twice": 0.9}, {"quality": 30}, ("jpeg",), "JPEG of quality 30 compressed twice"),
        ({"impulses": 1.0, "scratches": 1.0}, {"impulses": 0.03}, ("impulses", "scratches"), "lost pixels (3 %) and"),
        ({"halftone": 1.0, "noise": 1.0}, {"pitch": 5, "grain": 1.0}, ("halftone",), "a printed screen of 5 pixels"),
        ({"enlarged": 1.0}, {"enlarged": 2}, ("enlarged",), "an earlier enlargement (2.0 times)"),
    ],
)
def test_what_counts_as_damage_and_in_which_words(
    chances: dict[str, float], measures: dict[str, float], damage: tuple[str, ...], words: str
) -> None:
    diagnosis = Diagnosis(**measures, chances=chances)
    assert diagnosis.damage == damage and str(diagnosis).startswith(words)
    assert diagnosis.table()["damage"] == list(damage)


def test_chances_below_the_limit_do_not_count() -> None:
    for name, limit in LIMITS.items():
        assert Diagnosis(grain=1.0, chances={name: limit - 0.01}).damage == ()
        assert len(Diagnosis(grain=1.0, chances={name: limit}).damage) == 1
    assert set(NAMES) == {"grain", "blotches", *LIMITS} - {"colour_noise"}
