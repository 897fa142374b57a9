"""The Python interface: every form of image, what comes back, and what is said of the rest."""

import inspect
import io
import pickle
import warnings
import weakref
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage
from PIL import ImageShow

import imgrestore
from conftest import invoke
from imgrestore import (
    Image,
    ImageTypeError,
    ImageValueError,
    ImgrestoreError,
    RestorationWarning,
    Restored,
    load_model,
    restore,
    restore_many,
)
from imgrestore.api.options import OFFERED, Options
from imgrestore.codecs import ReadOptions, SaveOptions, read_image
from imgrestore.errors import DamagedError, ExistsError, FormatLimitError, UnknownNameError, UsageError, WeightsError
from imgrestore.image import Metadata
from imgrestore.image.conversion import Colour, Conversion
from imgrestore.image.regions import Region
from imgrestore.image.sizes import Target
from imgrestore.provenance.settings import Settings
from imgrestore.provenance.stamp import Stamp
from imgrestore.weights.cards import weights_folder


def png(pixels: np.ndarray, **options: object) -> bytes:
    content = io.BytesIO()
    PillowImage.fromarray(pixels).save(content, "PNG", **options)
    return content.getvalue()


def test_results_come_in_the_form_images_are_given_in(tmp_path: Path, photo) -> None:
    pixels = photo(20, 30)
    path = tmp_path / "x.png"
    path.write_bytes(png(pixels))
    expected = restore(pixels, "bicubic", 2)
    assert expected.shape == (40, 60, 3) and expected.dtype == np.uint8
    with path.open("rb") as file:
        files = [path, str(path), path.read_bytes(), bytearray(path.read_bytes()), io.BytesIO(path.read_bytes()), file]
        for given in files:
            restored = restore(given, "bicubic", 2)
            assert type(restored) is Image and np.array_equal(restored.pixels, expected)
    assert restore(Image(pixels), "bicubic", 2) == Image(expected)
    assert np.array_equal(np.asarray(restore(PillowImage.fromarray(pixels), "bicubic", 2)), expected)
    assert restore(pixels[..., 0], "bicubic", 2).shape == (40, 60)
    batch = restore(np.stack([pixels, pixels[::-1]]), "bicubic", 2)
    assert np.array_equal(batch[0], expected) and batch.shape == (2, 40, 60, 3)
    swapped = restore(pixels.astype(">u2") * 257, "bicubic", 2)
    assert swapped.dtype == np.uint16 and np.abs(swapped / 257 - expected).max() <= 0.5 + 1e-2


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_stay_of_their_type_and_range(dtype: type, photo) -> None:
    pixels = photo(20, 30)
    checked = np.kron([[0, 1], [1, 0]], np.ones((8, 8))).astype(dtype)
    restored = restore(checked, "lanczos", 3)
    assert restored.dtype == dtype and restored.min() == 0 and restored.max() == 1, "overshoot is clipped"
    assert np.array_equal(restore(restored, "nearest", 1), restored), "so that results can be given again"
    assert np.abs(restore((pixels / 255).astype(dtype), "bicubic", 2) * 255.0 - restore(pixels, "bicubic", 2)).max() < 1


def test_tensors_keep_layout_type_and_device(device: torch.device, photo) -> None:
    pixels = photo(20, 30)
    expected = torch.from_numpy(restore(pixels, "bicubic", 2)).permute(2, 0, 1)
    levels = torch.from_numpy(pixels).permute(2, 0, 1).to(device)
    restored = restore(levels, "bicubic", 2)
    assert restored.device.type == device.type and restored.is_contiguous() and torch.equal(restored.cpu(), expected)
    batch = restore(torch.stack([levels, levels.flip(1)]), "bicubic", 2)
    assert batch.shape == (2, 3, 40, 60) and torch.equal(batch[0], restored)
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        given = (levels.double() / 255).to(dtype).requires_grad_()
        restored = restore(given, "bicubic", 2)
        assert restored.dtype == dtype and not restored.requires_grad and 0 <= restored.min() <= restored.max() <= 1
        assert (restored.cpu().float() * 255 - expected).abs().max() < (2 if dtype == torch.bfloat16 else 1)
    assert restore(levels[:1], "bicubic", 2).shape == (1, 40, 60)
    assert restore(levels, "bicubic", depth=16).dtype == torch.uint16


