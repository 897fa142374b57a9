"""TIFF files of every kind, made by tifffile, Pillow, libvips and by hand, against the samples that went in."""

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import pyvips
import tifffile
from PIL import Image as PillowImage
from PIL import ImageCms

from conftest import invoke, open_picture
from imgrestore.codecs import ReadOptions, open_image, read_image
from imgrestore.errors import InputError


def shades(dtype: str, channels: int, height: int = 70, width: int = 90) -> np.ndarray:
    random = np.random.default_rng(0).random((height, width, channels)).squeeze()
    return random.astype(dtype) if dtype.startswith("float") else (random * np.iinfo(dtype).max).astype(dtype)


def tiff(entries: dict[int, Sequence[int]], pixels: bytes, order: str = "<") -> bytes:
    """Write one strip by hand: entries of 16 bits, whose values are given, and those of the strip."""
    fields = {**entries, 273: [8], 278: [entries[257][0]], 279: [len(pixels)]}
    start = 8 + len(pixels) + len(pixels) % 2
    behind = start + 2 + 12 * len(fields) + 4
    table, values = struct.pack(f"{order}H", len(fields)), b""
    for tag, numbers in sorted(fields.items()):
        kind, letter = (4, "I") if tag in (273, 279) else (3, "H")
        value = struct.pack(f"{order}{len(numbers)}{letter}", *numbers)
        if len(value) > 4:
            value, values = struct.pack(f"{order}I", behind + len(values)), values + value
        table += struct.pack(f"{order}HHI", tag, kind, len(numbers)) + value.ljust(4, b"\0")
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, start)
    return head + pixels + bytes(len(pixels) % 2) + table + bytes(4) + values


def plain(width: int, height: int, bits: Sequence[int], photometric: int, **more: Sequence[int]) -> dict:
    base = {256: [width], 257: [height], 258: bits, 259: [1], 262: [photometric], 277: [len(bits)]}
    return base | {int(tag.removeprefix("tag")): values for tag, values in more.items()}


LAYOUTS = [{}, {"tile": (32, 48)}, {"rowsperstrip": 16}, {"bigtiff": True}, {"byteorder": ">"}, {"compression": "zlib"}]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "float16", "float32", "float64"])
def test_planes(tmp_path: Path, dtype: str, layout: dict) -> None:
    pixels = shades(dtype, 3)
    planes = np.ascontiguousarray(np.moveaxis(pixels, 2, 0))
    tifffile.imwrite(tmp_path / "x.tif", planes, photometric="rgb", planarconfig="separate", **layout)
    expected = {"uint32": lambda p: p >> 16}.get(dtype, lambda p: p)(pixels)
    found = read_image(tmp_path / "x.tif").pixels
    assert np.array_equal(found, expected.astype({"u": found.dtype, "f": np.float32}[pixels.dtype.kind]))
    assert found.dtype == {"uint8": "uint8", "uint16": "uint16", "uint32": "uint16"}.get(dtype, "float32")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_floats_of_64_bits_become_32_with_a_notice(tmp_path: Path, channels: int, order: str) -> None:
    pixels = shades("float64", channels)
    kind = {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    photometric = "minisblack" if channels == 1 else "rgb"
    tifffile.imwrite(tmp_path / "x.tif", pixels, photometric=photometric, byteorder=order, tile=(32, 32), **kind)
    stream = open_image(tmp_path / "x.tif")
    assert "64 bits were cut to 32" in stream.notices[0]
    assert np.array_equal(stream.read().pixels.squeeze(), pixels.astype(np.float32))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "float16", "float32", "float64"])
def test_white_may_be_zero(tmp_path: Path, dtype: str) -> None:
    pixels = shades(dtype, 1)
    tifffile.imwrite(tmp_path / "x.tif", pixels, photometric="miniswhite")
    peak = 1 if dtype.startswith("float") else np.iinfo(dtype).max
    expected = peak - (pixels.astype(np.float32) if peak == 1 else pixels)
    expected = expected >> 16 if dtype == "uint32" else expected
    assert read_image(tmp_path / "x.tif").pixels[..., 0] == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("white", [0, 1])
