"""One record says all about a format: what takes a new one is its own file, and one line that makes it known."""

import copy
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from conftest import invoke as run
from conftest import open_picture
from imgrestore.codecs import SaveOptions, detect, formats, read_image, write_image
from imgrestore.codecs.formats import Deferred, Format, by_name, known, named, register, writable
from imgrestore.codecs.options import ReadOptions
from imgrestore.errors import InputError, UnknownNameError, UsageError
from imgrestore.image import Image, ImageStream, Metadata

MARK = b"TOY\0"


def read(data: Path | bytes, name: str, form: Format, options: ReadOptions) -> ImageStream:
    content = data if isinstance(data, bytes) else data.read_bytes()
    width, height, channels, _ = struct.unpack(">4H", content[4:12])
    options.check_size(name, width, height)
    if len(content) != 12 + width * height * channels:
        raise InputError(f"{name}: it ends too early")
    return Image(np.frombuffer(content, np.uint8, offset=12).reshape(height, width, channels)).stream()


def write(stream: ImageStream, path: Path, form: Format, options: SaveOptions) -> list[str]:
    header = stream.header
    assert header.metadata == Metadata(density=header.metadata.density), (
        "what the format cannot hold does not come here"
    )
    with path.open("wb") as file:
        file.write(MARK + struct.pack(">4H", header.width, header.height, header.channels, options.quality))
        for band in stream.bands:
            file.write(band.tobytes())
    return []


TOY = Format(
    "toy",
    (".toy", ".toys"),
    read,
    signatures=(MARK,),
    write=write,
    largest_side=1000,
    carries=frozenset(),
    heeds=("quality",),
)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Format:
    monkeypatch.setattr(formats.registry, "_registered", {form.name: form for form in known()})
    register(TOY)
    return TOY


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photo) -> Path:
    monkeypatch.chdir(tmp_path)
    pixels = photo(20, 30)
    PillowImage.fromarray(pixels).save("a.png", dpi=(300, 300))
    PillowImage.fromarray(np.dstack([pixels, pixels[..., 0]])).save("alpha.png")
    return tmp_path


def test_a_new_format_is_written_and_read_by_the_command_line(toy: Format, here: Path) -> None:
    options = ["-m", "bicubic", "--scale", "2"]
    assert run("restore", "a.png", "-o", "a2.png", *options)[0] == 0
    code, _, said = run("restore", "a.png", "-o", "out/", "--format", "toy", "--quality", "80", *options)
    assert code == 0 and "toy has no place for XMP, which was left out" in " ".join(said.split())
    assert detect(Path("out/a.toy"), "x") is toy
    assert Path("out/a.toy").read_bytes()[10:12] == b"\0\x50"
    assert np.array_equal(read_image(Path("out/a.toy")).pixels, np.asarray(open_picture(Path("a2.png"))))
    assert run("restore", "out/a.toy", "-o", "b.toys", "--no-stamp", *options)[0] == 0, "by its ending, and as an input"
    assert read_image(Path("b.toys")).pixels.shape == (80, 120, 3)
    assert run("restore", "out", "-o", "c/", *options)[0] == 0, "folders are searched for it, and it is kept"
    assert Path("c/a.toy").exists()
    assert "toy" in run("info", "b.toys")[1]


def test_limits_of_a_new_format_are_told_before_work_begins(toy: Format, here: Path) -> None:
    code, _, said = run("restore", "alpha.png", "-o", "x.toy", "-m", "bicubic")
    assert code == 1 and "toy cannot hold its transparency" in said and "--format png, tiff or webp keeps it" in said
    code, _, said = run("restore", "a.png", "-o", "x.toy", "-m", "bicubic", "--scale", "64")
    words = " ".join(said.split())
    assert code == 1 and "too large for toy (at most 1000 a side)" in words
    assert "use --format png, jpeg, tiff or webp" in words
    code, _, said = run("restore", "a.png", "-o", "x.png", "--format", "toi")
    assert code == 2 and "png, jpeg, tiff, webp, toy" in " ".join(said.split())


def test_only_what_a_format_heeds_is_said_of_how_it_was_saved(toy: Format) -> None:
    heeded = {form.name: set(SaveOptions().heeded_by(form.name)) for form in writable()}
    assert heeded.pop("toy") == {"quality"}
    assert heeded == {
        "png": set(),
        "jpeg": {"quality", "subsampling"},
        "tiff": set(),
        "webp": {"quality", "lossless"},
    }


def test_formats_travel_to_other_processes(toy: Format) -> None:
    for form in known():
        assert pickle.loads(pickle.dumps(form)) is form
        assert copy.deepcopy(form) is form
    with pytest.raises(UnknownNameError, match="no format is named 'tiv'; did you mean 'tiff'"):
        named("tiv")


@pytest.mark.parametrize("clash", [("png", (".x",)), ("x", (".x", ".jpeg"))])
def test_two_formats_of_one_name_or_ending_are_refused(toy: Format, clash: tuple[str, tuple[str, ...]]) -> None:
    with pytest.raises(UsageError, match=rf"the format {clash[0]} .* clashes with (png|jpeg)"):
        register(Format(*clash, read))
    assert by_name("x") is None


def test_every_record_is_listed_and_names_functions_that_are_there() -> None:
    files = {path.stem for path in Path(formats.__file__).parent.glob("*.py")} - {"__init__", "record", "registry"}
    assert files == {form.name for form in known()}
    for form in known():
        for function in filter(None, (form.read, form.write)):
            assert isinstance(function, Deferred) and callable(function.load())


def test_what_cannot_be_written_is_a_mistake(tmp_path: Path) -> None:
    gif = by_name("gif")
    assert gif is not None and not gif.writable
    with pytest.raises(ValueError, match="gif is not a format to save in"):
        write_image(Image(np.zeros((2, 2, 3), np.uint8)).stream(), tmp_path / "x.gif", gif)
