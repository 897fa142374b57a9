"""What options of ``restore`` do to files, and what programs are told: the contract of docs/cli.md."""

import json
import os
import re
import struct
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import typer
from PIL import Image as PillowImage

from conftest import DOCUMENT, SCHEMA, open_picture
from conftest import invoke as run
from imgrestore import errors
from imgrestore.cli.app import app
from imgrestore.codecs.metadata.png import png_chunk
from imgrestore.codecs.metadata.pngcolor import profile_for


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photo) -> Path:
    monkeypatch.chdir(tmp_path)
    pixels = photo(20, 30)
    PillowImage.fromarray(pixels).save("a.png")
    PillowImage.fromarray(np.dstack([pixels, pixels[..., 0]])).save("alpha.png")
    PillowImage.fromarray((pixels[..., 0] * np.uint16(257)).astype(np.uint16)).save("deep.png")
    return tmp_path


def restore(*arguments: str | Path) -> tuple[int, list[dict[str, object]], str]:
    code, stdout, said = run("restore", *arguments, "--model", "bicubic", "--json")
    return code, [json.loads(line) for line in stdout.splitlines()], said


@pytest.mark.parametrize(
    ("source", "format_name", "message", "settled"),
    [
        ("alpha.png", "jpeg", "transparency hint: --background COLOUR", ["--background", "white"]),
        ("alpha.png", "jpeg", "--format png, tiff or webp keeps it", ["--format", "webp"]),
        ("deep.png", "jpeg", "samples of 16 bits hint: --depth 8", ["--depth", "8"]),
        ("deep.png", "webp", "--format png or tiff keeps them", ["--format", "tiff"]),
    ],
)
def test_errors_name_the_option_that_settles_them(
    here: Path, source: str, format_name: str, message: str, settled: list[str]
) -> None:
    code, records, said = restore(source, "-o", "out/", "--format", format_name)
    assert code == 1 and records[0]["error_code"] == "format-limit"
    assert message in " ".join(said.split()) and not any(Path("out").glob("*.*"))
    assert (
        restore(source, "-o", "out/", *settled, *([] if "--format" in settled else ["--format", format_name]))[0] == 0
    )


def test_formats_that_cannot_hold_the_depth_that_was_asked_for(here: Path) -> None:
    code, _, said = restore("a.png", "-o", "x.jpg", "--depth", "16")
    assert code == 1 and "jpeg cannot hold samples of 16 bits" in said
    assert restore("a.png", "-o", "x.jpg", "--depth", "12")[0] == 2
    assert restore("a.png", "-o", "x.jpg", "--background", "mauve")[0] == 2


def test_files_have_the_depth_and_background_that_were_asked_for(here: Path) -> None:
    assert restore("a.png", "-o", "x.png", "--depth", "16")[0] == 0
    assert Path("x.png").read_bytes()[24:26] == b"\x10\x02", "bit depth 16, RGB"
    assert restore("deep.png", "-o", "y.png", "--depth", "8")[0] == 0
    assert open_picture(Path("y.png")).mode == "L"
    assert restore("alpha.png", "-o", "z.png", "--background", "#00ff00")[0] == 0
    assert open_picture(Path("z.png")).mode == "RGB", "asked for, so also where the format could hold alpha"


def test_a_grey_profile_is_not_put_on_a_coloured_result(here: Path) -> None:
    profile = profile_for(png_chunk(b"gAMA", struct.pack(">I", 60000)), grey=True, icc=None)[0]
    PillowImage.fromarray(np.zeros((8, 8, 2), np.uint8)).save("grey.png", icc_profile=profile)
    code, _, said = restore("grey.png", "-o", "g.png", "--background", "red")
    assert code == 1 and "does not fit the colour #ff0000" in said
    assert restore("grey.png", "-o", "g.png", "--background", "black")[0] == 0