@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_bits(bits: int, white: int) -> None:
    numbers = np.random.default_rng(0).integers(0, 2**bits, (5, 16))
    rows = b"".join(int("".join(f"{n:0{bits}b}" for n in row), 2).to_bytes(2 * bits, "big") for row in numbers)
    pixels = read_image(tiff(plain(16, 5, [bits], white), rows)).pixels[..., 0]
    peak = 2**bits - 1
    assert np.array_equal(pixels, (numbers if white else peak - numbers) * 255 // peak)
    reversed_bits = bytes(int(f"{byte:08b}"[::-1], 2) for byte in rows)
    assert np.array_equal(
        read_image(tiff(plain(16, 5, [bits], white, tag266=[2]), reversed_bits)).pixels[..., 0], pixels
    )


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palettes(bits: int) -> None:
    numbers = np.random.default_rng(0).integers(0, 2**bits, (5, 16))
    rows = b"".join(int("".join(f"{n:0{bits}b}" for n in row), 2).to_bytes(2 * bits, "big") for row in numbers)
    table = np.random.default_rng(1).integers(0, 256, (3, 2**bits)) * 257
    content = tiff(plain(16, 5, [bits], 3, tag320=table.ravel().tolist()), rows)
    assert np.array_equal(read_image(content).pixels, (table.T // 257)[numbers])


def lab_picture(photo) -> tuple[np.ndarray, PillowImage.Image]:
    """Return a photo and the same in CIE Lab, by LittleCMS."""
    rgb = photo(40, 50) // 2 + 64
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB", 5000)
    transform = ImageCms.buildTransform(srgb, lab, "RGB", "LAB", ImageCms.Intent.RELATIVE_COLORIMETRIC)
    return rgb, ImageCms.applyTransform(PillowImage.fromarray(rgb), transform)


@pytest.mark.parametrize("kind", ["cielab", "icclab", "cielab-16", "icclab-16", "planes", "float"])
def test_lab_becomes_srgb(tmp_path: Path, photo, kind: str) -> None:
    rgb, picture = lab_picture(photo)
    lightness, *chroma = (np.asarray(band).astype(int) for band in picture.split())
    chroma = [band - 128 for band in chroma]
    path = tmp_path / "x.tif"
    if kind == "float":
        stored = np.stack([lightness / 2.55, *chroma], axis=2).astype(np.float32)
    elif kind == "icclab-16":
        stored = np.stack([lightness * 256, *((band + 128) * 256 for band in chroma)], axis=2).astype(np.uint16)
    elif kind == "cielab-16":
        stored = np.stack([lightness * 257, *(band * 256 for band in chroma)], axis=2).astype(np.uint16)
    else:
        shift = 128 if kind == "icclab" else 0
        stored = np.stack([lightness, *(band + shift for band in chroma)], axis=2).astype(np.uint8)
    if kind == "planes":
        planes = np.ascontiguousarray(np.moveaxis(stored, 2, 0))
        tifffile.imwrite(path, planes, photometric="cielab", planarconfig="separate")
    else:
        tifffile.imwrite(path, stored, photometric="icclab" if "icc" in kind else "cielab")
    stream = open_image(path)
    assert "Lab was converted to sRGB" in stream.notices[0]
    image = stream.read()
    deep = kind.endswith("16") or kind == "float"
    assert image.pixels.dtype == ("uint16" if deep else "uint8")
    difference = np.abs(image.pixels / image.header.peak * 255 - rgb)
    assert difference.mean() < 1.5 and np.percentile(difference, 99) < 7


def test_ycbcr(tmp_path: Path, photo) -> None:
    picture = PillowImage.fromarray(photo(40, 50))
    stored = picture.convert("YCbCr")
    stored.save(tmp_path / "x.tif")
    expected = np.asarray(stored.convert("RGB")).astype(int)
    assert np.abs(read_image(tmp_path / "x.tif").pixels - expected).max() <= 1
    picture.save(tmp_path / "y.tif", compression="jpeg", quality=95)
    expected = np.asarray(open_picture(tmp_path / "y.tif").convert("RGB")).astype(int)
    assert np.abs(read_image(tmp_path / "y.tif").pixels - expected).max() <= 3
    halved = plain(2, 2, [8] * 3, 6, tag530=[2, 2])
    with pytest.raises(InputError, match="lower resolution"):
        open_image(tiff(halved, bytes(6)))


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_cmyk(tmp_path: Path, planar: str, dtype: str) -> None:
    inks = shades(dtype, 4)
    stored = inks if planar == "contig" else np.ascontiguousarray(np.moveaxis(inks, 2, 0))
    tifffile.imwrite(tmp_path / "x.tif", stored, photometric="separated", planarconfig=planar)
    stream = open_image(tmp_path / "x.tif")
    assert "CMYK was converted to sRGB" in stream.notices[0]
    same = pyvips.Image.new_from_array(inks).copy(interpretation="cmyk")
    expected = same.icc_transform("srgb", input_profile="cmyk", intent="relative", depth=8 * inks.itemsize).numpy()
    assert np.array_equal(stream.read().pixels, expected)


@pytest.mark.parametrize("compression", ["group3", "group4", "tiff_ccitt"])
def test_fax(tmp_path: Path, photo, compression: str) -> None:
    picture = PillowImage.fromarray(photo(40, 50)).convert("1")
    picture.save(tmp_path / "x.tif", compression=compression)
    assert np.array_equal(read_image(tmp_path / "x.tif").pixels[..., 0], np.asarray(picture) * np.uint8(255))


@pytest.mark.parametrize("predictor", ["horizontal", "float"])
@pytest.mark.parametrize("compression", ["lzw", "deflate"])
@pytest.mark.parametrize("tile", [False, True])
def test_predictors(tmp_path: Path, compression: str, predictor: str, tile: bool) -> None:
    for dtype in ("float32",) if predictor == "float" else ("uint8", "uint16"):
        pixels = shades(dtype, 3)
        source = pyvips.Image.new_from_array(pixels)
        source.tiffsave(str(tmp_path / "x.tif"), compression=compression, predictor=predictor, tile=tile)
        assert np.array_equal(read_image(tmp_path / "x.tif").pixels, pixels)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_planes_multiplied_by_alpha(tmp_path: Path, dtype: str) -> None:
    peak = 1 if dtype == "float32" else 255
    pixels = shades(dtype, 4).astype(np.float64)
    pixels[..., 3] = np.maximum(pixels[..., 3], peak / 2)
    stored = pixels.copy()
    stored[..., :3] *= stored[..., 3:] / peak
    planes = np.ascontiguousarray(np.moveaxis(stored, 2, 0)).astype(dtype)
    options = {"photometric": "rgb", "planarconfig": "separate", "extrasamples": ["assocalpha"]}
    tifffile.imwrite(tmp_path / "x.tif", planes, **options)
    assert np.abs(read_image(tmp_path / "x.tif").pixels - pixels).max() <= (1e-5 if peak == 1 else 3)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("channels", [2, 4])
def test_an_extra_channel_is_no_transparency(tmp_path: Path, photo, channels: int, planar: str) -> None:
    pixels = np.dstack([photo(40, 50)[..., : channels - 1], np.where(np.arange(50) < 25, 0, 200) + np.zeros((40, 1))])
    stored = np.moveaxis(pixels, 2, 0) if planar == "separate" else pixels
    kind = {"photometric": "minisblack" if channels == 2 else "rgb", "planarconfig": planar}
    tifffile.imwrite(tmp_path / "x.tif", stored.astype(np.uint8), extrasamples=["unspecified"], **kind)
    restored = ["restore", tmp_path / "x.tif", "--model", "bicubic", "--scale", "1"]
    _, _, said = invoke(*restored, "--strip-metadata", "--background", "white", "-o", tmp_path / "y.tif")
    assert "not as transparency" in said
    with tifffile.TiffFile(tmp_path / "y.tif") as file:
        assert file.pages[0].extrasamples == (0,)
        assert np.array_equal(file.asarray(), pixels)
    code, _, said = invoke(*restored, "-o", tmp_path / "y.png")
    assert code == 1 and "cannot hold its extra channel" in said


@pytest.mark.parametrize("first", [False, True])
def test_smaller_versions_are_no_pages(tmp_path: Path, first: bool) -> None:
    pixels = shades("uint8", 3)
    pictures = [(pixels, 0), (pixels[::4, ::4].copy(), 1), (pixels[::8, ::8].copy(), 1)]
    with tifffile.TiffWriter(tmp_path / "x.tif") as file:
        for picture, subfile in reversed(pictures) if first else pictures:
            file.write(picture, photometric="rgb", subfiletype=subfile)
    assert np.array_equal(read_image(tmp_path / "x.tif").pixels, pixels)
    with tifffile.TiffWriter(tmp_path / "y.tif") as file:
        file.write(pixels, photometric="rgb", subifds=1)
        file.write(pixels[::4, ::4].copy(), photometric="rgb", subfiletype=1)
    assert np.array_equal(read_image(tmp_path / "y.tif").pixels, pixels)
    with tifffile.TiffWriter(tmp_path / "z.tif") as file:
        file.write(pixels[::4, ::4].copy(), photometric="rgb", subfiletype=1, subifds=1)
        file.write(pixels, photometric="rgb")
    with pytest.raises(InputError, match="hold a preview alone"):
        open_image(tmp_path / "z.tif")


UNSUPPORTED = {
    "LERC": plain(2, 2, [8], 1) | {259: [34887]},
    "ZSTD": plain(2, 2, [8], 1) | {259: [50000]},
    "method 12345": plain(2, 2, [8], 1) | {259: [12345]},
    "signed samples": plain(2, 2, [8], 1, tag339=[2]),
    "samples of kind 6": plain(2, 2, [8], 1, tag339=[6]),
    "12 bits a sample": plain(2, 2, [12], 1),
    "channels of different kinds": plain(2, 2, [8, 8, 4], 2),
    "photometric interpretation 32844": plain(2, 2, [8], 32844),
    "raw from a camera": plain(2, 2, [8], 32803),
    "5 channels": plain(2, 2, [8] * 5, 2, tag338=[2, 0]),
    "CMYK with 32 bits": plain(2, 2, [32] * 4, 5),
    "YCbCr with 16 bits": plain(2, 2, [16] * 3, 6, tag530=[1, 1]),
}


@pytest.mark.parametrize("what", UNSUPPORTED)
def test_what_is_not_read_is_named_and_not_called_damaged(what: str) -> None:
    with pytest.raises(InputError, match=what) as caught:
        open_image(tiff(UNSUPPORTED[what], bytes(100)))
    assert "damaged" not in caught.value.hint and "convert it" in caught.value.hint


LYING = {
    "cannot be in so few bytes": plain(60000, 4, [8], 1),
    "points outside": plain(2, 2, [8], 1),
    "would take": plain(60000, 60000, [8], 1) | {259: [4]},
}


@pytest.mark.parametrize("what", LYING)
@pytest.mark.parametrize("order", ["<", ">"])
def test_directories_that_cannot_be_true(what: str, order: str) -> None:
    content = tiff(LYING[what], bytes(100), order)
    if what == "points outside":
        content = content.replace(
            struct.pack(f"{order}HHII", 279, 4, 1, 100), struct.pack(f"{order}HHII", 279, 4, 1, 999)
        )
    with pytest.raises(InputError, match=what) as caught:
        open_image(content, options=ReadOptions(max_pixels=None))
    assert "may be damaged" in caught.value.hint


def test_many_directories_are_counted_in_no_time() -> None:
    content = bytearray(tiff(plain(4, 4, [8], 1), bytes(16)))
    first, size = struct.unpack_from("<I", content, 4)[0], 2 + 12 * 4000 + 4
    struct.pack_into("<I", content, first + 2 + 12 * struct.unpack_from("<H", content, first)[0], len(content))
    start = len(content)
    content += bytes(size + 8 * 3000)
    for place in range(start, start + 8 * 3000, 8):
        struct.pack_into("<H", content, place, 0)
        struct.pack_into("<I", content, place + 2, place + 8)
    with pytest.raises(InputError, match=r"holds 300. pages|not a readable tiff"):
        open_image(bytes(content))


def test_pages_that_lead_in_circles_end() -> None:
    content = bytearray(tiff(plain(4, 4, [8], 1), bytes(16)))
    start = struct.unpack_from("<I", content, 4)[0]
    entries = struct.unpack_from("<H", content, start)[0]
    struct.pack_into("<I", content, start + 2 + 12 * entries, start)
    with pytest.raises(InputError, match="not a readable tiff"):
        read_image(bytes(content))


@pytest.mark.parametrize("order", ["<", ">"])
def test_directories_out_of_order_are_put_right(order: str) -> None:
    pixels = shades("uint8", 1, 7, 10)
    sound = tiff(plain(10, 7, [8], 1), pixels.tobytes(), order)
    start, size = 8 + pixels.size, 12 * 9
    entries = [sound[start + 2 + at : start + 14 + at] for at in range(0, size, 12)]
    empty = struct.pack(f"{order}HHII", 700, 1, 0, 0)
    again = struct.pack(f"{order}HHII", 256, 4, 1, 99)
    for changed in (entries[::-1], [*entries, empty], [entries[0], again, *entries[1:]]):
        content = sound[:start] + struct.pack(f"{order}H", len(changed)) + b"".join(changed) + bytes(4)
        assert np.array_equal(read_image(content).pixels.squeeze(), pixels)


def test_what_is_lost_of_a_geotiff_is_said(tmp_path: Path) -> None:
    place = [(33550, 12, 3, (1.0, 1.0, 0.0), True)]
    tifffile.imwrite(tmp_path / "x.tif", shades("uint8", 3), extratags=place)
    assert "GeoTIFF" in open_image(tmp_path / "x.tif").notices[0]
