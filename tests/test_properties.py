"""Properties that hold for pictures of any size, kind and metadata; hypothesis looks for the one that breaks them."""

import string
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays
from PIL import Image as PillowImage
from PIL import PngImagePlugin

from conftest import open_picture
from imgrestore import restore
from imgrestore.codecs import SaveOptions, open_image, read_image, write_image
from imgrestore.codecs.formats import by_name
from imgrestore.codecs.metadata import exif, xmp
from imgrestore.engine.prepare import prepare
from imgrestore.image import Image, scaled_size
from imgrestore.image.regions import Region
from imgrestore.provenance.stamp import Stamp
from imgrestore.weights.catalogue import choose

briefly = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

LOSSLESS = [("png", "uint8"), ("png", "uint16"), ("tiff", "uint8"), ("tiff", "uint16"), ("tiff", "float32")]
words = some.text(string.ascii_letters + string.digits + " äß雪<>&\"'", max_size=40)
sides = some.integers(1, 40)


def elements(dtype: str):
    if dtype == "float32":
        return some.floats(0, 1, width=32)
    return some.integers(0, int(np.iinfo(dtype).max))


@some.composite
def pictures(draw, dtypes=("uint8", "uint16", "float32")) -> np.ndarray:
    """Draw samples of any type, size and number of channels."""
    dtype = draw(some.sampled_from(dtypes))
    shape = draw(some.tuples(sides, sides, some.integers(1, 4)))
    return draw(arrays(dtype, shape, elements=elements(dtype), fill=elements(dtype)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("any")


@briefly
@given(kind=some.sampled_from(LOSSLESS), data=some.data())
def test_lossless_files_give_back_every_sample(folder: Path, kind: tuple[str, str], data) -> None:
    pixels, path = data.draw(pictures([kind[1]])), folder / f"x.{kind[0]}"
    assert write_image(Image(pixels).stream(), path, by_name(kind[0])) == []
    again = read_image(path).pixels
    assert again.dtype == pixels.dtype and np.array_equal(again, pixels)
    path.unlink()


@briefly
@given(picture=pictures(["uint8"]), quality=some.integers(1, 100))
def test_any_picture_can_be_saved_as_webp(folder: Path, picture: np.ndarray, quality: int) -> None:
    path = folder / "x.webp"
    write_image(Image(picture).stream(), path, by_name("webp"), SaveOptions(quality=quality, lossless=True))
    opened = np.asarray(open_picture(path).convert("RGBA"))
    rgba = picture if picture.shape[2] > 2 else np.dstack([picture[..., :1].repeat(3, 2), picture[..., 1:]])
    assert np.array_equal(opened[..., : rgba.shape[2]], rgba)
    path.unlink()


@briefly
@given(picture=pictures(), scale=some.floats(0.3, 3), model=some.sampled_from(["bicubic", "lanczos", "nearest"]))
def test_results_have_the_size_and_kind_that_was_asked_for(picture: np.ndarray, scale: float, model: str) -> None:
    result = restore(picture, model, scale)
    height, width, channels = picture.shape
    across, down = scaled_size(width, height, scale)
    assert result.shape == (down, across, channels) and result.dtype == picture.dtype
    assert np.isfinite(result).all()


@pytest.fixture(scope="module")
def whole():
    return prepare(choose("resnet-denoise"), device="cpu", precision="fp32")


@settings(briefly, max_examples=12)
@given(picture=pictures(), tile=some.integers(8, 48), data=some.data())
def test_neither_tiles_nor_crops_change_a_sample(whole, picture: np.ndarray, tile: int, data) -> None:
    result = whole.restore(Image(picture)).pixels
    tiled = prepare(choose("resnet-denoise"), device="cpu", precision="fp32", tile=tile)
    assert np.array_equal(tiled.restore(Image(picture)).pixels, result)
    height, width = picture.shape[:2]
    left, top = data.draw(some.integers(0, width - 1)), data.draw(some.integers(0, height - 1))
    region = Region(left, top, data.draw(some.integers(1, width - left)), data.draw(some.integers(1, height - top)))
    part = tiled.stream(Image(picture).stream(), crop=region).read().pixels
    assert np.array_equal(part, result[top : top + region.height, left : left + region.width])


@settings(briefly, max_examples=12)
@given(picture=pictures(["uint8", "uint16"]), hidden=some.integers(0, 255))
def test_colours_under_full_transparency_never_show(whole, picture: np.ndarray, hidden: int) -> None:
    """Where a picture has nothing to show, what stands there instead decides nothing that can be seen."""
    if picture.shape[2] not in (2, 4):
        picture = np.dstack([picture, picture[..., :1]])[..., -(2 if picture.shape[2] == 1 else 4) :]
    picture = picture.copy()
    empty = picture[..., -1] < np.iinfo(picture.dtype).max // 2
    picture[empty, -1] = 0
    other = picture.copy()
    other[empty, :-1] = hidden
    results = [whole.restore(Image(p)).pixels for p in (picture, other)]
    shows = results[0][..., -1] > 0
    assert np.array_equal(results[0][..., -1], results[1][..., -1])
    assert np.array_equal(results[0][shows], results[1][shows])


@briefly
@given(
    size=some.tuples(some.integers(1, 60), some.integers(1, 60)),
    orientation=some.integers(1, 8),
    words=some.lists(words, min_size=3, max_size=3),
    extension=some.sampled_from(["jpg", "png", "webp", "tif"]),
    dots=some.integers(30, 3000),
)
def test_whatever_a_file_says_is_said_by_its_result(
    folder: Path, size: tuple[int, int], orientation: int, words: list[str], extension: str, dots: int
) -> None:
    """Written by Pillow, through our codecs, read by Pillow."""
    before = PillowImage.Exif()
    before[0x0112], before[0x013B], before[0x8298] = orientation, words[0], words[1]
    before.get_ifd(0x8769)[0xA002] = size[0]
    options = {} if extension == "webp" else {"dpi": (dots, dots)}
    source, path = folder / f"1.{extension}", folder / f"2.{extension}"
    PillowImage.new("RGB", size, (9, 99, 199)).save(source, exif=before, **options)
    stream = open_image(source)
    assert write_image(stream, path, by_name(extension)) == []
    given, result = open_picture(source).getexif(), open_picture(path)
    after = result.getexif()
    assert result.size == (size[::-1] if orientation > 4 else size) and after.get(0x0112, 1) == 1
    assert (after.get(0x013B), after.get(0x8298)) == (given.get(0x013B), given.get(0x8298))
    widths = dict.fromkeys(given.get_ifd(0x8769), result.size[0])
    assert dict(after.get_ifd(0x8769)) == widths
    if options:
        assert round(float(result.info["dpi"][0])) == dots


@briefly
@given(texts=some.dictionaries(some.from_regex(r"[A-Za-z]{1,20}", fullmatch=True), words, max_size=4))
def test_any_texts_of_a_png_stay(folder: Path, texts: dict[str, str]) -> None:
    information = PngImagePlugin.PngInfo()
    for number, (name, value) in enumerate(texts.items()):
        information.add_itxt(name, value, zip=number % 2 == 1)
    PillowImage.new("L", (3, 2)).save(folder / "1.png", pnginfo=information)
    write_image(open_image(folder / "1.png"), folder / "2.png", by_name("png"))
    opened = open_picture(folder / "2.png")
    opened.load()
    assert opened.text == texts


@briefly
@given(parameters=some.dictionaries(words, words | some.floats(allow_nan=False) | some.booleans()), model=words)
def test_any_stamp_comes_back(parameters: dict, model: str) -> None:
    stamp = Stamp("1.2.3", model, "ab" * 32, parameters)
    packet = stamp.into(None)
    assert packet is not None and Stamp.out_of(packet) == stamp
    assert Stamp.out_of(stamp.into(packet)) == stamp


@briefly
@given(block=some.binary(max_size=400), width=some.integers(1, 2**31), height=some.integers(1, 2**31))
def test_no_block_of_bytes_makes_metadata_fail(block: bytes, width: int, height: int) -> None:
    for start in (b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"):
        assert len(exif.updated(start + block, width, height)) == len(start + block)
    assert xmp.updated(block, width, height) == block or b"tiff:" in block or b"exif:" in block
