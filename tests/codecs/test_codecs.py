"""Files through our codecs and back, checked by other libraries than the one that wrote them."""

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage

from conftest import open_picture
from imgrestore.codecs import SaveOptions, detect, looks_like_image, open_image, read_image, write_image
from imgrestore.codecs.formats import by_extension, by_name, known, recognise
from imgrestore.errors import InputError, OutputError
from imgrestore.image import Header, Image, ImageStream, Metadata


def samples(dtype: str, channels: int, height: int = 75, width: int = 33) -> np.ndarray:
    values = np.random.default_rng(0).random((height, width, channels))
    return values.astype(np.float32) if dtype == "float32" else (values * np.iinfo(dtype).max).astype(dtype)


LOSSLESS = [(name, dtype) for name in ("png", "tiff") for dtype in by_name(name).depths]


@pytest.mark.parametrize(("name", "dtype"), LOSSLESS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(75, 33), (1, 1), (130, 3)])
def test_lossless_formats_keep_every_sample(tmp_path: Path, name: str, dtype: str, channels: int, size) -> None:
    pixels, path = samples(dtype, channels, *size), tmp_path / f"x.{name}"
    assert write_image(Image(pixels).stream(), path, by_name(name)) == []
    restored = read_image(path).pixels
    assert restored.dtype == pixels.dtype
    assert np.array_equal(restored, pixels)
    if name == "tiff":
        assert np.array_equal(tifffile.imread(path).reshape(pixels.shape), pixels)
    elif dtype == "uint8":
        assert np.array_equal(np.asarray(open_picture(path)).reshape(pixels.shape), pixels)


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_is_close_and_keeps_grey(tmp_path: Path, photo, channels: int) -> None:
    pixels = photo(80, 90)[..., :channels]
    path = tmp_path / "x.jpg"
    write_image(Image(pixels).stream(), path, by_name("jpeg"))
    opened = open_picture(path)
    assert opened.mode == ("L" if channels == 1 else "RGB")
    assert np.abs(np.asarray(opened).reshape(pixels.shape).astype(int) - pixels).mean() < 3
    if channels == 3:
        assert opened.layer[0][1:3] == (1, 1), "colour at full resolution"
    write_image(Image(pixels).stream(), tmp_path / "low.jpg", by_name("jpeg"), SaveOptions(quality=30))
    assert (tmp_path / "low.jpg").stat().st_size < path.stat().st_size / 2


def test_webp_lossless_keeps_every_sample_even_hidden_ones(tmp_path: Path) -> None:
    pixels = samples("uint8", 4)
    pixels[:20, ..., 3] = 0
    path = tmp_path / "x.webp"
    write_image(Image(pixels).stream(), path, by_name("webp"), SaveOptions(lossless=True))
    assert np.array_equal(np.asarray(open_picture(path)), pixels)


def exif_block(orientation: int = 1) -> bytes:
    exif = PillowImage.Exif()
    exif[0x010F], exif[0x0112], exif[0x8298] = "Maker", orientation, "A. Person"
    details = exif.get_ifd(0x8769)
    details[0x9003], details[0xA002], details[0xA003] = "2020:01:02 03:04:05", 40, 60
    details[0xA434], details[0xFDE8] = "Some lens", "an entry nobody knows"
    exif.get_ifd(0x8825)[2] = (1.0, 2.0, 3.0)
    return exif.tobytes()


def test_palette_bilevel_and_transparency_are_normalised(tmp_path: Path) -> None:
    palette = PillowImage.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 200, 100, 50])
    palette.save(tmp_path / "p.png")
    assert read_image(tmp_path / "p.png").pixels[0, 0].tolist() == [200, 100, 50]
    palette.save(tmp_path / "t.png", transparency=1)
    assert read_image(tmp_path / "t.png").pixels[0, 0].tolist()[3] == 0
    PillowImage.new("1", (8, 8), 1).save(tmp_path / "b.png")
    bilevel = read_image(tmp_path / "b.png").pixels
    assert bilevel.shape == (8, 8, 1) and bilevel.min() == 255


@pytest.mark.parametrize("extension", ["bmp", "ppm", "pgm", "jp2"])
def test_formats_that_pillow_reads(tmp_path: Path, photo, extension: str) -> None:
    picture = PillowImage.fromarray(photo(30, 40)).convert("L" if extension == "pgm" else "RGB")
    path = tmp_path / f"x.{extension}"
    picture.save(path)
    expected = np.asarray(picture).reshape(30, 40, -1)
    assert np.array_equal(read_image(path).pixels, expected)


