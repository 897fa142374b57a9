"""Results that are made again by what they say of themselves."""

import json
import os
import re
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage

import imgrestore
from conftest import invoke as run
from conftest import told
from imgrestore.codecs import open_image
from imgrestore.provenance.stamp import Stamp
from imgrestore.weights.catalogue import choose


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photo) -> Path:
    """The current folder: a photo, one with alpha, one of 16 bits, one of floats, a damaged one, an animation."""
    monkeypatch.chdir(tmp_path)
    pixels = photo(40, 50)
    PillowImage.fromarray(pixels).save("a.png")
    PillowImage.fromarray(photo(40, 50, seed=7)).save("other.png")
    PillowImage.fromarray(np.dstack([pixels, pixels[..., 0]])).save("alpha.png")
    tifffile.imwrite("deep.tif", pixels.astype(np.uint16) * 257, photometric="rgb")
    tifffile.imwrite("float.tif", pixels.astype(np.float32) / 200, photometric="rgb")
    PillowImage.fromarray(photo(200, 150)).save("cut.jpg")
    Path("cut.jpg").write_bytes(Path("cut.jpg").read_bytes()[:-2000])
    PillowImage.fromarray(pixels).save("moving.gif", save_all=True, append_images=[PillowImage.fromarray(pixels[::-1])])
    return tmp_path


@pytest.mark.parametrize(
    ("original", "output", "options"),
    [
        ("a.png", "out.png", []),
        ("a.png", "out.png", ["--strength", "0.4", "--precision", "bf16", "--tile", "16"]),
        ("a.png", "out.jpg", ["--quality", "60", "--subsampling", "--precision", "fp32"]),
        ("a.png", "out.webp", ["--quality", "40"]),
        ("a.png", "out.webp", ["--lossless", "--crop", "5,6,30,20"]),
        ("a.png", "out.tif", ["--depth", "16", "--scale", "1.5"]),
        ("a.png", "out.png", ["--width", "77"]),
        ("a.png", "out.png", ["--min-side", "71", "--model", "lanczos"]),
        ("alpha.png", "out.jpg", ["--background", "#204060"]),
        ("alpha.png", "out.png", ["--strip-metadata"]),
        ("deep.tif", "out.jpg", ["--depth", "8"]),
        ("deep.tif", "out.tif", []),
        ("float.tif", "out.tif", ["--precision", "bf16"]),
        ("float.tif", "out.png", ["--depth", "16"]),
        ("cut.jpg", "out.png", ["--allow-damaged", "--model", "bicubic"]),
        ("moving.gif", "out.png", ["--first-frame", "--model", "nearest"]),
    ],
)
def test_every_result_can_be_made_again(here: Path, original: str, output: str, options: list[str]) -> None:
    scale = [] if {"--scale", "--width"} & set(options) else ["--scale", "2"]
    code, _, said = run("restore", original, "-o", output, *scale, *options)
    assert code == 0, said
    code, stdout, said = run("verify", output, "--input", original)
    assert code == 0 and f"{output}: identical" in stdout and not told(said), said
    record = json.loads(run("verify", output, "--input", original, "--json")[1])
    assert record["identical"] and record["largest"] == 0 and record["warnings"] == []


def restamped(path: Path, **changes: object) -> None:
    """Change what a PNG says of how it was made, and nothing else."""
    packet = open_image(path).header.metadata.xmp
    stamp = Stamp.out_of(packet)
    assert packet is not None and stamp is not None
    own = {name: changes.pop(name) for name in ("version", "model", "weights") if name in changes}
    parameters = {k: v for k, v in (stamp.parameters | changes).items() if v is not None}
    new = Stamp(
        **{"version": stamp.version, "model": stamp.model, "weights": stamp.weights, **own}, parameters=parameters
    )
    with PillowImage.open(path) as image:
        image.load()
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", (new.into(packet) or b"").decode("utf-8"))
    image.save(path, pnginfo=info)


def test_pixels_that_differ_are_told_by_how_much(here: Path) -> None:
    assert run("restore", "a.png", "-o", "out.png", "--model", "bicubic")[0] == 0
    packet = open_image(Path("out.png")).header.metadata.xmp
    with PillowImage.open("out.png") as image:
        pixels = np.array(image)
    pixels[3, 4, 1] ^= 4
    pixels[5, :10, 0] ^= 1
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", (packet or b"").decode())
    PillowImage.fromarray(pixels).save("out.png", pnginfo=info)
    code, stdout, said = run("verify", "out.png", "--input", "a.png", "--json")
    record = json.loads(stdout)
    assert code == 1 and not told(said) and not record["identical"]
    count = pixels.shape[0] * pixels.shape[1]
    assert record["largest"] == 4 and record["peak"] == 255
    assert record["share"] == pytest.approx(11 / count) and record["mean"] == pytest.approx(14 / count / 3)
    code, stdout, _ = run("verify", "out.png", "--input", "a.png")
    assert code == 1 and re.search(r"differs from what a.png gives in 0\.\d+ % of the pixels, by at most 4 ", stdout)