@pytest.mark.parametrize(
    ("mode", "becomes"),
    [
        ("L", "L"),
        ("LA", "LA"),
        ("RGB", "RGB"),
        ("RGBA", "RGBA"),
        ("I;16", "I;16"),
        ("I", "I"),
        ("P", "RGB"),
        ("1", "L"),
        ("CMYK", "RGB"),
    ],
)
def test_pil_images_keep_their_mode_where_they_can(mode: str, becomes: str, photo) -> None:
    picture = PillowImage.fromarray(photo(20, 30)).convert("L" if mode.startswith("I") else mode)
    if mode.startswith("I"):
        picture = PillowImage.fromarray(np.asarray(picture).astype(np.uint16) * 257).convert(mode)
    restored = restore(picture, "bicubic", 2)
    assert restored.mode == becomes and restored.size == (60, 40)


def test_pil_images_carry_what_they_carried(photo) -> None:
    exif = PillowImage.Exif()
    exif[0x010E], exif[0x0112] = "a circuit", 6
    content = png(photo(20, 30), exif=exif, dpi=(300, 300))
    restored = restore(PillowImage.open(io.BytesIO(content)), "bicubic", 2)
    assert restored.size == (40, 60), "upright"
    assert restored.getexif()[0x010E] == "a circuit" and restored.getexif().get(0x0112, 1) == 1
    assert restored.info["dpi"] == pytest.approx((300, 300), abs=0.01)


def test_a_loaded_model_is_used_again(photo) -> None:
    restorer = load_model("resnet-sr", scale=2, device="cpu", precision="fp32")
    assert isinstance(restorer, imgrestore.Restorer) and restorer.name == "resnet-sr"
    first = restorer(photo(16, 16))
    assert first.shape == (32, 32, 3) and np.array_equal(first, restore(photo(16, 16), restorer))
    assert np.array_equal(restorer(photo(16, 16), crop=(2, 3, 8, 9)), first[3:12, 2:10])
    assert restorer(photo(16, 16), max_side=20).shape == (20, 20, 3)
    for settled in ({"scale": 2}, {"device": "cpu"}, {"weights": "x.safetensors"}):
        with pytest.raises(UsageError, match=f"has its {next(iter(settled))} already"):
            restore(photo(16, 16), restorer, **settled)
    with pytest.raises(UsageError, match="has its strength already"):
        restorer(photo(16, 16), strength=0.5)
    assert restore(photo(16, 16), "resnet-sr", scale=3).shape == (48, 48, 3)


def test_what_restores_without_a_model(photo) -> None:
    assert load_model().name == load_model(scale=2).name == "auto" and load_model(task="upscale").name == "resnet-sr"
    assert load_model(task="denoise").name == "resnet-denoise"
    weights = weights_folder() / "resnet-sr-fast-x2.safetensors"
    assert load_model(weights=weights).name == load_model(weights).name == "resnet-sr-fast"
    assert restore(photo(16, 16), size=(20, 20)).shape == (20, 20, 3)
    assert restore(photo(16, 16), max_side=20).shape == (20, 20, 3)
    clean = np.tile(np.arange(64, dtype=np.uint8)[:, None, None], (1, 64, 3))
    assert np.array_equal(restore(clean), clean), "the damage decides, and there is none"
    automatic = load_model()
    noisy = np.clip(clean + np.random.default_rng(0).normal(40, 20, clean.shape), 0, 255).astype(np.uint8)
    results = list(automatic.map([noisy, clean]))
    assert "denoised" in results[0].found and "left alone" in results[1].found
    assert np.array_equal(results[0].image, restore(noisy, "resnet-denoise"))
    for request in ({"task": "auto", "scale": 2}, {"model": "auto", "width": 128}):
        assert load_model(**request)(clean).shape == (128, 128, 3)
    with pytest.raises(UsageError, match=r"keeps .* size"):
        automatic(clean, max_side=10)
    with pytest.raises(UsageError, match="model and task both name a model"):
        load_model("bicubic", task="upscale")
    for nothing in ({"model": ""}, {"task": ""}, {"task": "denoyse"}):
        with pytest.raises(UsageError, match=r"is empty|the task"):
            load_model(**nothing)
    for missing in ("x.pth", "x.safetensors"):
        with pytest.raises(WeightsError, match=missing):
            load_model(weights=missing)


