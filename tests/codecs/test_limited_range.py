"""Samples of the limited range of video, black 16 and white 235 of 8 bits, come out from 0 to 255."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import Image as PillowImage

from imgrestore.codecs import open_image, read_image
from imgrestore.codecs.metadata.png import png_chunk

pillow_heif.register_heif_opener()

RAMP = np.linspace(0, 255, 64).astype(np.uint8)[None].repeat(64, axis=0)
CLOSE = 4
"""Levels: each of the limited range is one and a bit, and three planes are rounded."""


def picture(mode: str) -> PillowImage.Image:
    made = PillowImage.fromarray(RAMP).convert(mode)
    if mode.endswith("A"):
        made.putalpha(PillowImage.fromarray(np.ascontiguousarray(RAMP.T)))
    return made


def saved(made: PillowImage.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    made.save(file, kind, **options)
    return file.getvalue()


def off(pixels: np.ndarray) -> int:
    """Return the largest distance of colours from the ramp, in levels of 8 bits."""
    colours = pixels[..., : pixels.shape[2] - 1 + pixels.shape[2] % 2]
    levels = colours / 257 if pixels.dtype == np.uint16 else colours.astype(float)
    return int(np.abs(levels - RAMP[..., None]).max())


@pytest.mark.parametrize("mode", ["L", "RGB", "LA", "RGBA"])
@pytest.mark.parametrize("subsampling", ["4:0:0", "4:2:0", "4:4:4"])
@pytest.mark.parametrize("reach", ["limited", "full"])
def test_avif(mode: str, subsampling: str, reach: str) -> None:
    pixels = read_image(saved(picture(mode), "AVIF", quality=100, range=reach, subsampling=subsampling)).pixels
    assert pixels.shape[2] == (1 if subsampling == "4:0:0" else 3) + mode.endswith("A")
    assert off(pixels) <= CLOSE
    if mode.endswith("A"):
        assert np.abs(pixels[..., -1].astype(int) - RAMP.T).max() <= 1, "transparency has the full range always"


def test_avif_with_a_profile() -> None:
    icc = b"\0" * 16 + b"GRAY" + bytes(108)
    content = saved(picture("L"), "AVIF", quality=100, range="limited", subsampling="4:0:0", icc_profile=icc)
    assert off(read_image(content).pixels) <= CLOSE


@pytest.mark.parametrize("flag", [0, 1])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_heic(mode: str, flag: int) -> None:
    grey = PillowImage.fromarray(np.rint(16 + RAMP * (219 / 255)).astype(np.uint8))
    made = grey if mode == "L" and flag == 0 else picture(mode)  # pillow-heif leaves grey as it is
    assert off(read_image(saved(made, "HEIF", quality=-1, full_range_flag=flag)).pixels) <= CLOSE


def test_heic_of_ten_bits() -> None:
    limited = np.rint(64 + RAMP * (876 / 255)).astype(np.uint16) << 6
    file = io.BytesIO()
    pillow_heif.from_bytes("L;16", limited.shape[::-1], limited.tobytes()).save(file, quality=-1, full_range_flag=0)
    pixels = read_image(file.getvalue()).pixels
    assert pixels.dtype == np.uint16 and (pixels.min(), pixels.max()) == (0, 65535) and off(pixels) <= 1


def test_heic_that_says_limited_of_grey_in_the_full_range_is_left_as_it_is() -> None:
    assert off(read_image(saved(picture("L"), "HEIF", quality=-1, full_range_flag=0)).pixels) <= 1


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize(("kind", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)], ids=["grey", "RGB", "LA", "RGBA"])
def test_png(kind: int, channels: int, depth: int) -> None:
    unit = 2 ** (depth - 8)
    limited = np.rint(16 * unit + RAMP / 255 * 219 * unit)
    samples = np.repeat(limited[..., None], channels, axis=2)
    if channels in (2, 4):
        samples[..., -1] = 200 * unit
    rows = b"".join(b"\0" + row.astype(f">u{depth // 8}").tobytes() for row in samples)
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, depth, kind, 0, 0, 0))
    told = png_chunk(b"cICP", bytes([9, 16, 0, 0]))
    content = b"\x89PNG\r\n\x1a\n" + head + told + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
    stream = open_image(content)
    pixels = stream.read().pixels
    assert off(pixels) <= 1 and pixels.shape[2] == channels
    assert channels % 2 or (pixels[..., -1] == 200 * unit).all()
    assert stream.header.metadata.png_colour == png_chunk(b"cICP", bytes([9, 16, 0, 1])), "true of what it is now"


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "TIFF", "JPEG2000", "GIF"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_formats_that_have_no_limited_range(kind: str, mode: str) -> None:
    options = {"quality": 100} if kind in ("JPEG", "WEBP") else {}
    assert off(read_image(saved(picture(mode), kind, **options)).pixels) <= CLOSE


BLACK_AND_WHITE = {
    "limited": ((16, 235, 128, 240, 128, 240), True),
    "full": ((0, 255, 128, 255, 128, 255), False),
    "upside down": ((235, 16, 128, 240, 128, 240), False),
}


@pytest.mark.parametrize("told", [*BLACK_AND_WHITE, "nothing"])
def test_ycbcr_of_tiff(tmp_path: Path, told: str) -> None:
    numbers, limited = BLACK_AND_WHITE.get(told, ((), False))
    colours = np.stack([RAMP, RAMP.T, RAMP[:, ::-1]], axis=-1)
    full = np.asarray(PillowImage.fromarray(colours).convert("YCbCr")).astype(float)
    stored = np.rint((full - [0, 128, 128]) * [219 / 255, 112 / 127, 112 / 127] + [16, 128, 128] if limited else full)
    fractions = [part for number in numbers for part in (number, 1)]
    tags = [(532, 5, 6, fractions, True)] if fractions else []
    samples = stored.clip(0, 255).astype(np.uint8)
    tifffile.imwrite(tmp_path / "x.tif", samples, photometric="ycbcr", extratags=tags)
    pixels = read_image(tmp_path / "x.tif").pixels
    assert np.abs(pixels.astype(int) - colours).max() <= CLOSE