def test_wrong_originals(here: Path) -> None:
    assert run("restore", "a.png", "-o", "out.png", "--scale", "2")[0] == 0
    code, stdout, said = run("verify", "out.png", "--input", "other.png")
    assert code == 1 and "differs" in stdout and "other.png: is not, byte for byte, the file" in said
    for wrong in ("deep.tif", "alpha.png", "cut.jpg"):
        code, stdout, said = run("verify", "out.png", "--input", wrong)
        assert code == 1 and stdout == "" and wrong in said
    assert "cannot be what out.png was made from" in run("verify", "out.png", "--input", "alpha.png")[2]
    assert "cannot be read" in run("verify", "out.png", "--input", "missing.png")[2]
    with PillowImage.open("a.png") as image:
        image.save("again.png", compress_level=1)
    code, stdout, said = run("verify", "out.png", "--input", "again.png")
    assert code == 0 and "identical" in stdout and "byte for byte" in said, "other bytes, the same pixels"


def test_a_pipe_is_read_once(here: Path) -> None:
    assert run("restore", "a.png", "-o", "out.png", "--scale", "2")[0] == 0
    os.mkfifo("pipe")
    writer = threading.Thread(target=Path("pipe").write_bytes, args=(Path("a.png").read_bytes(),))
    writer.start()
    code, stdout, said = run("verify", "out.png", "--input", "pipe")
    writer.join()
    assert code == 0 and "identical" in stdout and not said
    assert "can be read only once" in run("verify", "pipe", "--input", "a.png")[2]


def test_files_that_do_not_say_how_they_were_made(here: Path) -> None:
    assert run("restore", "a.png", "-o", "plain.png", "--model", "bicubic", "--no-stamp")[0] == 0
    for name in ("plain.png", "a.png"):
        code, stdout, said = run("verify", name, "--input", "a.png")
        assert code == 1 and stdout == "" and f"{name}: does not say how it was made" in said


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": "00" * 32}, "which are not those of resnet-sr here"),
        ({"model": "bicubic"}, "which are not those of bicubic here"),
        ({"model": "resnet-xl"}, "was made with resnet-xl: no model is named"),
        ({"scale": 8.0}, "enlarges at most 4 times"),
        ({"width": 60, "height": 20}, "it was changed after it was made"),
        ({"format": "tiff"}, "is a png of 100x80, but was made as a tiff"),
        ({"precision": None}, "its stamp does not say 'precision'"),
        ({"strength": 2}, "its stamp makes no sense"),
        ({"precision": "fp8"}, "no precision is called"),
        ({"crop": "1,2,3"}, "is not a region"),
        ({"crop": "500,400,100,80"}, "its stamp makes no sense"),
        ({"depth": 12}, "8 or 16"),
        ({"background": [1]}, "makes no sense"),
        ({"tile": [16]}, "makes no sense"),
        ({"width": "1e999"}, "makes no sense"),
    ],
)
def test_stamps_that_cannot_be_followed(here: Path, changes: dict[str, object], message: str) -> None:
    assert run("restore", "a.png", "-o", "out.png", "--scale", "2")[0] == 0
    restamped(Path("out.png"), **changes)
    code, stdout, said = run("verify", "out.png", "--input", "a.png")
    assert code == 1 and stdout == "" and message in said, said


def test_other_versions_and_devices_are_told(here: Path) -> None:
    assert run("restore", "a.png", "-o", "out.png", "--scale", "2", "--precision", "fp32")[0] == 0
    restamped(Path("out.png"), version="9.9.9", device="cuda")
    code, stdout, said = run("verify", "out.png", "--input", "a.png", "--device", "cpu")
    assert code == 0 and "identical" in stdout
    assert f"made by version 9.9.9; this is {imgrestore.__version__}" in said and "was made on cuda" in said


def test_weights_of_ones_own(here: Path) -> None:
    weights = choose("resnet-sr", 2).weights
    assert weights is not None
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    Path("own.safetensors").write_bytes(content)
    assert run("restore", "a.png", "-o", "out.png", "--model", "own.safetensors")[0] == 0
    code, _, said = run("verify", "out.png", "--input", "a.png")
    assert code == 1 and "--model takes the weights file that was used" in said
    shutil.move("own.safetensors", "renamed.safetensors")
    code, stdout, _ = run("verify", "out.png", "--input", "a.png", "--model", "renamed.safetensors")
    assert code == 0 and "identical" in stdout


def test_what_was_held_back_is_made_again_and_what_was_made_before_there_was_a_guard(here: Path) -> None:
    unsharp = ["--model", "unsharp", "--precision", "fp32"]
    assert run("restore", "a.png", "-o", "held.png", *unsharp)[0] == 0
    assert run("restore", "a.png", "-o", "bare.png", *unsharp, "--no-guard")[0] == 0
    held, bare = (open_image(Path(name)) for name in ("held.png", "bare.png"))
    assert not np.array_equal(held.read().pixels, bare.read().pixels)
    stamps = [Stamp.out_of(each.header.metadata.xmp) for each in (held, bare)]
    assert all(stamp is not None for stamp in stamps)
    held_stamp, bare_stamp = (stamp.parameters for stamp in stamps if stamp is not None)
    assert len(held_stamp["guard_weights"]) == 64 and bare_stamp["guard"] is False and "guard_weights" not in bare_stamp
    restamped(Path("bare.png"), guard=None)
    for name in ("held.png", "bare.png"):
        code, stdout, said = run("verify", name, "--input", "a.png")
        assert code == 0 and f"{name}: identical" in stdout, said
    restamped(Path("held.png"), guard_weights="ab")
    code, _, said = run("verify", "held.png", "--input", "a.png")
    assert code == 1 and "was made with another guard" in said