def test_results_of_a_size_a_part_a_depth(tmp_path: Path, photo) -> None:
    pixels = photo(20, 30)
    whole = restore(pixels, "bicubic", 2)
    assert np.array_equal(restore(pixels, "bicubic", 2, crop=(3, 4, 20, 10)), whole[4:14, 3:23])
    assert restore(pixels, "bicubic", size=(31, 40)).shape == (40, 31, 3)
    assert restore(pixels, "bicubic", 2, max_side=45).shape == (30, 45, 3)
    assert restore(pixels, "bicubic", width=45, height=45).shape == (30, 45, 3)
    deep = restore(pixels, "bicubic", 2, depth=16)
    assert deep.dtype == np.uint16 and np.abs(deep / 257 - whole).max() <= 0.5 + 1e-2
    with pytest.warns(RestorationWarning, match="rounded to 8 bits"):
        assert restore(pixels / 255, "bicubic", 2, depth=8).dtype == np.uint8
    clear = np.dstack([pixels, np.zeros((20, 30), np.uint8)])
    assert (restore(clear, "bicubic", background="#010203") == [1, 2, 3]).all()
    assert restore(PillowImage.fromarray(clear), "bicubic", background="white").mode == "RGB"
    animation = tmp_path / "x.gif"
    PillowImage.fromarray(pixels).save(animation, save_all=True, append_images=[PillowImage.fromarray(pixels[::-1])])
    with pytest.raises(ImgrestoreError, match="holds 2 frames") as refused:
        restore(animation, "bicubic")
    assert refused.value.hint == "first_frame=True takes the first", "in the words of Python"
    with pytest.warns(RestorationWarning, match="of which the first was taken") as told:
        assert restore(animation, "bicubic", 2, first_frame=True).pixels.shape[:2] == (40, 60)
    assert [warning.filename for warning in told] == [__file__], "the warning names the line of the caller"
    with pytest.raises(ImgrestoreError, match="more than 100 pixels") as refused:
        restore(png(pixels), "bicubic", max_pixels=100)
    assert refused.value.hint == "max_pixels=600 takes it, if you trust the file"


@pytest.mark.parametrize(
    ("given", "kind", "said", "hint"),
    [
        (np.zeros((3, 40, 50), np.uint8), ValueError, r"\(3, 40, 50\) is no image", "np.moveaxis"),
        (np.zeros((1, 40, 50), np.float32), ValueError, r"\(1, 40, 50\) is no image", "np.moveaxis"),
        (np.zeros((2, 3, 40, 50), np.uint8), ValueError, "no batch of images", "np.moveaxis"),
        (np.zeros((4, 4, 5), np.uint8), ValueError, "1 to 4 channels", ""),
        (np.zeros(4, np.uint8), ValueError, r"\(4,\) is no image", ""),
        (np.zeros((0, 4), np.uint8), ValueError, "4x0 holds no pixel", ""),
        (np.zeros((0, 4, 4, 3), np.uint8), ValueError, "no batch", ""),
        (np.zeros((4, 4), np.int64), TypeError, "type int64", "uint8"),
        (np.zeros((4, 4), bool), TypeError, "type bool", "multiply by 255"),
        (np.zeros((4, 4), complex), TypeError, "type complex128", "magnitude"),
        (np.zeros((4, 4), object), TypeError, "type object", ""),
        (np.full((4, 4), 255.0), ValueError, "between 255 and 255", "divide by 255"),
        (np.full((4, 4), 4e4), ValueError, "between 40000 and 40000", "divide by 65535"),
        (np.linspace(-1, 1, 16).reshape(4, 4), ValueError, "between -1 and 1", "add 1 and divide by 2"),
        (np.linspace(0, 1.01, 16).reshape(4, 4), ValueError, "between 0 and 1.01", "clip"),
        (np.full((4, 4), -1e9), ValueError, r"between -1e\+09", "black is 0 and white 1"),
        (np.array([[0, np.nan], [np.inf, 1]]), ValueError, "2 of 4 samples are NaN or infinite", "nan_to_num"),
        (torch.zeros(40, 50, 3), ValueError, r"tensor of shape \(40, 50, 3\)", "movedim"),
        (torch.zeros(40, 50), ValueError, r"tensor of shape \(40, 50\)", r"tensor\[None\]"),
        (torch.zeros(0, 3, 4, 4), ValueError, "is no image", ""),
        (torch.zeros(3, 4, 0), ValueError, "0x4 holds no pixel", ""),
        (torch.zeros(3, 4, 4, dtype=torch.int64), TypeError, "type int64", "uint8"),
        (torch.full((3, 4, 4), 2.0), ValueError, "between 2 and 2", "divide by 255"),
        (PillowImage.new("F", (4, 4)), ImgrestoreError, "no fixed range", "float array"),
        (None, TypeError, "a NoneType is no image", ""),
        ([[0, 1]], TypeError, "a list is no image", "restore_many"),
        (io.StringIO("text"), TypeError, "gives text", "rb"),
        (b"not an image", ImgrestoreError, "the image: not an image", "formats that can be read"),
        (b"", ImgrestoreError, "an empty file", ""),
        ("missing.png", ImgrestoreError, "missing.png: cannot be read", ""),
    ],
)
def test_what_is_no_image_is_refused_in_one_line(given: object, kind: type, said: str, hint: str) -> None:
    with pytest.raises(ImgrestoreError, match=said) as refused:
        restore(given, "bicubic")
    assert isinstance(refused.value, kind) and "\n" not in str(refused.value)
    assert hint.replace("\\", "") in refused.value.hint
    assert not hint or refused.value.__notes__ == [f"hint: {refused.value.hint}"], "tracebacks show it"