def test_globs_choose_among_the_files_of_folders(here: Path) -> None:
    for name in ("in/1.JPG", "in/2.png", "in/sub/3.jpg", "in/sub/4.png"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        PillowImage.open("a.png").convert("RGB").save(name, format="JPEG" if "j" in name.lower()[3:] else "PNG")

    def taken(*options: str) -> list[str]:
        code, stdout, _ = run("restore", "in", "-r", "-o", "out/", "--model", "bicubic", "--dry-run", *options)
        assert code == 0
        return [line.split(" -> ")[0].removeprefix("in/") for line in stdout.splitlines()]

    assert taken() == ["1.JPG", "2.png", "sub/3.jpg", "sub/4.png"]
    assert taken("--glob", "*.jpg") == ["1.JPG", "sub/3.jpg"]
    assert taken("--glob", "sub/*") == ["sub/3.jpg", "sub/4.png"]
    assert taken("--glob", "1.*", "--glob", "[34].png") == ["1.JPG", "sub/4.png"]
    code, records, said = restore("in", "a.png", "-r", "-o", "out/", "--glob", "*.gif")
    assert code == 1 and "in: holds no image that matches *.gif" in said
    assert [record["input"] for record in records if record["status"] == "done"] == ["a.png"], "named, so not filtered"
    assert restore("a.png", "--glob", "*.png", "-o", "x.png")[0] == 2
    assert restore("a.png", "n" * 300, "--glob", "*.png", "-o", "x/")[0] == 2, "a name too long to be looked up"


def test_times_of_change_are_kept_when_asked_for(here: Path) -> None:
    os.utime("a.png", ns=(1_111_111_111_000_000_000, 1_222_222_222_123_456_789))
    assert restore("a.png", "-o", "x.png", "--preserve-times")[0] == 0
    assert Path("x.png").stat().st_mtime_ns == 1_222_222_222_123_456_789
    assert restore("a.png", "-o", "y.png")[0] == 0
    assert Path("y.png").stat().st_mtime_ns != 1_222_222_222_123_456_789
    assert restore("a.png", "-o", "folder/", "--preserve-times")[0] == 0
    code, records, _ = restore("a.png", "-o", "folder/", "--preserve-times", "--resume")
    assert code == 0 and records[0]["status"] == "skipped"
    code, _, said = run("restore", "a.png", "-o", "-", "--preserve-times", "--model", "bicubic")
    assert code == 2 and "a stream has no times" in said


def test_records_keep_to_the_documented_schema(here: Path, photo) -> None:
    Path("in").mkdir()
    Path("in/text.png").write_text("no image")
    Path("in/cut.png").write_bytes(Path("a.png").read_bytes()[:300])
    frames = [PillowImage.fromarray(photo(20, 30, seed=i)) for i in range(2)]
    frames[0].save("in/moving.gif", save_all=True, append_images=frames[1:])
    PillowImage.fromarray(photo(60, 60)).save("in/large.png")
    PillowImage.open("alpha.png").save("in/alpha.webp")
    PillowImage.fromarray(photo(20, 30)).save("in/fine.jpg")
    arguments = ["in", "missing.png", "-o", "out/", "--format", "jpeg", "--max-pixels", "2000"]
    code, records, _ = restore(*arguments)
    code_again, records_again, _ = restore(*arguments, "--resume")
    assert code == code_again == 1 and {record["status"] for record in records} == {"done", "failed"}
    computed = json.loads(run("restore", "a.png", "--scale", "2", "--json", "--precision", "fp32")[1])
    for record in [*records, *records_again, computed]:
        jsonschema.validate(record, SCHEMA)
        assert list(record) == list(SCHEMA["properties"])
    found = {Path(str(record["input"])).name: record["error_code"] for record in records}
    assert found == {
        "text.png": "not-an-image",
        "cut.png": "damaged",
        "moving.gif": "several-pictures",
        "large.png": "too-large",
        "alpha.webp": "format-limit",
        "missing.png": "input",
        "fine.jpg": None,
    }
    assert {Path(str(r["input"])).name: r["error_code"] for r in records_again} == found
    fine, again = (next(r for r in rs if r["input"] == "in/fine.jpg") for rs in (records, records_again))
    assert (fine["input_width"], fine["input_height"], fine["width"], fine["height"]) == (30, 20, 60, 40)
    assert fine["tile"] is None and again["status"] == "skipped" and again["device"] is None
    assert computed["tile"][0] >= 16 and computed["precision"] == "fp32"


def test_every_kind_of_error_has_a_documented_code() -> None:
    def below(kind: type) -> set[type]:
        return {kind}.union(*(below(child) for child in kind.__subclasses__() if child.__module__ == errors.__name__))

    codes = {kind: kind.code for kind in below(errors.ImgrestoreError)}  # type: ignore[attr-defined]
    assert len(set(codes.values())) == len(codes), "each class its own"
    told = {code for kind, code in codes.items() if kind is not errors.ImgrestoreError}
    documented = set(SCHEMA["properties"]["error_code"]["enum"])
    assert documented <= told | {None} and {"exists", "damaged"} <= told
    text = DOCUMENT.read_text("utf-8")
    assert all(f"`{code}`" in text for code in documented if code)


@pytest.mark.parametrize("command", ["restore", "verify", "info"])
def test_every_option_is_documented(command: str) -> None:
    text = DOCUMENT.read_text("utf-8")
    options = typer.main.get_command(app).commands[command].params  # type: ignore[attr-defined]
    assert options
    for option in options:
        for name in (name for name in option.opts if name.startswith("-")):
            assert re.search(rf"`{name}[` ]", text), f"{command} {name} is not in docs/cli.md"
