"""Makers of image files of every kind, for the tests of the fidelity contract.

A maker writes one file and returns the upright samples (H, W, C) that a reader should find in it, in the type that the
file keeps. The libraries named are those that write; what they cannot write is put together here from the standard.
"""

import io
import struct
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pillow_heif
import pyvips
import tifffile
from PIL import Image as PillowImage

from imgrestore.codecs.metadata.png import png_chunk

pillow_heif.register_heif_opener()

Samples = np.ndarray
Maker = Callable[[Path], Samples]

HEIGHT, WIDTH = 30, 40


def picture(dtype: str = "uint8", channels: int = 3, height: int = HEIGHT, width: int = WIDTH) -> Samples:
    """Return smooth shades with an edge, never black or white; alpha has opaque, faint and empty parts."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = [0.5 + 0.25 * np.sin(0.21 * x + 0.13 * y + k) + 0.04 * np.cos(0.5 * y - k) for k in range(3)]
    colour = np.stack(planes[: 1 if channels <= 2 else 3], axis=2)
    colour[np.hypot(y - 0.6 * height, x - 0.3 * width) < height / 5] *= 0.7
    if channels in (2, 4):
        colour = np.dstack([colour, np.clip(1.25 - x / (0.6 * width), 0, 1)])
    return colour.astype(np.float32) if dtype == "float32" else np.rint(colour * np.iinfo(dtype).max).astype(dtype)


@cache
def display_p3() -> bytes:
    """Return the wide-gamut profile that libvips brings along."""
    converted = pyvips.Image.black(1, 1, bands=3).copy(interpretation="srgb").icc_transform("p3")
    return bytes(converted.get("icc-profile-data"))


def _mode(samples: Samples) -> PillowImage.Image:
    return PillowImage.fromarray(samples[..., 0] if samples.shape[2] == 1 else samples)


def decoded(path: Path, mode: str | None = None) -> Samples:
    """Return what Pillow reads from an 8-bit file, (H, W, C)."""
    opened = PillowImage.open(io.BytesIO(path.read_bytes()))
    samples = np.asarray(opened.convert(mode) if mode else opened)
    return samples[..., None] if samples.ndim == 2 else samples


def pillow(channels: int = 3, mode: str | None = None, **options: Any) -> Maker:
    """Write 8-bit samples with Pillow; ``mode``: what it holds if that is not how it was given."""

    def make(path: Path) -> Samples:
        samples = picture("uint8", channels)
        _mode(samples).save(path, **options)
        lossless = (
            mode is None and path.suffix not in (".jpg", ".mpo", ".avif", ".heic") and options.get("lossless", True)
        )
        return samples if lossless else decoded(path, mode)

    return make


def palette(colours: int, transparent: int | None = None, **options: Any) -> Maker:
    """Write a palette with Pillow, one of its colours transparent if asked."""

    def make(path: Path) -> Samples:
        made = PillowImage.fromarray(picture()).quantize(colours)
        made.save(path, **options, **({} if transparent is None else {"transparency": transparent}))
        if transparent is None:
            return decoded(path, "RGB")
        return np.dstack([np.asarray(made.convert("RGB")), np.where(np.asarray(made) == transparent, 0, 255)]).astype(
            np.uint8
        )

    return make


def bilevel(**options: Any) -> Maker:
    """Write black and white with Pillow."""

    def make(path: Path) -> Samples:
        black_and_white = picture("uint8", 1) > 120
        PillowImage.fromarray(black_and_white[..., 0]).save(path, **options)
        return black_and_white * np.uint8(255)

    return make


def opencv(dtype: str, channels: int, **_: Any) -> Maker:
    """Write deep samples with OpenCV."""

    def make(path: Path) -> Samples:
        samples = picture(dtype, channels)
        order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]
        assert cv2.imwrite(str(path), samples[..., order])
        return samples

    return make


def png(depth: int, kind: int, chunks: bytes = b"", *, interlaced: bool = False, behind: bytes = b"") -> Maker:
    """Put a PNG together: every depth and colour type of the standard, with any chunks, also in Adam7 order."""
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[kind]
    peak = 2**depth - 1

    def make(path: Path) -> Samples:
        values = np.rint(picture("float32", channels) * peak).astype(np.uint16)
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
        parts = [values[a::c, b::d] for a, b, c, d in passes] if interlaced else [values]
        rows = b"".join(b"\0" + _packed(row, depth) for part in parts for row in part)
        head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, depth, kind, 0, 0, interlaced))
        body = chunks + png_chunk(b"IDAT", zlib.compress(rows)) + behind + png_chunk(b"IEND", b"")
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + body)
        return values if depth == 16 else (values * 255 // peak).astype(np.uint8)

    return make


def _packed(row: Samples, depth: int) -> bytes:
    if depth >= 8:
        return row.astype(f">u{depth // 8}").tobytes()
    bits = np.unpackbits(row.astype(np.uint8).reshape(-1, 1), axis=1)[:, 8 - depth :]
    return np.packbits(bits.reshape(-1)).tobytes()


def keyed_png(depth: int) -> Maker:
    """Put an RGB PNG together whose tRNS chunk makes one colour transparent."""

    def make(path: Path) -> Samples:
        samples = png(depth, 2)(path)
        key = samples[3, 4]
        png(depth, 2, png_chunk(b"tRNS", struct.pack(">HHH", *(int(v) for v in key))))(path)
        alpha = np.where((samples == key).all(axis=2), 0, np.iinfo(samples.dtype).max)
        return np.dstack([samples, alpha]).astype(samples.dtype)

    return make


def tiff(dtype: str = "uint8", channels: int = 3, *, planar: bool = False, **options: Any) -> Maker:
    """Write a TIFF with tifffile."""

    def make(path: Path) -> Samples:
        samples = picture("float32" if dtype == "float16" else dtype, channels).astype(dtype)
        stored = np.ascontiguousarray(np.moveaxis(samples, 2, 0)) if planar else samples
        stored = stored[..., 0] if channels == 1 else stored
        extra = {"extrasamples": ["unassalpha"]} if channels in (2, 4) else {}
        kind = "minisblack" if channels <= 2 else "rgb"
        layout = {"planarconfig": "separate" if planar else "contig"} if channels > 1 else {}
        tifffile.imwrite(path, stored, **{"photometric": kind, "metadata": None, **layout, **extra, **options})
        return samples.astype(np.float32) if dtype == "float16" else samples

    return make


def associated_tiff(dtype: str, channels: int = 4) -> Maker:
    """Write a TIFF with tifffile whose colours are multiplied by alpha."""

    def make(path: Path) -> Samples:
        samples = picture(dtype, channels)
        peak = 1 if dtype == "float32" else np.iinfo(dtype).max
        multiplied = samples[..., :-1] * (samples[..., -1:] / peak)
        stored = np.dstack([multiplied if peak == 1 else np.rint(multiplied), samples[..., -1]]).astype(dtype)
        kind = "minisblack" if channels == 2 else "rgb"
        options = {"photometric": kind, "planarconfig": "contig", "extrasamples": ["assocalpha"], "metadata": None}
        tifffile.imwrite(path, stored, **options)
        return samples

    return make


def white_is_zero_tiff(dtype: str) -> Maker:
    """Write a TIFF with tifffile that counts darkness."""

    def make(path: Path) -> Samples:
        samples = picture(dtype, 1)
        tifffile.imwrite(path, np.iinfo(dtype).max - samples[..., 0], photometric="miniswhite", metadata=None)
        return samples

    return make


def wide_integer_tiff(path: Path) -> Samples:
    """Write a TIFF of 32-bit integers with tifffile."""
    samples = picture("uint16")
    tifffile.imwrite(path, samples.astype(np.uint32) << 16, photometric="rgb", metadata=None)
    return samples


def libvips(dtype: str = "uint8", channels: int = 3, **options: Any) -> Maker:
    """Write with libvips, whose TIFF compressions tifffile lacks."""

    def make(path: Path) -> Samples:
        samples = picture(dtype, channels)
        pyvips.Image.new_from_array(samples).write_to_file(str(path), **options)
        lossy = path.suffix == ".jpg" or options.get("compression") == "jpeg"
        return decoded(path, "RGB" if path.suffix == ".tif" else None) if lossy else samples

    return make


def bmp(bits: int, *, masks: tuple[int, ...] = (), top_down: bool = False, header: int = 40) -> Maker:
    """Put a BMP together: of 32 bits with and without alpha, of 16 bits, upside down."""

    def make(path: Path) -> Samples:
        samples = picture("uint8", 4 if len(masks) == 4 else 3)
        if bits == 16:
            red, green, blue = (samples[..., k].astype(np.uint16) for k in range(3))
            stored = ((red >> 3) << 11 | (green >> 2) << 5 | blue >> 3).astype("<u2")[..., None]
            parts = [stored[..., 0] >> 11, stored[..., 0] >> 5 & 63, stored[..., 0] & 31]
            samples = np.dstack([p * 255 // (63 if k == 1 else 31) for k, p in enumerate(parts)]).astype(np.uint8)
        else:
            filler = [samples[..., 3:]] if len(masks) == 4 else [np.zeros((HEIGHT, WIDTH, 1), np.uint8)]
            stored = np.dstack([samples[..., 2::-1], *(filler if bits == 32 else [])])
        rows = (stored if top_down else stored[::-1]).tobytes()
        information = struct.pack(
            "<IiiHHIIiiII",
            header,
            WIDTH,
            -HEIGHT if top_down else HEIGHT,
            1,
            bits,
            3 if masks else 0,
            len(rows),
            *(0,) * 4,
        )
        information = (information + b"".join(struct.pack("<I", mask) for mask in masks)).ljust(header, b"\0")
        start = 14 + len(information)
        path.write_bytes(b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + information + rows)
        return samples

    return make


def netpbm(mark: str, dtype: str, channels: int) -> Maker:
    """Put a binary or textual PGM or PPM together."""

    def make(path: Path) -> Samples:
        samples = picture(dtype, channels)
        head = f"{mark}\n# a remark\n{WIDTH} {HEIGHT}\n{np.iinfo(dtype).max}\n".encode()
        text = " ".join(str(v) for v in samples.reshape(-1)).encode()
        stored = samples.astype(f">u{samples.dtype.itemsize}").tobytes()
        path.write_bytes(head + (text if mark in ("P2", "P3") else stored))
        return samples

    return make


def deep_pillow(path: Path) -> Samples:
    """Write 16-bit grey with Pillow."""
    samples = picture("uint16", 1)
    PillowImage.fromarray(samples[..., 0]).save(path)
    return samples


def cmyk(**options: Any) -> Maker:
    """Write inks with Pillow; what they look like in sRGB is for the test to say."""

    def make(path: Path) -> Samples:
        inks = np.dstack([255 - picture(), np.zeros((HEIGHT, WIDTH, 1), np.uint8)])
        PillowImage.fromarray(inks, "CMYK").save(path, **options)
        return picture()

    return make