def test_mistakes_in_arguments(photo) -> None:
    pixels = photo(20, 30)
    for request, said in (
        ({"model": "bicubik"}, "did you mean 'bicubic'"),
        ({"crop": (50, 0, 20, 10)}, "does not lie inside"),
        ({"depth": 10}, "depth must be 8 or 16"),
        ({"size": (0, 10)}, "at least 1 pixel"),
        ({"size": (9, 9), "width": 9}, "size is exact"),
        ({"width": 0}, "width must be at least 1"),
        ({"width": 9, "scale": 2}, "both fix the size"),
        ({"strength": 2}, "strength must be between 0 and 1"),
        ({"memory": "lots"}, "not a size"),
        ({"device": "tpu"}, "no device is called 'tpu'"),
        ({"precision": "int8"}, "no precision is called 'int8'"),
        ({"background": "nocolour"}, "is not a colour"),
    ):
        with pytest.raises(ImgrestoreError, match=said) as refused:
            restore(pixels, **({"model": "bicubic"} | request))
        assert "--" not in f"{refused.value} {refused.value.hint}"
    with pytest.raises(TypeError, match="unexpected keyword argument 'tyle'; did you mean 'tile'"):
        restore(pixels, "bicubic", tyle=3)
    with pytest.raises(ImageValueError, match="PIL cannot hold 3 channels of uint16"):
        restore(PillowImage.fromarray(pixels), "bicubic", depth=16)


def test_python_has_every_setting_of_the_command_line() -> None:
    assert set(Options.__annotations__) - {"size"} | {"scale"} == OFFERED, "type checkers know what there is"
    saving = set(inspect.signature(Image.save).parameters) - {"self", "target", "overwrite"}
    of_files = {"preserve_times", "stamp"}
    assert OFFERED | saving | of_files == {setting.name for setting in fields(Settings)}
    opening = set(inspect.signature(Image.open).parameters) - {"file"}
    assert opening == {option.name for option in fields(ReadOptions)} <= OFFERED


def test_many_are_restored_one_after_the_other(tmp_path: Path, photo) -> None:
    pixels = photo(20, 30)
    path = tmp_path / "cut.png"
    path.write_bytes(png(pixels)[:200])
    animation = tmp_path / "x.gif"
    PillowImage.fromarray(pixels).save(animation, save_all=True, append_images=[PillowImage.fromarray(pixels[::-1])])
    given = [pixels, path, animation, pixels.astype(int), PillowImage.fromarray(pixels)]
    results = list(restore_many(given, "bicubic", 2, first_frame=True))
    assert [result.given for result in results[1:3]] == [path, animation]
    good, cut, first, wrong, picture = results
    assert np.array_equal(good.image, restore(pixels, "bicubic", 2)) and good.error is None and not good.notices
    assert cut.image is None and isinstance(cut.error, DamagedError) and str(path) in str(cut.error)
    assert isinstance(first.image, Image) and "the first was taken" in first.notices[0]
    assert isinstance(wrong.error, ImageTypeError)
    assert picture.image.size == (60, 40)
    assert pickle.loads(pickle.dumps(cut.error)).hint == cut.error.hint
    for one in (pixels, torch.zeros(3, 4, 4), path, str(path), b"", Image(pixels), PillowImage.new("L", (3, 3))):
        with pytest.raises(ImageTypeError, match="one image was given"):
            restore_many(one, "bicubic")
    with pytest.raises(UnknownNameError, match="no model is named"):
        restore_many(given, "bicubik")


