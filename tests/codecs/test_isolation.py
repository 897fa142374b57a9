"""Decoding in a process of its own, and images from pipes."""

import errno
import os
import sys
import threading
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image as PillowImage
from PIL import ImageCms

import processes
from imgrestore.batch.plan import plan
from imgrestore.batch.request import Request
from imgrestore.codecs import ReadOptions, open_image, read_header, read_image
from imgrestore.codecs.formats import by_name, known
from imgrestore.codecs.reading import isolation, pipes
from imgrestore.errors import DamagedError, InputError, TooLargeError
from imgrestore.image import ImageStream
from imgrestore.weights.catalogue import choose

pillow_heif.register_heif_opener()


@pytest.fixture
def jpeg2000(tmp_path: Path, photo) -> Path:
    path = tmp_path / "x.jp2"
    PillowImage.fromarray(photo(150, 70)).save(path)
    return path


def decoded_here(path: Path) -> ImageStream:
    form = by_name(path.suffix[1:])
    return form.read(path, str(path), form, ReadOptions(first_frame=True))


@pytest.mark.parametrize("extension", ["jp2", "avif", "heic", "ico"])
def test_the_child_gives_what_the_decoder_gives(tmp_path: Path, photo, extension: str) -> None:
    path = tmp_path / f"x.{extension}"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = PillowImage.Exif()
    exif[0x010F] = "Maker"
    carries = extension in ("avif", "heic")
    more = {"icc_profile": profile, "exif": exif} if carries else {}
    PillowImage.fromarray(photo(150, 70)).save(path, **more)
    expected, found = decoded_here(path), open_image(path)
    assert by_name(extension).isolated
    assert found.header == expected.header and found.notices == expected.notices
    assert (found.header.metadata.icc is not None) == carries
    assert np.array_equal(found.read().pixels, expected.read().pixels)
    assert np.array_equal(read_image(path.read_bytes()).pixels, read_image(path).pixels)


@pytest.mark.parametrize("extension", ["avif", "heic"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_headers_are_read_without_pixels(tmp_path: Path, photo, extension: str, mode: str) -> None:
    path = tmp_path / f"x.{extension}"
    PillowImage.fromarray(photo(150, 70)).convert(mode).save(path)
    assert read_header(path, "x", ReadOptions()) == open_image(path).header
    said, mark, pixels = path.read_bytes().partition(b"mdat")
    content = said + mark + bytes(len(pixels))
    assert read_header(content, "x", ReadOptions()).width == 70
    with pytest.raises(InputError):
        read_image(content)


def test_deep_samples_come_aligned(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, (90, 33), dtype=np.uint16)
    PillowImage.fromarray(pixels).save(tmp_path / "x.jp2")
    bands = list(open_image(tmp_path / "x.jp2").bands)
    assert all(band.flags.aligned for band in bands)
    assert np.array_equal(np.concatenate(bands)[..., 0], pixels)


ENDINGS = {
    "kill -SEGV $$": "its decoder ended by SIGSEGV",
    "kill -KILL $$": "its decoder ended by SIGKILL",
    "kill -XCPU $$": "takes too long",
    "exit 3": "its decoder gave up",
    f'ulimit -f 1; trap "" XFSZ; exec {sys.executable} "$@"': "its decoder gave up",
    f"exit {errno.ENOSPC}": "has no room for its pixels",
    f'ulimit -d 40000; exec {sys.executable} "$@"': "takes too much memory|its decoder",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_end_of_the_child_is_one_line(jpeg2000: Path, tmp_path: Path, monkeypatch, capfd, ending: str) -> None:
    script = tmp_path / "python"
    script.write_text(f"#!/bin/sh\n{ending}\n")
    script.chmod(0o755)
    monkeypatch.setattr(isolation.sys, "executable", str(script))
    with pytest.raises(InputError, match=ENDINGS[ending]) as caught:
        open_image(jpeg2000)
    assert str(jpeg2000) in str(caught.value) and "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_refusals_come_from_the_child_as_they_are(jpeg2000: Path) -> None:
    with pytest.raises(TooLargeError, match="70x150 is more than 100 pixels") as caught:
        open_image(jpeg2000, options=ReadOptions(max_pixels=100))
    assert "--max-pixels 10500" in caught.value.hint
    jpeg2000.write_bytes(jpeg2000.read_bytes()[:300])
    with pytest.raises(DamagedError, match="not a readable jpeg2000 file"):
        open_image(jpeg2000)


def test_limits_follow_the_size_of_the_image() -> None:
    code = (
        "import resource as r; from imgrestore.codecs.reading import isolation as i\n"
        "def soft(): return r.getrlimit(r.RLIMIT_DATA)[0], r.getrlimit(r.RLIMIT_CPU)[0]\n"
        "i._limit(0); small = soft(); i._LimitedOptions().check_size('x', 1000, 1000); large = soft()\n"
        "assert small == (2**30, 20) and large == (2**30 + 40_000_000, 22), (small, large)\n"
        "import sys; from imgrestore.codecs.reading import loading, pillow; assert 'torch' not in sys.modules"
    )
    done = processes.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_child_runs_nothing_that_lies_beside_the_images(jpeg2000: Path, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "json.py").write_text(f"open({str(tmp_path / 'executed')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    assert read_image(jpeg2000).pixels.shape == (150, 70, 3)
    assert not (tmp_path / "executed").exists()


def feed(pipe: Path, content: bytes) -> threading.Thread:
    os.mkfifo(pipe)
    thread = threading.Thread(target=pipe.write_bytes, args=(content,))
    thread.start()
    return thread


@pytest.mark.parametrize("extension", ["png", "tiff", "ppm", "bmp", "jp2"])
def test_pipes_with_names_are_read_once(tmp_path: Path, photo, extension: str) -> None:
    path = tmp_path / f"x.{extension}"
    PillowImage.fromarray(photo(50, 70)).save(path)
    writer = feed(tmp_path / "pipe", path.read_bytes())
    planned = plan(Request([tmp_path / "pipe"], tmp_path / "y.png"), choose("bicubic", 2))
    writer.join()
    (job,) = planned.jobs
    assert job.content == path.read_bytes() and job.form.name == "png" and job.header.width == 70
    (tmp_path / "pipe").unlink()
    writer = feed(tmp_path / "pipe", path.read_bytes())
    assert np.array_equal(read_image(tmp_path / "pipe").pixels, read_image(path).pixels)
    writer.join()


def test_pipes_are_not_read_without_end(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(pipes, "_LARGEST", 2**20)
    with Path("/dev/zero").open("rb") as endless, pytest.raises(InputError, match="more than 1048576 bytes came"):
        pipes.read_pipe(endless, "standard input")


def test_what_is_decoded_whole_by_other_codecs_is_isolated() -> None:
    assert {form.name for form in known() if form.isolated} == {"avif", "heic", "jpeg2000", "ico"}
