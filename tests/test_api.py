from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

import imgrestore
from imgrestore import Image, ImgrestoreError, ReadOptions, Target, load_model, restore


def test_results_come_in_the_form_images_are_given_in(tmp_path: Path, photo) -> None:
    pixels = photo(20, 30)
    path = tmp_path / "x.png"
    PillowImage.fromarray(pixels).save(path)
    expected = restore(pixels, "bicubic", 2)
    assert expected.shape == (40, 60, 3) and expected.dtype == np.uint8
    assert np.array_equal(restore(path, "bicubic", 2).pixels, expected)
    assert np.array_equal(restore(str(path), "bicubic", 2).pixels, expected)
    assert np.array_equal(restore(Image(pixels), "bicubic", 2).pixels, expected)
    assert np.array_equal(np.asarray(restore(PillowImage.fromarray(pixels), "bicubic", 2)), expected)
    assert restore(pixels[..., 0], "bicubic", 2).shape == (40, 60)
    assert restore(pixels.astype(np.float64) / 255, "bicubic", 2).dtype == np.float64


def test_a_loaded_model_is_used_again(photo) -> None:
    restorer = load_model("resnet-sr", scale=2, device="cpu", precision="fp32")
    assert isinstance(restorer, imgrestore.Restorer)
    first = restore(photo(16, 16), restorer)
    assert first.shape == (32, 32, 3) and np.array_equal(first, restore(photo(16, 16), restorer))
    assert restore(photo(16, 16), "resnet-sr", scale=3).shape == (48, 48, 3)
    assert restore(photo(10, 10), "resnet-sr").shape == (40, 40, 3)
    assert restore(photo(16, 16), scale=2).shape == (32, 32, 3), "a scale without a model enlarges"
    assert restore(photo(16, 16), size=(20, 20)).shape == (20, 20, 3)
    clean = np.tile(np.arange(64, dtype=np.uint8)[:, None, None], (1, 64, 3))
    assert np.array_equal(restore(clean), clean), "without either, the damage decides, and there is none"


def test_results_of_a_size_a_part_a_depth(tmp_path: Path, photo) -> None:
    pixels = photo(20, 30)
    whole = restore(pixels, "bicubic", 2)
    assert np.array_equal(restore(pixels, "bicubic", 2, crop=(3, 4, 20, 10)), whole[4:14, 3:23])
    assert restore(pixels, "bicubic", size=(31, 40)).shape == (40, 31, 3)
    assert restore(pixels, "bicubic", 2, size=Target(max_side=45)).shape == (30, 45, 3)
    deep = restore(pixels, "bicubic", 2, depth=16)
    assert deep.dtype == np.uint16 and np.abs(deep / 257 - whole).max() <= 0.5 + 1e-2
    assert restore(pixels / 255, "bicubic", 2, depth=8).dtype == np.uint8
    clear = np.dstack([pixels, np.zeros((20, 30), np.uint8)])
    assert (restore(clear, "bicubic", background="#010203") == [1, 2, 3]).all()
    assert restore(PillowImage.fromarray(clear), "bicubic", background="white").mode == "RGB"
    animation = tmp_path / "x.gif"
    PillowImage.fromarray(pixels).save(animation, save_all=True, append_images=[PillowImage.fromarray(pixels[::-1])])
    with pytest.raises(ImgrestoreError, match="holds 2 frames"):
        restore(animation, "bicubic")
    assert restore(animation, "bicubic", 2, reading=ReadOptions(first_frame=True)).pixels.shape[:2] == (40, 60)
    with pytest.raises(ImgrestoreError, match="does not lie inside"):
        restore(pixels, "bicubic", 2, crop=(50, 0, 20, 10))
    with pytest.raises(ImgrestoreError, match="8 or 16"):
        restore(pixels, "bicubic", depth=10)
    with pytest.raises(ValueError, match="at least 1x1"):
        restore(pixels, "bicubic", size=(0, 10))


def test_mistakes(tmp_path: Path) -> None:
    with pytest.raises(ImgrestoreError, match="did you mean 'bicubic'"):
        restore(np.zeros((4, 4), np.uint8), "bicubik")
    with pytest.raises(ImgrestoreError, match="cannot be read"):
        restore(tmp_path / "missing.png", "bicubic")
    for bad in (np.zeros((4, 4, 5), np.uint8), np.zeros((4, 4), np.int64), np.zeros((0, 4), np.uint8), np.zeros(4)):
        with pytest.raises(ValueError, match="an image is"):
            restore(bad, "bicubic")
    with pytest.raises(ValueError, match="PIL cannot hold"):
        from imgrestore.codecs.reading.pillow import to_pillow

        to_pillow(Image(np.zeros((4, 4, 3), np.uint16)))