def test_a_mistake_in_the_program_fails_one_image(photo, monkeypatch: pytest.MonkeyPatch) -> None:
    restorer = load_model("bicubic", 2)
    real = imgrestore.engine.restorer.Restorer.stream

    def failing(engine, source, *arguments):
        if source.header.width == 77:
            raise ZeroDivisionError("a mistake")
        return real(engine, source, *arguments)

    monkeypatch.setattr("imgrestore.engine.restorer.Restorer.stream", failing)
    one, other = restorer.map([photo(20, 77), photo(20, 30)])
    assert "failed unexpectedly (ZeroDivisionError" in str(one.error) and other.error is None
    with pytest.raises(ZeroDivisionError):
        restorer(photo(20, 77))


def test_many_images_take_the_memory_of_one(photo) -> None:
    given: list[weakref.ref] = []
    returned: list[weakref.ref] = []

    def images():
        for seed in range(5):
            pixels = photo(20, 30, seed=seed)
            given.append(weakref.ref(pixels))
            yield pixels
            del pixels

    results = restore_many(images(), "bicubic", 2)
    for count in range(1, 6):
        returned.append(weakref.ref(next(results).image))
        assert len(given) == count, "an image is taken when its result is asked for"
        assert [ref() for ref in given[:-1]] == [None] * (count - 1)
        assert [ref() for ref in returned] == [None] * count


def test_images_are_opened_saved_and_shown(tmp_path: Path, photo, monkeypatch: pytest.MonkeyPatch) -> None:
    exif = PillowImage.Exif()
    exif[0x010E] = "a circuit"
    source = tmp_path / "x.png"
    source.write_bytes(png(photo(20, 30), exif=exif, dpi=(300, 300)))
    image = Image.open(source)
    assert repr(image) == "<Image 30x20, RGB, uint8>" and np.array_equal(np.asarray(image), image.array)
    assert np.asarray(image, np.float32).dtype == np.float32
    assert Image.from_array(photo(20, 30)[..., 0]).array.shape == (20, 30)
    for name in ("y.png", "y.tif", "y.webp", "y.jpg"):
        image.save(tmp_path / name, lossless=True, quality=100)
        back = Image.open(tmp_path / name)
        assert name == "y.jpg" or np.array_equal(back.pixels, image.pixels)
        assert b"a circuit" in (back.metadata.exif or b"")
        assert name == "y.webp" or back.metadata.density == pytest.approx((300 / 25.4, 300 / 25.4), 1e-3)
    image.save(tmp_path / "small.jpg", quality=10, subsampling=True, strip_metadata=True)
    assert (tmp_path / "small.jpg").stat().st_size < (tmp_path / "y.jpg").stat().st_size
    assert Image.open(tmp_path / "small.jpg").metadata == Metadata()
    memory = io.BytesIO()
    image.save(memory, "png")
    assert np.array_equal(Image.open(memory.getvalue()).pixels, image.pixels)
    with (tmp_path / "z.tif").open("wb") as file:
        image.save(file)
    assert read_image(tmp_path / "z.tif").pixels.shape == (20, 30, 3), "an open file's name tells the format"
    shown: list[PillowImage.Image] = []
    monkeypatch.setattr(ImageShow, "show", lambda picture, title: shown.append(picture))
    image.show()
    assert np.array_equal(np.asarray(shown[0]), image.pixels)