def test_formats_are_told_by_content() -> None:
    assert {form.name for form in known()} >= {"png", "jpeg", "tiff", "webp"}
    assert recognise(b"\x89PNG\r\n\x1a\n").name == "png"
    assert recognise(b"hello") is None and recognise(b"") is None
    assert by_extension(".JPG").name == "jpeg" and by_name("tif").name == "tiff" and by_name("xyz") is None


def test_a_wrong_extension_does_not_matter(tmp_path: Path, photo) -> None:
    PillowImage.fromarray(photo(20, 20)).save(tmp_path / "x.png")
    (tmp_path / "x.png").rename(tmp_path / "x.jpg")
    assert detect(tmp_path / "x.jpg", "x").name == "png"
    assert read_image(tmp_path / "x.jpg").pixels.shape == (20, 20, 3)


@pytest.mark.parametrize("extension", ["jpg", "png", "tif", "webp", "bmp"])
def test_damaged_files_are_refused_in_one_line(tmp_path: Path, photo, extension: str) -> None:
    path = tmp_path / f"x.{extension}"
    PillowImage.fromarray(photo(200, 200)).save(path)
    content = path.read_bytes()
    for kept in (len(content) * 2 // 3, 40):
        path.write_bytes(content[:kept])
        with pytest.raises(InputError) as caught:
            read_image(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_other_files_are_not_images(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("not an image")
    (tmp_path / "empty.png").touch()
    assert not looks_like_image(tmp_path / "text.jpg") and not looks_like_image(tmp_path / "missing")
    for name, message in (("text.jpg", "not an image"), ("empty.png", "an empty file"), ("missing", "cannot be read")):
        with pytest.raises(InputError, match=message):
            open_image(tmp_path / name)


def test_names_that_libvips_would_take_for_options(tmp_path: Path) -> None:
    folder = tmp_path / "a[b]"
    folder.mkdir()
    path = folder / "x[access=random,c].png"
    write_image(Image(samples("uint8", 3)).stream(), path, by_name("png"))
    assert np.array_equal(read_image(path).pixels, samples("uint8", 3))


def test_content_in_memory_reads_like_a_file(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    write_image(Image(samples("uint16", 4)).stream(), path, by_name("tiff"))
    assert np.array_equal(read_image(path.read_bytes()).pixels, read_image(path).pixels)


def test_a_source_that_fails_midway_ends_the_writing(tmp_path: Path) -> None:
    def bands():
        yield samples("uint8", 3, 64)
        raise RuntimeError("the network broke")

    header = Header(33, 4000, 3, np.dtype("uint8"))
    with pytest.raises(RuntimeError, match="the network broke"):
        write_image(ImageStream(header, bands()), tmp_path / "x.png", by_name("png"))


def test_a_target_that_fails_ends_the_computing(tmp_path: Path) -> None:
    asked = 0

    def bands():
        nonlocal asked
        for _ in range(2000):
            asked += 1
            yield samples("uint8", 3, 64, 3000)

    header = Header(3000, 64 * 2000, 3, np.dtype("uint8"))
    with pytest.raises(OutputError, match="cannot be written"):
        write_image(ImageStream(header, bands()), tmp_path / "missing" / "x.png", by_name("png"))


IPTC = b"\x1c\x02\x78\x00\x09A caption\x1c\x02\x50\x00\x04Name"


@pytest.mark.parametrize(("first", "second"), [("jpeg", "tiff"), ("tiff", "jpeg"), ("jpeg", "jpeg")])
def test_iptc_moves_between_wrappers(tmp_path: Path, first: str, second: str) -> None:
    from PIL import IptcImagePlugin

    stream = Image(samples("uint8", 3), Metadata(iptc=IPTC)).stream()
    write_image(stream, tmp_path / "1", by_name(first))
    write_image(open_image(tmp_path / "1"), tmp_path / "2", by_name(second))
    for path in (tmp_path / "1", tmp_path / "2"):
        assert open_image(path).header.metadata.iptc == IPTC
        assert IptcImagePlugin.getiptcinfo(open_picture(path))[(2, 120)] == b"A caption"


def test_what_a_format_cannot_keep_is_said(tmp_path: Path) -> None:
    stream = Image(samples("uint8", 3), Metadata(iptc=IPTC, exif=b"not EXIF at all, really")).stream()
    assert "IPTC" in write_image(stream, tmp_path / "x.png", by_name("png"))[0]
    stream = Image(samples("uint8", 3), Metadata(exif=b"not EXIF at all, really")).stream()
    assert "EXIF could not be moved" in write_image(stream, tmp_path / "x.tif", by_name("tiff"))[0]
    stream = Image(samples("uint8", 3), Metadata(exif=bytes(70000))).stream()
    assert "does not fit" in write_image(stream, tmp_path / "x.jpg", by_name("jpeg"))[0]


@pytest.mark.parametrize("length", [59_000, 61_000, 65_502])
def test_xmp_as_long_as_a_jpeg_holds_is_kept(tmp_path: Path, length: int) -> None:
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + b" " * (length - 48) + b"</x:xmpmeta>"
    metadata = Metadata(xmp=xmp, iptc=IPTC, exif=bytes(6) + b"II*\0\x08\0\0\0\0\0\0\0\0\0")
    assert len(xmp) == length
    assert write_image(Image(samples("uint8", 3), metadata).stream(), tmp_path / "x.jpg", by_name("jpeg")) == []
    kept = open_image(tmp_path / "x.jpg").header.metadata
    assert kept.xmp == xmp and kept.iptc == IPTC
    assert open_picture(tmp_path / "x.jpg").info["xmp"] == xmp


def test_blocks_longer_than_a_jpeg_holds_are_told(tmp_path: Path) -> None:
    for metadata, name in ((Metadata(xmp=bytes(65_503 + 2)), "XMP"), (Metadata(iptc=IPTC + bytes(70_000)), "IPTC")):
        (lost,) = write_image(Image(samples("uint8", 3), metadata).stream(), tmp_path / "x.jpg", by_name("jpeg"))
        assert lost.startswith(name) and "does not fit into a JPEG" in lost


def test_xmp_says_that_the_image_is_upright(tmp_path: Path) -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6"/></x:xmpmeta>'
    write_image(Image(samples("uint8", 3), Metadata(xmp=xmp)).stream(), tmp_path / "x.jpg", by_name("jpeg"))
    assert b'tiff:Orientation="1"' in open_image(tmp_path / "x.jpg").header.metadata.xmp


@pytest.mark.parametrize("claim", ['GCamera:MotionPhoto="1"', "Camera:MotionPhoto='1'", 'GCamera:MicroVideo="1"'])
def test_the_video_of_a_motion_photo_is_told_and_no_longer_claimed(tmp_path: Path, claim: str) -> None:
    packet = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a {claim} GCamera:MotionPhotoVersion="1"/></x:xmpmeta>'.encode()
    file = io.BytesIO()
    PillowImage.new("RGB", (8, 8)).save(file, "JPEG", xmp=packet)
    stream = open_image(file.getvalue() + bytes(3) + b"\x18ftypmp42")
    assert "video is left out" in " ".join(stream.notices)
    write_image(stream, tmp_path / "x.jpg", by_name("jpeg"))
    result = open_image(tmp_path / "x.jpg")
    assert result.header.metadata.xmp == packet.replace(claim.encode(), claim.replace("1", "0").encode())
    assert open_image(file.getvalue()).notices == result.notices == ()


@pytest.mark.parametrize("name", ["png", "jpeg", "tiff"])
def test_no_resolution_is_made_up(tmp_path: Path, name: str) -> None:
    PillowImage.new("RGB", (8, 8)).save(tmp_path / "x", format=name)
    stream = open_image(tmp_path / "x")
    assert stream.header.metadata.density is None
    write_image(stream, tmp_path / "y", by_name(name))
    again = open_picture(tmp_path / "y")
    assert 0x011A not in again.getexif()
    assert again.info.get("dpi", (1, 1)) == (1, 1), "Pillow says 1 for a TIFF that says nothing"
    assert np.array_equal(read_image(tmp_path / "y").pixels, read_image(tmp_path / "x").pixels)


def test_pillow_images_carry_their_exif_and_never_wrap(photo) -> None:
    from imgrestore.codecs.reading.pillow import from_pillow

    picture = PillowImage.fromarray(photo(8, 9))
    picture.info |= {"exif": exif_block(), "dpi": (300, 300)}
    metadata = from_pillow(picture).metadata
    assert b"Some lens" in metadata.exif and metadata.density[0] == pytest.approx(11.811, abs=1e-3)
    for bad in (PillowImage.new("F", (2, 2), 0.5), PillowImage.new("I", (2, 2), 70000)):
        with pytest.raises(InputError):
            from_pillow(bad)
