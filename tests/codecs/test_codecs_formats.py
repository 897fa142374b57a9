"""Files of many kinds made by other libraries, read by our codecs, compared with what went in."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
import pyvips
import tifffile
from PIL import Image as PillowImage
from PIL import ImageCms

from conftest import open_picture
from imgrestore.codecs import ReadOptions, detect, open_image, read_image, write_image
from imgrestore.codecs.formats import by_name
from imgrestore.codecs.metadata.png import png_chunk
from imgrestore.errors import InputError
from imgrestore.image import Image, Metadata


def values(dtype: str, *shape: int) -> np.ndarray:
    random = np.random.default_rng(0).random(shape)
    return random.astype(dtype) if dtype.startswith("float") else (random * np.iinfo(dtype).max).astype(dtype)


def png(width: int, height: int, depth: int, kind: int, rows: bytes, chunks: bytes = b"") -> bytes:
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunks + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")


def packed(samples: np.ndarray, depth: int) -> bytes:
    rows = b""
    for row in samples:
        bits = "".join(format(int(value), f"0{depth}b") for value in row)
        bits += "0" * (-len(bits) % 8)
        rows += b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big")
    return rows


@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_grey_png_of_every_depth(depth: int, transparent: bool) -> None:
    samples = np.random.default_rng(0).integers(0, 2**depth, (9, 13))
    key = int(samples[0, 0])
    chunks = png_chunk(b"tRNS", struct.pack(">H", key)) if transparent else b""
    image = read_image(png(13, 9, depth, 0, packed(samples, depth), chunks))
    peak = 65535 if depth == 16 else 255
    assert image.header.peak == peak
    assert np.array_equal(image.pixels[..., 0], samples * peak // (2**depth - 1))
    assert image.header.channels == 1 + transparent
    if transparent:
        assert np.array_equal(image.pixels[..., 1], np.where(samples == key, 0, peak))


@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_palette_png_of_every_depth(depth: int, transparent: bool) -> None:
    samples = np.random.default_rng(0).integers(0, 2**depth, (9, 13))
    colours = values("uint8", 2**depth, 4)
    chunks = png_chunk(b"PLTE", colours[:, :3].tobytes())
    chunks += png_chunk(b"tRNS", colours[:, 3].tobytes()) if transparent else b""
    pixels = read_image(png(13, 9, depth, 3, packed(samples, depth), chunks)).pixels
    assert np.array_equal(pixels, colours[samples][..., : 3 + transparent])


@pytest.mark.parametrize(("depth", "dtype"), [(8, "uint8"), (16, "uint16")])
def test_transparent_colour_of_png(depth: int, dtype: str) -> None:
    samples = values(dtype, 9, 13, 3)
    rows = b"".join(b"\0" + row.astype(f">u{depth // 8}").tobytes() for row in samples)
    key = png_chunk(b"tRNS", struct.pack(">HHH", *(int(value) for value in samples[2, 3])))
    pixels = read_image(png(13, 9, depth, 2, rows, key)).pixels
    assert np.array_equal(pixels[..., :3], samples)
    assert pixels[2, 3, 3] == 0 and (pixels[..., 3] == 0).sum() == 1


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_interlaced_png(tmp_path: Path, dtype: str) -> None:
    samples = values(dtype, 61, 37, 3)
    pyvips.Image.new_from_array(samples).pngsave(str(tmp_path / "x.png"), interlace=True)
    assert np.array_equal(read_image(tmp_path / "x.png").pixels, samples)


GAMMA = png_chunk(b"gAMA", struct.pack(">I", 100000))
WIDE = png_chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000))
CODES = png_chunk(b"cICP", bytes([9, 16, 0, 1]))


def coloured_png(chunks: bytes, kind: int = 2) -> bytes:
    channels = 3 if kind == 2 else 1
    rows = b"".join(b"\0" + row.tobytes() for row in values("uint8", 9, 13 * channels))
    return png(13, 9, 8, kind, rows, chunks)


@pytest.mark.parametrize("chunks", [GAMMA, GAMMA + WIDE, png_chunk(b"sRGB", b"\0"), CODES, GAMMA + WIDE + CODES])
def test_colour_chunks_of_png_stay_in_png(tmp_path: Path, chunks: bytes) -> None:
    stream = open_image(coloured_png(chunks))
    assert write_image(stream, tmp_path / "x.png", by_name("png")) == []
    written = (tmp_path / "x.png").read_bytes()
    assert chunks in written
    open_picture(tmp_path / "x.png").load()
    assert open_image(written).header.metadata.png_colour == chunks


@pytest.mark.parametrize("name", ["jpeg", "tiff", "webp"])
def test_colour_chunks_of_png_become_a_profile_elsewhere(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x"
    assert write_image(open_image(coloured_png(GAMMA + WIDE)), path, by_name(name)) == []
    profile = open_image(path).header.metadata.icc
    made = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    to_srgb = ImageCms.buildTransform(made, ImageCms.createProfile("sRGB"), "RGB", "RGB")
    linear = PillowImage.new("RGB", (1, 1), (55, 55, 55))
    assert ImageCms.applyTransform(linear, to_srgb).getpixel((0, 0)) == pytest.approx((128, 128, 128), abs=2)
    red = made.profile.red_primary[1]
    assert red[:2] == pytest.approx((0.6484, 0.3309), abs=0.003), "Adobe RGB's red, seen under D50"


def test_colour_that_only_png_can_say_is_noticed(tmp_path: Path) -> None:
    lost = write_image(open_image(coloured_png(CODES)), tmp_path / "x.jpg", by_name("jpeg"))
    assert len(lost) == 1 and "9-16-0-1" in lost[0]
    usual = png_chunk(b"gAMA", struct.pack(">I", 45455)) + png_chunk(b"sRGB", b"\0")
    assert write_image(open_image(coloured_png(usual)), tmp_path / "y.jpg", by_name("jpeg")) == []
    assert open_image(tmp_path / "y.jpg").header.metadata.icc is None
    write_image(open_image(coloured_png(GAMMA, kind=0)), tmp_path / "z.jpg", by_name("jpeg"))
    assert open_image(tmp_path / "z.jpg").header.metadata.icc[16:20] == b"GRAY"


TIFF_LAYOUTS = {
    "plain": {},
    "tiled": {"tile": (32, 48)},
    "strips": {"rowsperstrip": 7},
    "big": {"bigtiff": True},
    "big-endian": {"byteorder": ">"},
    "deflate": {"compression": "zlib"},
}


@pytest.mark.parametrize("layout", TIFF_LAYOUTS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16", "float32"])
@pytest.mark.parametrize("channels", [1, 3])
def test_tiff_layouts(tmp_path: Path, layout: str, dtype: str, channels: int) -> None:
    samples = values(dtype, 70, 90, channels)
    kind = "minisblack" if channels == 1 else "rgb"
    tifffile.imwrite(tmp_path / "x.tif", samples, photometric=kind, **TIFF_LAYOUTS[layout])
    assert np.array_equal(read_image(tmp_path / "x.tif").pixels, samples.astype(dtype.replace("float16", "float32")))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_planar_tiff(tmp_path: Path, dtype: str) -> None:
    samples = values(dtype, 70, 90, 3)
    planes = np.ascontiguousarray(np.moveaxis(samples, 2, 0))
    tifffile.imwrite(tmp_path / "x.tif", planes, photometric="rgb", planarconfig="separate")
    assert np.array_equal(read_image(tmp_path / "x.tif").pixels, samples)


@pytest.mark.parametrize("compression", ["lzw", "deflate", "packbits", "jpeg"])
@pytest.mark.parametrize("tile", [False, True])
def test_tiff_compressions(tmp_path: Path, compression: str, tile: bool) -> None:
    predictor = "horizontal" if compression in ("lzw", "deflate") else "none"
    source = pyvips.Image.new_from_array(values("uint8", 70, 90, 3))
    source.tiffsave(str(tmp_path / "x.tif"), compression=compression, predictor=predictor, tile=tile)
    expected = np.asarray(open_picture(tmp_path / "x.tif").convert("RGB")).astype(int)
    assert np.abs(read_image(tmp_path / "x.tif").pixels - expected).max() <= (2 if compression == "jpeg" else 0)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_of_tiff_is_divided_where_it_was_multiplied(tmp_path: Path, dtype: str, channels: int) -> None:
    peak = 1 if dtype == "float32" else np.iinfo(dtype).max
    samples = values(dtype, 40, 50, channels)
    samples[..., -1] = np.maximum(samples[..., -1], peak / 2)
    kind = "minisblack" if channels == 2 else "rgb"
    options = {"photometric": kind, "planarconfig": "contig"}
    tifffile.imwrite(tmp_path / "x.tif", samples, extrasamples=["unassalpha"], **options)
    assert np.array_equal(read_image(tmp_path / "x.tif").pixels, samples)
    multiplied = samples.astype(np.float64)
    multiplied[..., :-1] *= multiplied[..., -1:] / peak
    tifffile.imwrite(tmp_path / "y.tif", multiplied.astype(dtype), extrasamples=["assocalpha"], **options)
    difference = np.abs(read_image(tmp_path / "y.tif").pixels.astype(float) - samples)
    assert difference.max() <= (1e-5 if peak == 1 else 3)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_white_may_be_zero_and_colours_in_a_table(tmp_path: Path, dtype: str) -> None:
    samples = values(dtype, 20, 30)
    tifffile.imwrite(tmp_path / "x.tif", samples, photometric="miniswhite")
    assert np.array_equal(read_image(tmp_path / "x.tif").pixels[..., 0], np.iinfo(dtype).max - samples)
    table, places = values("uint16", 3, 256), values("uint8", 20, 30)
    tifffile.imwrite(tmp_path / "y.tif", places, photometric="palette", colormap=table)
    assert np.array_equal(read_image(tmp_path / "y.tif").pixels, (table.T >> 8)[places])


def test_bilevel_tiff(tmp_path: Path) -> None:
    samples = values("uint8", 20, 30) > 127
    tifffile.imwrite(tmp_path / "x.tif", samples, photometric="minisblack")
    assert np.array_equal(read_image(tmp_path / "x.tif").pixels[..., 0], samples * np.uint8(255))


def test_integers_of_32_bits_become_16_unless_they_would_be_black(tmp_path: Path) -> None:
    samples = values("uint32", 20, 30, 3)
    tifffile.imwrite(tmp_path / "x.tif", samples, photometric="rgb")
    stream = open_image(tmp_path / "x.tif")
    assert "cut to 16" in stream.notices[0]
    assert np.array_equal(stream.read().pixels, samples >> 16)
    tifffile.imwrite(tmp_path / "x.tif", samples >> 16, photometric="rgb")
    with pytest.raises(InputError, match="lowest 16 of its 32"):
        open_image(tmp_path / "x.tif")
    for signed in ("int16", "int32"):
        tifffile.imwrite(tmp_path / "x.tif", values(signed, 9, 9), photometric="minisblack")
        with pytest.raises(InputError, match="signed samples cannot be read"):
            open_image(tmp_path / "x.tif")


@pytest.mark.parametrize(("dtype", "peak"), [("uint8", 255), ("uint16", 65535)])
def test_cmyk_and_lab_tiff_keep_their_depth(tmp_path: Path, dtype: str, peak: int) -> None:
    tifffile.imwrite(tmp_path / "x.tif", np.zeros((9, 9, 4), dtype), photometric="separated")
    image = read_image(tmp_path / "x.tif")
    assert image.pixels.dtype == dtype and image.pixels.min() > 0.97 * peak
    if dtype == "uint16":
        middle = np.zeros((9, 9, 3), dtype)
        middle[..., 0] = peak // 2
        tifffile.imwrite(tmp_path / "x.tif", middle, photometric="cielab")
        image = read_image(tmp_path / "x.tif")
        assert image.pixels.dtype == dtype and np.abs(image.pixels / peak - 119 / 255).max() < 0.01


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("channels", [3, 4])
def test_webp(tmp_path: Path, lossless: bool, channels: int) -> None:
    PillowImage.fromarray(values("uint8", 40, 30, channels)).save(tmp_path / "x.webp", lossless=lossless, exact=True)
    expected = np.asarray(open_picture(tmp_path / "x.webp")).astype(int)
    assert np.abs(read_image(tmp_path / "x.webp").pixels - expected).max() <= 1


@pytest.mark.parametrize(("bits", "step"), [(8, 257), (10, 65535 / 1023), (12, 65535 / 4095)])
def test_avif_of_every_depth(bits: int, step: float) -> None:
    samples = np.random.default_rng(0).integers(0, 2**bits, (8, 8, 3)).repeat(4, 0).repeat(4, 1)
    samples[:4], samples[4:8] = 0, 2**bits - 1
    source = pyvips.Image.new_from_array((samples << (16 - bits)).astype(np.uint16)).copy(interpretation="rgb16")
    content = source.heifsave_buffer(compression="av1", bitdepth=bits, lossless=True)
    pixels = read_image(content).pixels
    assert pixels.dtype == ("uint8" if bits == 8 else "uint16")
    assert pixels[:4].max() == 0 and pixels[4:8].min() == (255 if bits == 8 else 65535)
    assert np.abs(pixels / (1 if bits == 8 else step) - samples).max() <= 1


@pytest.mark.parametrize(("mode", "channels"), [("I;16", 1), ("RGB;16", 3), ("RGBA;16", 4)])
def test_heic_of_ten_bits(mode: str, channels: int) -> None:
    deep = np.random.default_rng(0).integers(0, 2**10, (8, 8, channels)).repeat(8, 0).repeat(8, 1)
    deep[:8], deep[8:16] = 0, 2**10 - 1
    pixels = read_image(heic(mode, (deep << 6).astype(np.uint16), chroma=444)).pixels
    assert pixels.dtype == "uint16" and pixels.shape == deep.shape
    assert pixels[:8].max() == 0 and pixels[8:16].min() == 65535
    assert np.abs(pixels / 65535 * 1023 - deep).max() <= 2


@pytest.mark.parametrize("size", [(64, 64), (65, 33), (70, 31), (131, 77)])
@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3), ("RGBA", 4)])
def test_heic_of_any_width(mode: str, channels: int, size: tuple[int, int]) -> None:
    samples = values("uint8", size[1] // 8 + 1, size[0] // 8 + 1, channels).repeat(8, 0).repeat(8, 1)
    samples = np.ascontiguousarray(samples[: size[1], : size[0]])
    assert np.abs(read_image(heic(mode, samples, chroma=444)).pixels.astype(int) - samples).max() <= 3


def test_multiplied_alpha_of_heic_is_divided_out() -> None:
    alpha = np.array([255, 128, 64, 0]).repeat(16)[None, :, None].repeat(64, 0)
    colour = np.broadcast_to(np.array([200, 120, 60]), (64, 64, 3))
    multiplied = np.dstack([np.rint(colour * alpha / 255), alpha]).astype(np.uint8)
    pixels = read_image(heic("RGBa", multiplied, chroma=444)).pixels.astype(int)
    assert np.abs(pixels[..., 3:] - alpha).max() <= 1
    assert np.abs(pixels[:, :48, :3] - colour[:, :48]).max() <= 8


def test_formats_with_several_brands(tmp_path: Path) -> None:
    """A still image may call itself by the general name alone, and say further on how it is compressed."""
    still, photo = tmp_path / "x.avif", PillowImage.fromarray(values("uint8", 40, 30, 3))
    photo.save(still)
    for content, form in ((still.read_bytes(), "avif"), (heic("RGB", values("uint8", 40, 30, 3)), "heic")):
        general = content[:8] + b"mif1" + content[12:]
        assert detect(general, "x").name == form and read_image(general).pixels.shape == (40, 30, 3)


@pytest.mark.parametrize("form", ["avif", "heic"])
@pytest.mark.parametrize(("primaries", "transfer", "becomes"), [
    (9, 16, (9, 16)), (2, 18, (1, 18)), (12, 13, (12, 13)), (1, 4, (1, 4)), (1, 13, None), (2, 2, None), (1, 6, None),
])  # fmt: skip
def test_colours_described_by_numbers_alone(
    tmp_path: Path, form: str, primaries: int, transfer: int, becomes: tuple[int, int] | None
) -> None:
    samples = values("uint8", 40, 30, 3)
    if form == "heic":
        content = heic("RGB", samples, color_primaries=primaries, transfer_characteristics=transfer)
    else:
        PillowImage.fromarray(samples).save(tmp_path / "x.avif")
        usual, other = (b"colrnclx" + struct.pack(">HH", *pair) for pair in ((1, 13), (primaries, transfer)))
        content = (tmp_path / "x.avif").read_bytes().replace(usual, other)
    stream = open_image(content)
    assert ("is an HDR photo" in " ".join(stream.notices)) == (transfer in (16, 18))
    assert stream.header.metadata.png_colour == (becomes and png_chunk(b"cICP", bytes([*becomes, 0, 1])))
    assert len(write_image(stream, tmp_path / "x.jpg", by_name("jpeg"))) == (becomes is not None), "it is told"


def test_a_profile_comes_before_colours_described_by_numbers() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    content = heic("RGB", values("uint8", 40, 30, 3), icc_profile=profile, color_primaries=12)
    metadata = open_image(content).header.metadata
    assert metadata.icc == profile and metadata.png_colour is None


def heic(mode: str, samples: np.ndarray, **options: int | bytes) -> bytes:
    height, width = samples.shape[:2]
    file = io.BytesIO()
    pillow_heif.from_bytes(mode, (width, height), samples.tobytes()).save(file, quality=-1, **options)
    return file.getvalue()


NETPBM = [
    (b"P1 3 2\n101\n0 1 0\n", [[0, 255, 0], [255, 0, 255]], "uint8"),
    (b"P2\n# a remark\n3 2 4\n0 1 2\n4 4 3", [[0, 64, 128], [255, 255, 191]], "uint8"),
    (b"P2 2 1 65535 258 65535", [[258, 65535]], "uint16"),
    (b"P3 1 1 1023 0 1023 512", [[[0, 65535, 32800]]], "uint16"),
    (b"P4 10 1\n\xa0\x40", [[0, 255, 0, 255, 255, 255, 255, 255, 255, 0]], "uint8"),
    (b"P5 2 1 255\n\x07\xff", [[7, 255]], "uint8"),
    (b"P5 2 1 # a remark\n65535\n\x01\x02\xff\xff", [[258, 65535]], "uint16"),
    (b"P6 1 1 1023\n\x00\x00\x03\xff\x02\x00", [[[0, 65535, 32800]]], "uint16"),
]


@pytest.mark.parametrize(("content", "expected", "dtype"), NETPBM)
def test_netpbm(content: bytes, expected: list, dtype: str) -> None:
    pixels = read_image(content).pixels
    assert pixels.dtype == dtype
    assert np.array_equal(pixels.squeeze(), np.array(expected).squeeze())
    cut = content.rstrip()[:-1] if content[1:2] in b"456" else content.rstrip().rpartition(b" ")[0]
    with pytest.raises(InputError):
        read_image(cut)


@pytest.mark.parametrize("piece", range(1, 12))
def test_text_of_netpbm_may_stand_on_one_long_line(piece: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imgrestore.codecs.reading.netpbm._PIECE", piece)
    pixels = np.random.default_rng(piece).integers(0, 65536, (5, 4, 3), dtype=np.uint16)
    samples = [str(value) for value in pixels.ravel()]
    path = tmp_path / "x.ppm"
    path.write_text(f"P3 4 5 65535 {' '.join(samples[:30])} # 12 34 comment 56\n{' '.join(samples[30:])}")
    assert np.array_equal(read_image(path).pixels, pixels)
    path.write_text("P1 9 1 1 0110#1\n1010#")
    assert read_image(path).pixels[0, :, 0].tolist() == [0, 255, 0, 0, 255, 0, 255, 0, 255]


OTHERS = [("tga", m) for m in ("L", "RGB", "RGBA")] + [("jp2", m) for m in ("L", "LA", "RGB", "RGBA", "I;16")]


@pytest.mark.parametrize(
    ("extension", "mode"), [*OTHERS, ("bmp", "L"), ("bmp", "RGB"), ("gif", "RGB"), ("ico", "RGBA")]
)
def test_formats_of_pillow(tmp_path: Path, extension: str, mode: str) -> None:
    channels = {"L": (), "LA": (2,), "RGB": (3,), "RGBA": (4,), "I;16": ()}[mode]
    samples = values("uint16" if mode == "I;16" else "uint8", 32, 32, *channels)
    path = tmp_path / f"x.{extension}"
    PillowImage.fromarray(samples).save(path, **({"sizes": [(16, 16), (32, 32)]} if extension == "ico" else {}))
    expected = open_picture(path)
    expected = np.asarray(expected.convert("RGB") if extension == "gif" else expected)
    pixels = read_image(path).pixels
    assert np.array_equal(pixels.squeeze(), expected) and pixels.dtype == samples.dtype


def test_formats_go_by_content_and_tga_by_its_end_or_name(tmp_path: Path) -> None:
    PillowImage.fromarray(values("uint8", 9, 9, 3)).save(tmp_path / "x.tga")
    content = (tmp_path / "x.tga").read_bytes()
    assert detect(content, "standard input").name == "tga"
    (tmp_path / "old.tga").write_bytes(content[: 18 + 9 * 9 * 3])
    assert read_image(tmp_path / "old.tga").pixels.shape == (9, 9, 3)
    with pytest.raises(InputError, match="not an image"):
        detect(content[: 18 + 9 * 9 * 3], "standard input")


@pytest.mark.parametrize(
    "content", [b"<?xml version='1.0'?>\n<svg/>", b"%PDF-1.7", b"%!PS-Adobe-3.0 EPSF-3.0", b"PK\3\4"]
)
def test_documents_are_no_images(content: bytes) -> None:
    with pytest.raises(InputError, match=r"(?m): an? .*, not an image$"):
        open_image(content)


def bombs() -> dict[str, bytes]:
    side = 60000
    bmp = struct.pack("<IHHIIiiHHIIiiII", 100, 0, 0, 54, 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0)
    tga = struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, side, side, 24, 0)
    siz = struct.pack(">HHH8IH", 0xFF51, 47, 0, side, side, 0, 0, side, side, 0, 0, 3) + b"\7\1\1" * 3
    return {
        "png": png(side, side, 8, 2, b"0"),
        "bmp": b"BM" + bmp + bytes(30),
        "ppm": b"P6 60000 60000 255\n" + bytes(30),
        "tga": tga + bytes(100) + bytes(8) + b"TRUEVISION-XFILE.\0",
        "j2k": b"\xff\x4f" + siz + b"\xff\x90\0\x0a" + bytes(30),
    }


@pytest.mark.parametrize("name", bombs())
def test_huge_images_are_refused_by_their_header(name: str) -> None:
    with pytest.raises(InputError, match="60000x60000 is more than 268402689 pixels") as caught:
        open_image(bombs()[name])
    assert "--max-pixels" in caught.value.hint


def test_the_limit_of_pixels_can_be_moved(tmp_path: Path) -> None:
    content = coloured_png(b"")
    with pytest.raises(InputError, match="13x9 is more than 116 pixels"):
        open_image(content, options=ReadOptions(max_pixels=116))
    assert read_image(content, options=ReadOptions(max_pixels=None)).pixels.shape == (9, 13, 3)


@pytest.mark.parametrize("extension", ["jpg", "png", "tif", "bmp", "tga", "ppm", "gif"])
def test_damaged_files_give_what_there_is_if_asked(tmp_path: Path, photo, extension: str) -> None:
    path = tmp_path / f"x.{extension}"
    PillowImage.fromarray(photo(300, 200)).save(path, **({"interlace": 0} if extension == "gif" else {}))
    whole = read_image(path).pixels
    content = path.read_bytes()
    assert open_image(path, options=ReadOptions(allow_damaged=True)).notices == ()
    path.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(InputError):
        read_image(path)
    stream = open_image(path, options=ReadOptions(allow_damaged=True))
    assert "is damaged" in stream.notices[0]
    saved = stream.read().pixels
    part = slice(-90, None) if extension in ("bmp", "tga") else slice(90)
    assert saved.shape[:2] == whole.shape[:2] and np.array_equal(saved[part, :, :3], whole[part])


def test_tiles_missing_from_jpeg_2000_are_damage(tmp_path: Path) -> None:
    PillowImage.fromarray(values("uint8", 64, 64, 3)).save(tmp_path / "x.j2k", tile_size=(32, 32))
    content = bytearray((tmp_path / "x.j2k").read_bytes())
    assert read_image(bytes(content)).pixels.shape == (64, 64, 3)
    content[8:16] = struct.pack(">II", 9000, 9000)
    with pytest.raises(InputError, match="tiles are missing"):
        read_image(bytes(content))


def test_absurd_sizes_are_refused_without_a_word_from_glib(capfd) -> None:
    file = io.BytesIO()
    PillowImage.new("RGB", (48, 40)).save(file, "AVIF")
    content = file.getvalue().replace(struct.pack(">II", 48, 40), struct.pack(">II", 48, 0x0D000028))
    for absurd in (content, png(48, 0x0D000028, 8, 2, b"0")):
        with pytest.raises(InputError):
            read_image(absurd)
    printed = capfd.readouterr()
    assert printed.out == "" and printed.err == ""


def test_cmyk_jpeg_without_the_adobe_marker(tmp_path: Path, photo) -> None:
    inks = np.concatenate([photo(48, 64), np.full((48, 64, 1), 20, np.uint8)], axis=2)
    content = pyvips.Image.new_from_array(inks).copy(interpretation="cmyk").jpegsave_buffer(Q=98)
    place = content.find(b"\xff\xee\x00\x0eAdobe")
    assert place > 0
    bare = content[:place] + content[place + 16 :]
    assert np.array_equal(read_image(bare).pixels, read_image(content).pixels)


def jpeg_of_four(samples: np.ndarray, transform: int | None) -> bytes:
    """Store four channels as they are in a JPEG whose Adobe marker says how they are meant, or that has none."""
    file = io.BytesIO()
    PillowImage.fromarray(255 - samples, "CMYK").save(file, "JPEG", quality=98, subsampling=0)
    content = file.getvalue()
    place = content.index(b"\xff\xee\x00\x0eAdobe")
    marker = b"" if transform is None else content[place : place + 15] + bytes([transform])
    return content[:place] + marker + content[place + 16 :]


@pytest.mark.parametrize("kind", ["cmyk", "ycck", "cmyk without marker"])
def test_jpeg_of_four_inks(photo, kind: str) -> None:
    """Inks are stored inverted, as Adobe began it; browsers, Pillow and libvips take them so without the marker too."""
    inks = np.concatenate([photo(48, 64), photo(48, 64, seed=1)[..., :1] // 3], axis=2)
    if kind == "ycck":
        colour = np.asarray(PillowImage.fromarray(inks[..., :3]).convert("YCbCr"))
        content = jpeg_of_four(np.concatenate([colour, 255 - inks[..., 3:]], axis=2), 2)
    else:
        content = jpeg_of_four(255 - inks, 0 if kind == "cmyk" else None)
    by_pillow = np.asarray(PillowImage.open(io.BytesIO(content)))
    assert np.abs(by_pillow.astype(int) - inks).mean() < 3, "the file holds these inks"
    stream = open_image(content)
    assert "CMYK was converted to sRGB" in stream.notices[0]
    image = pyvips.Image.new_from_array(inks).copy(interpretation="cmyk")
    expected = image.icc_transform("srgb", input_profile="cmyk", intent="relative").numpy()
    assert np.abs(stream.read().pixels.astype(int) - expected).mean() < 3


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_progressive_jpeg(tmp_path: Path, photo, mode: str) -> None:
    PillowImage.fromarray(photo(50, 70)).convert(mode).save(tmp_path / "x.jpg", progressive=True, quality=95)
    expected = np.asarray(open_picture(tmp_path / "x.jpg")).astype(int)
    assert np.abs(read_image(tmp_path / "x.jpg").pixels.squeeze() - expected).max() <= 3


@pytest.mark.parametrize("kind", ["PNG", "AVIF"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_greys_told_by_palette_or_header_stay_grey(tmp_path: Path, kind: str, mode: str) -> None:
    greys = PillowImage.fromarray(values("uint8", 20, 30)).convert(mode)
    path = tmp_path / "greys"
    (greys.convert("P") if kind == "PNG" and mode == "L" else greys).save(path, kind)
    assert open_image(path).header.channels == (1 if mode == "L" else 3)


def test_palette_of_greys_with_a_profile_for_colour_keeps_it(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = tmp_path / "greys.png"
    PillowImage.fromarray(values("uint8", 20, 30)).convert("P").save(path, icc_profile=profile)
    header = open_image(path).header
    assert header.channels == 3
    assert header.metadata.icc == profile


@pytest.mark.parametrize(("side", "said"), [(2**31 - 1, "more than"), (0, "its size is 0x0")])
def test_impossible_sizes_of_png_are_named(side: int, said: str) -> None:
    with pytest.raises(InputError, match=said):
        open_image(png(side, side, 8, 2, b""))


def test_exif_and_xmp_may_stand_behind_the_pixels_of_png() -> None:
    exif = PillowImage.Exif()
    exif[0x0112], exif[0x013B] = 6, "Zoe"
    packet = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
    chunks = png_chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))
    chunks += png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)
    samples = values("uint8", 3, 5)
    plain = png(5, 3, 8, 0, packed(samples, 8))
    stream = open_image(plain[:-12] + chunks + plain[-12:])
    assert np.array_equal(stream.read().pixels.squeeze(), np.rot90(samples, -1))
    assert b"Zoe" in (stream.header.metadata.exif or b"") and stream.header.metadata.xmp == packet


def as_text(kind: bytes, told: bytes, content: bytes) -> bytes:
    """Return a chunk in which ImageMagick would keep a block."""
    digits = content.hex().encode()
    lines = b"\n".join(digits[i : i + 72] for i in range(0, len(digits), 72))
    text = b"\n" + told + b"\n%8d\n" % len(content) + lines + b"\n"
    keyword = b"Raw profile type " + told + b"\0"
    return png_chunk(kind, keyword + (b"\0" + zlib.compress(text) if kind == b"zTXt" else text))


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt"])
@pytest.mark.parametrize("types", [(b"exif", b"xmp", b"icc"), (b"APP1", b"APP1", b"icm")])
def test_blocks_that_png_keeps_as_text(kind: bytes, types: tuple[bytes, ...]) -> None:
    exif = PillowImage.Exif()
    exif[0x0112], exif[0x013B] = 6, "Zoe"
    packet = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    blocks = (exif.tobytes(), b"http://ns.adobe.com/xap/1.0/\0" + packet, profile)
    chunks = b"".join(as_text(kind, told, block) for told, block in zip(types, blocks, strict=True))
    stream = open_image(coloured_png(chunks))
    metadata = stream.header.metadata
    assert stream.read().pixels.shape == (13, 9, 3)
    assert b"Zoe" in (metadata.exif or b"") and metadata.xmp == packet and metadata.icc == profile
    assert metadata.png_text is None


def test_compressed_xmp_may_stand_behind_the_pixels_of_png() -> None:
    chunk = png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0en\0\0" + zlib.compress(b"<x:xmpmeta/>"))
    plain = coloured_png(b"")
    metadata = open_image(plain[:-12] + chunk + plain[-12:]).header.metadata
    assert metadata.xmp == b"<x:xmpmeta/>" and metadata.png_text is None


@pytest.mark.parametrize("chunk", [
    as_text(b"zTXt", b"iptc", b"8BIM"),
    as_text(b"tEXt", b"icc", b"not a profile"),
    png_chunk(b"tEXt", b"Raw profile type exif\0no digits"),
], ids=["another kind", "no profile", "no digits"])  # fmt: skip
def test_texts_of_png_that_hold_no_block_stay_texts(chunk: bytes) -> None:
    metadata = open_image(coloured_png(chunk)).header.metadata
    assert metadata == Metadata(png_text=chunk)


LONG = zlib.compress(bytes(2**20 + 1))
MALFORMED = {
    "gAMA": [b"", bytes(4), bytes(3), b"\xff" * 4, bytes(5)],
    "cHRM": [b"", bytes(32), WIDE[8:-5], WIDE[8:-4] + b"\0", WIDE[8:-8] + b"\xff\xff\xff\xff"],
    "sRGB": [b"", b"\4", b"\0\0"],
    "cICP": [b"", bytes([9, 16, 0]), bytes([9, 16, 1, 1]), bytes([9, 16, 0, 2])],
    "mDCV": [b"", bytes(23), b"\xff" * 24],
    "cLLI": [b"", bytes(7), b"\xff" * 8],
    "eXIf": [b"", b"II", b"Exif\0\0II*\0", b"nothing of the kind"],
    "tEXt": [
        b"", b"no end", b"\0no keyword", b"k" * 80 + b"\0x", b" k\0x", b"a  b\0x", b"a\nb\0x", b"k\0x\0y",
        b"k\0" + bytes(8_000_000),
    ],
    "zTXt": [
        b"", b"k\0", b"k\0\1" + zlib.compress(b"x"), b"k\0\0no deflate", b"k\0\0" + zlib.compress(b"x" * 99)[:-5],
        b"k\0\0" + LONG,
    ],
    "iTXt": [
        b"", b"k\0\0\0en\0x", b"k\0\2\0\0\0x", b"k\0\1\1\0\0" + zlib.compress(b"x"), b"k\0\0\0\0\0\xff",
        b"k\0\1\0\0\0" + LONG, b"XML:com.adobe.xmp\0\1\0\0\0no deflate",
    ],
}  # fmt: skip
"""Contents of chunks that readers refuse, or make nothing of."""


@pytest.mark.parametrize("kind", MALFORMED)
def test_chunks_of_png_that_are_malformed_or_too_large_are_not_carried_along(tmp_path: Path, kind: str) -> None:
    sound = png_chunk(b"tEXt", b"Title\0sound")
    for content in MALFORMED[kind]:
        stream = open_image(coloured_png(png_chunk(kind.encode(), content) + sound))
        assert stream.header.metadata == Metadata(png_text=sound)
        (notice,) = stream.notices
        assert notice.endswith(f"are left out ({kind})")
        write_image(stream, tmp_path / "x.png", by_name("png"))
        with PillowImage.open(tmp_path / "x.png") as opened:
            opened.load()
            assert opened.text == {"Title": "sound"}
        assert open_image(tmp_path / "x.png").notices == ()


def test_of_two_chunks_of_png_that_may_stand_once_the_first_is_carried() -> None:
    stream = open_image(coloured_png(GAMMA + png_chunk(b"gAMA", struct.pack(">I", 50000))))
    assert stream.header.metadata.png_colour == GAMMA and "left out (gAMA)" in stream.notices[0]


def test_texts_of_png_are_carried_as_far_as_readers_take_them(tmp_path: Path) -> None:
    texts = [
        png_chunk(b"zTXt", b"k%d\0\0" % number + zlib.compress(bytes([65 + number]) * 2**20)) for number in range(20)
    ]
    stream = open_image(coloured_png(b"".join(texts)))
    assert stream.header.metadata.png_text == b"".join(texts[:16])
    assert "left out (zTXt)" in stream.notices[0]
    write_image(stream, tmp_path / "x.png", by_name("png"))
    assert len(open_picture(tmp_path / "x.png").text) == 16


def test_blocks_that_are_larger_than_readers_of_png_take_are_left_out(tmp_path: Path) -> None:
    packet = b"<x:xmpmeta>" + b" " * 8_000_000 + b"</x:xmpmeta>"
    exif = b"II*\0\x08\0\0\0" + bytes(8_000_000)
    image = Image(values("uint8", 3, 5, 3), Metadata(xmp=packet, exif=exif))
    lost = write_image(image.stream(), tmp_path / "x.png", by_name("png"))
    assert [line.split()[0] for line in lost] == ["XMP", "EXIF"] and all("left out" in line for line in lost)
    assert pyvips.Image.new_from_file(str(tmp_path / "x.png"), fail_on="warning").avg() > 0
    assert read_image(tmp_path / "x.png").metadata == Metadata()