def test_what_cannot_be_saved_leaves_what_is_there(tmp_path: Path, photo) -> None:
    image = Image(photo(20, 30))
    there = tmp_path / "there.png"
    there.write_bytes(b"mine")
    with pytest.raises(ExistsError, match=r"there.png: exists already") as refused:
        image.save(there, overwrite=False)
    assert refused.value.hint == "overwrite=True replaces it"
    clear = Image(np.zeros((4, 4, 4), np.uint8))
    for given, name, options, kind in (
        (clear, tmp_path / "there.jpg", {}, FormatLimitError),
        (Image(np.zeros((4, 4), np.float32)[..., None]), there, {}, FormatLimitError),
        (image, there, {"quality": 500}, UsageError),
        (image, there, {"format": "jpeg"}, UsageError),
        (image, tmp_path / "there.gif", {}, UsageError),
        (image, io.BytesIO(), {}, UsageError),
        (image, 7, {}, ImageTypeError),
    ):
        with pytest.raises(kind) as refused:
            given.save(name, **options)
        assert "--" not in refused.value.hint
    assert there.read_bytes() == b"mine"
    assert [path.name for path in tmp_path.iterdir()] == ["there.png"], "nothing is left behind"
    image.save(there)
    assert Image.open(there) == image
    texts = Image(image.pixels, Metadata(png_text=b"\0\0\0\x07tEXtA\0texts\0\0\0\0"))
    with pytest.warns(RestorationWarning, match="texts, which were left out") as told:
        texts.save(tmp_path / "there.webp")
    assert [warning.filename for warning in told] == [__file__]


def test_saved_images_do_not_say_that_they_were_made_as_their_inputs_were(tmp_path: Path, photo) -> None:
    source, result, again = tmp_path / "x.png", tmp_path / "made.png", tmp_path / "again.png"
    source.write_bytes(png(photo(20, 30)))
    assert invoke("restore", source, "-m", "bicubic", "-s", "2", "-o", result)[0] == 0
    assert Stamp.out_of(Image.open(result).metadata.xmp) is not None
    restore(result, "bicubic", 2).save(again)
    assert Stamp.out_of(Image.open(again).metadata.xmp) is None


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_notebooks_are_shown_a_small_png(channels: int, mode: str, dtype: str) -> None:
    peak = {"uint8": 255, "uint16": 65535, "float32": 1}[dtype]
    image = Image(np.full((1500, 30, channels), peak, dtype))
    shown = PillowImage.open(io.BytesIO(image._repr_png_()))
    assert shown.format == "PNG" and shown.mode == mode and shown.size == (20, 1024)
    assert np.asarray(shown).min() == 255


def test_values_and_errors_travel_to_other_processes(photo) -> None:
    image = Image(photo(9, 9), Metadata(icc=b"profile", density=(3.0, 4.0)))
    again = pickle.loads(pickle.dumps(image))
    assert type(again) is Image and again == image and again != Image(image.pixels)
    for value in (
        Target(max_side=9),
        Conversion(16, Colour(1, 2, 3)),
        Region(1, 2, 3, 4),
        ReadOptions(first_frame=True),
        SaveOptions(quality=3),
        Settings(crop="1,2,3,4", memory="2G"),
        image.header,
    ):
        assert pickle.loads(pickle.dumps(value)) == value
    done = Restored(None, image, None, ("a notice",))
    assert pickle.loads(pickle.dumps(done)) == done
    for error in (UnknownNameError("model", "bicubik", ["bicubic"]), ImageValueError("no image", hint="none")):
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), again.hint, again.__notes__) == (
            type(error),
            str(error),
            error.hint,
            error.__notes__,
        )


def test_images_of_floats_keep_what_lies_outside(tmp_path: Path) -> None:
    pixels = np.linspace(-0.5, 2, 64, dtype=np.float32).reshape(8, 8, 1).repeat(3, axis=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert restore(Image(pixels), "nearest", 1) == Image(pixels)
    Image(pixels).save(tmp_path / "x.tif")
    assert Image.open(tmp_path / "x.tif").pixels.min() == -0.5


def test_importing_the_package_loads_neither_torch_nor_numpy() -> None:
    import sys

    import processes

    code = (
        "import sys, imgrestore\n"
        "assert not {'torch', 'numpy', 'PIL', 'pyvips'} & sys.modules.keys()\n"
        "assert {'Image', 'metrics', 'restore_many'} <= set(dir(imgrestore))\n"
        "imgrestore.Image\n"
        "assert 'torch' not in sys.modules\n"
        "assert imgrestore.metrics.psnr"
    )
    done = processes.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
