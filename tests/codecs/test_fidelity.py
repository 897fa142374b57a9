"""The image fidelity contract, one case for each kind of file and each property.

Files are made by one library, restored by the command line, and read back by another library than the one that wrote
(libvips writes). ``KINDS`` is about pixels:

========== ============================================================ ================================================
column     meaning                                                      example
========== ============================================================ ================================================
name       of the file; its ending says the format                      ``grey-4-interlaced.png``
made by    a maker of ``made_files.py``, named for the library          ``tiff("uint16", 3, planar=True)``: tifffile
becomes    format, type and channels of the result                      ``"tiff uint16 RGB"``
off by     levels of 255 by which decoders may differ; 0 for lossless   ``3`` for JPEG
says       a word of the warning that must be there; none otherwise     ``"CMYK"``
========== ============================================================ ================================================

Results are read by ``READERS``: TIFF by tifffile, PNG of 16 bits by OpenCV, everything else by Pillow. Every kind goes
through bicubic x2 and a network (denoising, in tiles), one of each type of result through super-resolution as well.
``CARRIED`` and the tests below are about what goes with the pixels.
"""

import io
import json
import struct
import xml.etree.ElementTree as ElementTree
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import pyvips
import tifffile
import torch
from PIL import ExifTags, ImageCms, IptcImagePlugin, PngImagePlugin
from PIL import Image as PillowImage

import made_files as made
from conftest import invoke, open_picture, shift
from imgrestore import load_model, restore
from imgrestore.codecs.metadata.png import png_chunk
from imgrestore.image import Image
from made_files import Maker, Samples


@dataclass(frozen=True)
class Kind:
    """One row of the table."""

    name: str
    make: Maker
    becomes: str
    off_by: float = 0
    says: str = ""


KINDS = [
    # PNG
    Kind("grey-1.png", made.png(1, 0), "png uint8 L"),
    Kind("grey-2.png", made.png(2, 0), "png uint8 L"),
    Kind("grey-4.png", made.png(4, 0), "png uint8 L"),
    Kind("grey-4-interlaced.png", made.png(4, 0, interlaced=True), "png uint8 L"),
    Kind("grey-8.png", made.pillow(1), "png uint8 L"),
    Kind("grey-16.png", made.deep_pillow, "png uint16 L"),
    Kind("grey-alpha-8.png", made.pillow(2), "png uint8 LA"),
    Kind("grey-alpha-16.png", made.png(16, 4), "png uint16 LA"),
    Kind("rgb-8.png", made.pillow(), "png uint8 RGB"),
    Kind("display-p3.png", made.pillow(icc_profile=made.display_p3()), "png uint8 RGB"),
    Kind("rgb-8-interlaced.png", made.png(8, 2, interlaced=True), "png uint8 RGB"),
    Kind("rgb-16.png", made.opencv("uint16", 3), "png uint16 RGB"),
    Kind("rgb-16-interlaced.png", made.png(16, 2, interlaced=True), "png uint16 RGB"),
    Kind("rgba-8.png", made.pillow(4), "png uint8 RGBA"),
    Kind("rgba-16.png", made.opencv("uint16", 4), "png uint16 RGBA"),
    Kind("rgb-8-key.png", made.keyed_png(8), "png uint8 RGBA"),
    Kind("rgb-16-key.png", made.keyed_png(16), "png uint16 RGBA"),
    Kind("palette-2.png", made.palette(4), "png uint8 RGB"),
    Kind("palette-8.png", made.palette(200), "png uint8 RGB"),
    Kind("palette-transparent.png", made.palette(16, transparent=3), "png uint8 RGBA"),
    Kind("wrong-ending.jpg.png", made.pillow(3, "RGB", format="JPEG", quality=95), "jpeg uint8 RGB", 3),
    # JPEG
    Kind("baseline.jpg", made.pillow(quality=95, subsampling=0), "jpeg uint8 RGB", 3),
    Kind("progressive.jpg", made.pillow(quality=95, subsampling=0, progressive=True), "jpeg uint8 RGB", 3),
    Kind("grey.jpg", made.pillow(1, quality=95), "jpeg uint8 L", 3),
    Kind("grey-progressive.jpg", made.pillow(1, quality=90, progressive=True), "jpeg uint8 L", 3),
    Kind("4-2-0.jpg", made.pillow(quality=90, subsampling=2), "jpeg uint8 RGB", 4),
    Kind("4-2-2.jpg", made.pillow(quality=90, subsampling=1), "jpeg uint8 RGB", 4),
    Kind("rgb-not-ycc.jpg", made.pillow(quality=95, keep_rgb=True), "jpeg uint8 RGB", 3),
    Kind("restarts.jpg", made.pillow(quality=95, restart_marker_blocks=1), "jpeg uint8 RGB", 3),
    Kind("by-libvips.jpg", made.libvips(Q=92), "jpeg uint8 RGB", 3),
    Kind(
        "two-pictures.mpo",
        made.pillow(save_all=True, append_images=[PillowImage.new("RGB", (8, 8))]),
        "jpeg uint8 RGB",
        3,
        "holds 2 pictures",
    ),
    # TIFF
    Kind("grey-8.tif", made.tiff("uint8", 1), "tiff uint8 L"),
    Kind("rgb-8.tif", made.tiff(), "tiff uint8 RGB"),
    Kind("by-pillow.tif", made.pillow(), "tiff uint8 RGB"),
    Kind("grey-16.tif", made.tiff("uint16", 1), "tiff uint16 L"),
    Kind("rgb-16.tif", made.tiff("uint16"), "tiff uint16 RGB"),
    Kind("grey-float.tif", made.tiff("float32", 1), "tiff float32 L"),
    Kind("rgb-float.tif", made.tiff("float32"), "tiff float32 RGB"),
    Kind("half-float.tif", made.tiff("float16"), "tiff float32 RGB"),
    Kind("integers-of-32-bits.tif", made.wide_integer_tiff, "tiff uint16 RGB", 0.01, "cut to 16"),
    Kind("big-endian.tif", made.tiff("uint16", byteorder=">"), "tiff uint16 RGB"),
    Kind("bigtiff.tif", made.tiff("uint16", bigtiff=True), "tiff uint16 RGB"),
    Kind("strips.tif", made.tiff(rowsperstrip=7), "tiff uint8 RGB"),
    Kind("tiled.tif", made.tiff("uint16", tile=(16, 32)), "tiff uint16 RGB"),
    Kind("planar.tif", made.tiff("uint16", planar=True), "tiff uint16 RGB"),
    Kind("planar-strips.tif", made.tiff(planar=True, rowsperstrip=7), "tiff uint8 RGB"),
    Kind("deflate-predictor.tif", made.tiff("uint16", compression="zlib", predictor=2), "tiff uint16 RGB"),
    Kind(
        "deflate-float-predictor.tif",
        made.libvips("float32", compression="deflate", predictor="float"),
        "tiff float32 RGB",
    ),
    Kind("lzw-predictor.tif", made.libvips(compression="lzw", predictor="horizontal"), "tiff uint8 RGB"),
    Kind("packbits.tif", made.libvips(compression="packbits"), "tiff uint8 RGB"),
    Kind("jpeg-inside.tif", made.libvips(compression="jpeg", Q=95), "tiff uint8 RGB", 3),
    Kind("fax.tif", made.bilevel(compression="group4"), "tiff uint8 L"),
    Kind("bilevel.tif", made.bilevel(), "tiff uint8 L"),
    Kind("palette.tif", made.palette(60), "tiff uint8 RGB"),
    Kind("white-is-zero.tif", made.white_is_zero_tiff("uint16"), "tiff uint16 L"),
    Kind("rgba-8.tif", made.tiff("uint8", 4), "tiff uint8 RGBA"),
    Kind("rgba-16.tif", made.tiff("uint16", 4), "tiff uint16 RGBA"),
    Kind("rgba-float.tif", made.tiff("float32", 4), "tiff float32 RGBA"),
    Kind("grey-alpha.tif", made.tiff("uint16", 2), "tiff uint16 LA"),
    Kind("rgba-8-multiplied.tif", made.associated_tiff("uint8"), "tiff uint8 RGBA", 9),
    Kind("rgba-16-multiplied.tif", made.associated_tiff("uint16"), "tiff uint16 RGBA", 0.2),
    Kind("rgba-float-multiplied.tif", made.associated_tiff("float32"), "tiff float32 RGBA", 0.01),
    # WebP, AVIF
    Kind("lossy.webp", made.pillow(quality=95, lossless=False), "webp uint8 RGB", 3),
    Kind("lossless.webp", made.pillow(lossless=True), "webp uint8 RGB"),
    Kind("alpha.webp", made.pillow(4, lossless=True, exact=True), "webp uint8 RGBA"),
    Kind("rgb.avif", made.pillow(3, "RGB", quality=95, subsampling="4:4:4"), "png uint8 RGB", 3),
    Kind("alpha.avif", made.pillow(4, "RGBA", quality=95, subsampling="4:4:4"), "png uint8 RGBA", 3),
    Kind("rgb.heic", made.pillow(3, "RGB", quality=95, chroma=444), "png uint8 RGB", 3),
    Kind("grey.heic", made.pillow(1, "L", quality=95), "png uint8 L", 3),
    Kind("alpha.heic", made.pillow(4, "RGBA", quality=95, chroma=444), "png uint8 RGBA", 3),
    # read by Pillow or here, written as PNG
    Kind("palette.gif", made.palette(64), "png uint8 RGB"),
    Kind("transparent.gif", made.palette(64, transparent=5), "png uint8 RGBA"),
    Kind("rgb.bmp", made.pillow(), "png uint8 RGB"),
    Kind("grey.bmp", made.pillow(1), "png uint8 L"),
    Kind("palette.bmp", made.palette(16), "png uint8 RGB"),
    Kind("bilevel.bmp", made.bilevel(), "png uint8 L"),
    Kind("top-down.bmp", made.bmp(24, top_down=True), "png uint8 RGB"),
    Kind("32-bits.bmp", made.bmp(32), "png uint8 RGB"),
    Kind("16-bits.bmp", made.bmp(16, masks=(0xF800, 0x7E0, 0x1F)), "png uint8 RGB", 1),
    Kind("alpha.bmp", made.bmp(32, masks=(0xFF0000, 0xFF00, 0xFF, 0xFF000000), header=124), "png uint8 RGBA"),
    Kind("grey-8.pgm", made.netpbm("P5", "uint8", 1), "png uint8 L"),
    Kind("grey-16.pgm", made.netpbm("P5", "uint16", 1), "png uint16 L"),
    Kind("rgb-8.ppm", made.netpbm("P6", "uint8", 3), "png uint8 RGB"),
    Kind("rgb-16.ppm", made.netpbm("P6", "uint16", 3), "png uint16 RGB"),
    Kind("text.ppm", made.netpbm("P3", "uint16", 3), "png uint16 RGB"),
    Kind("bilevel.pbm", made.bilevel(), "png uint8 L"),
    Kind("grey.tga", made.pillow(1), "png uint8 L"),
    Kind("rgba-run-length.tga", made.pillow(4, compression="tga_rle"), "png uint8 RGBA"),
    Kind("top-down.tga", made.pillow(orientation=1), "png uint8 RGB"),
    Kind("grey-16.jp2", made.deep_pillow, "png uint16 L"),
    Kind("rgb.jp2", made.pillow(), "png uint8 RGB"),
    Kind("rgba.jp2", made.pillow(4), "png uint8 RGBA"),
    Kind("stream.j2k", made.pillow(), "png uint8 RGB"),
    Kind("rgba.ico", made.pillow(4, sizes=[(made.WIDTH, made.HEIGHT)]), "png uint8 RGBA"),
]

CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}
FORMATS = {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP"}
RESULTS_SEEN = {kind.becomes: kind for kind in reversed(KINDS)}
MODELS = {
    "bicubic": (2, KINDS),
    "resnet-denoise": (1, KINDS),
    "resnet-sr": (2, list(RESULTS_SEEN.values())),
}
CASES = [pytest.param(model, kind, id=f"{model}-{kind.name}") for model, (_, kinds) in MODELS.items() for kind in kinds]
TILE = 32


def by_tifffile(path: Path, channels: int) -> Samples:
    return tifffile.imread(path).reshape(*tifffile.imread(path).shape[:2], channels)


def by_opencv(path: Path, channels: int) -> Samples:
    read = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    order = {1: [0], 2: [0, 3], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]
    return (read[..., None] if read.ndim == 2 else read)[..., order]


def by_pillow(path: Path, channels: int) -> Samples:
    opened = open_picture(path)
    assert opened.mode == {number: mode for mode, number in CHANNELS.items()}[channels]
    return np.asarray(opened).reshape(opened.height, opened.width, channels)


READERS = {"tiff": by_tifffile, "png uint16": by_opencv, "png uint8": by_pillow, "jpeg": by_pillow, "webp": by_pillow}


def read_result(path: Path, becomes: str) -> Samples:
    """Read a result by another library than the one that wrote it."""
    form, dtype, mode = becomes.split()
    assert form == "tiff" or open_picture(path).format == FORMATS[form]
    return (READERS.get(form) or READERS[f"{form} {dtype}"])(path, CHANNELS[mode])


@dataclass(frozen=True)
class Batch:
    """Files of every kind, restored in one run."""

    samples: dict[str, Samples]
    records: dict[str, dict]


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> tuple[Path, dict[str, Samples]]:
    """Make a file of every kind; return their folder and what they hold."""
    folder = tmp_path_factory.mktemp("kinds")
    return folder, {kind.name: kind.make(folder / kind.name) for kind in KINDS}


@pytest.fixture(scope="module")
def batches(files, tmp_path_factory) -> Callable[[str], Batch]:
    """Return a function that restores the files that a model gets, once."""
    folder, samples = files

    @cache
    def restored(model: str) -> Batch:
        scale, kinds = MODELS[model]
        computed = ["--tile", str(TILE), "--precision", "fp32", "--no-guard"]  # the pictures are too odd to be judged
        arguments = ["--model", model, "--scale", str(scale), *computed, "--json"]
        out = tmp_path_factory.mktemp(model)
        named = ["--name", "{name}{ext}", "--lossless"]
        _, stdout, _ = invoke("restore", *(folder / kind.name for kind in kinds), "-o", out, *arguments, *named)
        records = {Path(r["input"]).name: r for r in map(json.loads, stdout.splitlines())}
        return Batch(samples, records)

    return restored


@cache
def loaded(model: str):
    return load_model(model, MODELS[model][0], device="cpu", precision="fp32", guard=False)


@cache
def _expected(model: str, content: bytes, shape: tuple[int, ...], dtype: str) -> Samples:
    array = np.frombuffer(content, dtype).reshape(shape)
    return restore(Image(array), loaded(model)).pixels


def expected(model: str, samples: Samples) -> Samples:
    """Return what the model makes of samples in memory."""
    return _expected(model, samples.tobytes(), samples.shape, samples.dtype.name)


@pytest.mark.parametrize(("model", "kind"), CASES)
def test_every_kind_of_file(model: str, kind: Kind, batches) -> None:
    batch, scale = batches(model), MODELS[model][0]
    record, samples = batch.records[kind.name], batch.samples[kind.name]
    assert record["status"] == "done", record
    assert [kind.says in warning for warning in record["warnings"]] == ([True] if kind.says else [])
    result = read_result(Path(record["output"]), kind.becomes)
    assert result.dtype == kind.becomes.split()[1]
    assert result.shape == (samples.shape[0] * scale, samples.shape[1] * scale, samples.shape[2])
    peak = 1 if result.dtype == "float32" else np.iinfo(result.dtype).max
    levels = np.abs(result.astype(np.float64) - expected(model, samples)) * 255 / peak
    visible = levels if result.shape[2] in (1, 3) else levels[result[..., -1] > peak / 8]
    assert np.median(visible) <= kind.off_by / 3 and visible.max() <= kind.off_by * (8 if "jpeg" in kind.becomes else 1)
    assert np.abs(seen(result / peak).mean(axis=(0, 1)) - seen(samples / peak).mean(axis=(0, 1))).max() < 1 / 255


def seen(samples: Samples) -> Samples:
    """Return colours multiplied by alpha, and alpha, from samples in [0, 1]: what stands out against black."""
    channels = samples.shape[2]
    return np.dstack([samples[..., :-1] * samples[..., -1:], samples[..., -1]]) if channels in (2, 4) else samples


SIZES = [(1, 1), (1, 17), (17, 1), (2, 3), (35, 7)]
ORIENTED = ["jpg", "png", "tif", "webp", "avif", "heic"]
EXACT = {
    "jpg": {"quality": 95, "subsampling": 0},
    "webp": {"lossless": True},
    "avif": {"quality": 95, "subsampling": "4:4:4"},
    "heic": {"quality": 95, "chroma": 444},
}


@pytest.mark.parametrize("model", MODELS)
def test_any_size_from_one_pixel_up(model: str, tmp_path: Path) -> None:
    scale = MODELS[model][0]
    for width, height in SIZES:
        for extension, becomes in (("png", "png uint8 RGBA"), ("tif", "tiff uint8 RGBA"), ("webp", "webp uint8 RGB")):
            samples = made.picture("uint8", 4 if "RGBA" in becomes else 3, height, width)
            path, out = tmp_path / f"{width}x{height}.{extension}", tmp_path / f"out.{extension}"
            PillowImage.fromarray(samples).save(path, **EXACT.get(extension, {}))
            computed = ["--tile", str(TILE), "--precision", "fp32", "--no-guard"]
            options = ["--scale", str(scale), *computed, "--lossless", "--overwrite"]
            code, _, error = invoke("restore", path, "-o", out, "--model", model, *options)
            assert code == 0, error
            assert np.array_equal(read_result(out, becomes), expected(model, samples)), (width, height, extension)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("model", MODELS)
def test_nothing_moves(model: str, dtype: str) -> None:
    """Against Pillow's bicubic enlargement.

    Upright and upside down: what a network does to an edge looks like a shift too, but turns with the picture.
    """
    peak = 1 if dtype == "float32" else np.iinfo(dtype).max
    offsets = []
    for turns in (0, 2):
        samples = np.ascontiguousarray(np.rot90(made.picture(dtype, 3, 96, 120), turns))
        result = expected(model, samples) / peak
        planes = [PillowImage.fromarray((samples[..., k] / peak).astype(np.float32)) for k in range(3)]
        size = (result.shape[1], result.shape[0])
        reference = np.dstack([np.array(plane.resize(size, PillowImage.Resampling.BICUBIC)) for plane in planes])
        if model == "bicubic":
            assert np.abs(result - reference).max() <= (0.51 / peak if peak > 1 else 0) + 2e-6
        offsets.append(shift(*(torch.from_numpy(p.transpose(2, 0, 1).copy()) for p in (result, reference))))
    assert np.abs(np.mean(offsets, axis=0)).max() < 0.02


def test_pictures_come_upright_once(tmp_path: Path) -> None:
    """All orientations; Pillow turns what it has read itself for comparison."""
    from PIL import ImageOps

    for extension in ORIENTED:
        for orientation in range(1, 9):
            exif = PillowImage.Exif()
            exif[0x0112] = orientation
            path = tmp_path / f"{orientation}.{extension}"
            PillowImage.fromarray(made.picture()).save(path, exif=exif, **EXACT.get(extension, {}))
    out = tmp_path / "out"
    options = ["--model", "bicubic", "--scale", "2", "--lossless", "--name", "{name}{ext}"]
    assert invoke("restore", tmp_path, "-o", out, *options)[0] == 0
    for extension in ORIENTED:
        for orientation in range(1, 9):
            upright = ImageOps.exif_transpose(open_picture(tmp_path / f"{orientation}.{extension}"))
            (path,) = out.glob(f"{orientation}.{extension}.*")
            result = open_picture(path)
            assert result.getexif().get(0x0112, 1) == 1
            levels = np.abs(np.asarray(result).astype(int) - expected("bicubic", np.asarray(upright)))
            assert levels.shape == np.asarray(result).shape and np.median(levels) <= (
                extension in ("jpg", "avif", "heic")
            )


def cut_out(model: str, hidden: tuple[int, ...]) -> Samples:
    """Restore an orange disc with a soft edge, whose transparent surroundings hold a hidden colour."""
    y, x = np.mgrid[0:48, 0:48]
    alpha = np.clip(16.5 - np.hypot(y - 23.5, x - 23.5), 0, 1)
    samples = np.where(alpha[..., None] > 0, np.uint8(ORANGE), np.uint8(hidden))
    return expected(model, np.dstack([samples, np.rint(255 * alpha)]).astype(np.uint8)).astype(int)


ORANGE = (200, 120, 40)


@pytest.mark.parametrize("hidden", [(0, 0, 0), (255, 255, 255), (0, 255, 0)])
@pytest.mark.parametrize("model", MODELS)
def test_edges_of_transparency_have_no_fringes(model: str, hidden: tuple[int, ...]) -> None:
    """Wherever anything shows, it has the disc's colour; what is hidden around it leaves no trace."""
    result, other = cut_out(model, hidden), cut_out(model, (7, 7, 7))
    shows = result[..., 3] > 0
    assert np.abs(result[shows][:, :3] - ORANGE).max() <= (1 if model == "bicubic" else 4)
    assert np.array_equal(result[shows], other[shows]) and np.array_equal(result[..., 3], other[..., 3])


@cache
def long_profile() -> bytes:
    """Return a profile that does not fit into one segment of a JPEG."""
    content = made.display_p3() + bytes(150000)
    return len(content).to_bytes(4) + content[4:]


@cache
def profile_of_inks() -> bytes:
    made_up = pyvips.Image.black(1, 1, bands=3).copy(interpretation="srgb").icc_transform("cmyk")
    return bytes(made_up.get("icc-profile-data"))


XMP = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
    b'xmlns:exif="http://ns.adobe.com/exif/1.0/" xmp:Rating="4" tiff:Orientation="6" tiff:ImageWidth="40" '
    b'tiff:ImageLength="30" exif:PixelXDimension="40"><exif:PixelYDimension>30</exif:PixelYDimension>'
    b"</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
)
MAKER_NOTE = b"Maker\0\1\2" * 40
THUMBNAIL = b"\xff\xd8\xff\xd9"


def exif_block(orientation: int = 1) -> bytes:
    """Make an EXIF block with GPS, a maker note, an unknown entry and a thumbnail, by Pillow; the last by hand."""
    exif = PillowImage.Exif()
    exif[0x010F], exif[0x0112], exif[0x8298] = "Maker", orientation, "A. Person"
    details = exif.get_ifd(0x8769)
    details[0x9003], details[0xA002], details[0xA003] = "2020:01:02 03:04:05", made.WIDTH, made.HEIGHT
    details[0x927C], details[0xA434], details[0xFDE8] = MAKER_NOTE, "Some lens", "an entry nobody knows"
    exif.get_ifd(0x8825)[2] = (1.0, 2.0, 3.0)
    block = bytearray(exif.tobytes()[6:])
    order = "<" if block[:2] == b"II" else ">"
    link = 8 + 2 + 12 * struct.unpack_from(f"{order}H", block, 8)[0]
    struct.pack_into(f"{order}I", block, link, len(block))
    entries = [(0x0103, 3, 6), (0x0201, 4, len(block) + 2 + 36 + 4), (0x0202, 4, len(THUMBNAIL))]
    for_short = [struct.pack(f"{order}HHI", tag, kind, 1) + _number(order, kind, value) for tag, kind, value in entries]
    return b"Exif\0\0" + bytes(block) + struct.pack(f"{order}H", 3) + b"".join(for_short) + bytes(4) + THUMBNAIL


def _number(order: str, kind: int, value: int) -> bytes:
    return struct.pack(f"{order}{'H' if kind == 3 else 'I'}", value).ljust(4, b"\0")


def saved(path: Path, **options: Any) -> None:
    """Save a picture by Pillow with what it takes of the options."""
    picture = PillowImage.fromarray(made.picture())
    if path.suffix == ".png" and "xmp" in options:
        information = PngImagePlugin.PngInfo()
        information.add_itxt("XML:com.adobe.xmp", options.pop("xmp").decode())
        options["pnginfo"] = information
    if path.suffix == ".tif" and ("exif" in options or "xmp" in options):
        tags = PillowImage.Exif()
        tags.load(options.get("exif", b""))
        if "xmp" in options:
            tags[700] = options.pop("xmp")
        options["exif"] = tags
    picture.save(path, **EXACT.get(path.suffix[1:], {}), **options)


def camera(opened: PillowImage.Image) -> tuple:
    """Return what EXIF says of camera, place and people."""
    exif = opened.getexif()
    details = exif.get_ifd(0x8769)
    return (
        exif[0x010F], exif[0x8298], details[0x9003], details[0x927C], details[0xA434], details[0xFDE8],
        exif.get_ifd(0x8825)[2],
    )  # fmt: skip


CAMERA = (
    "Maker",
    "A. Person",
    "2020:01:02 03:04:05",
    MAKER_NOTE,
    "Some lens",
    "an entry nobody knows",
    (1.0, 2.0, 3.0),
)


def layout(opened: PillowImage.Image) -> tuple:
    """Return what EXIF says that a restoration makes untrue: orientation, size, thumbnail."""
    exif = opened.getexif()
    details = exif.get_ifd(0x8769)
    true_size = (details[0xA002], details[0xA003]) == opened.size
    return exif.get(0x0112, 1), true_size, exif.get_ifd(ExifTags.IFD.IFD1)


def packet(opened: PillowImage.Image) -> dict[str, str]:
    """Return what XMP says, by name without its namespace; sizes are True if they are those of the picture."""
    root = ElementTree.fromstring(opened.info["xmp"])
    said = {name.split("}")[-1]: value for node in root.iter() for name, value in node.attrib.items()}
    said |= {node.tag.split("}")[-1]: node.text for node in root.iter() if node.text}
    sides = {"ImageWidth": 0, "PixelXDimension": 0, "ImageLength": 1, "PixelYDimension": 1}
    return {name: str(int(said[name]) == opened.size[side]) for name, side in sides.items()} | {
        name: said[name] for name in ("Rating", "Orientation")
    }


TRUE_PACKET = {**dict.fromkeys(("ImageWidth", "PixelXDimension", "ImageLength", "PixelYDimension"), "True")} | {
    "Rating": "4", "Orientation": "1",
}  # fmt: skip


def resolution(opened: PillowImage.Image) -> tuple[int, ...]:
    return tuple(round(float(value)) for value in opened.info["dpi"])


def captions(opened: PillowImage.Image) -> dict:
    return IptcImagePlugin.getiptcinfo(opened)


IPTC = b"\x1c\x02\x78\x00\x09A caption\x1c\x02\x19\x00\x04bird\x1c\x02\x19\x00\x03sea"


def with_captions(path: Path) -> None:
    """Put IPTC where JPEG and TIFF keep it."""
    if path.suffix == ".tif":
        tags = [(33723, "B", len(IPTC), IPTC, True)]
        tifffile.imwrite(path, made.picture(), photometric="rgb", metadata=None, extratags=tags)
        return
    saved(path)
    content = path.read_bytes()
    records = b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(IPTC)) + IPTC + bytes(len(IPTC) % 2)
    path.write_bytes(content[:2] + b"\xff\xed" + struct.pack(">H", len(records) + 2) + records + content[2:])


def texts(path: Path) -> None:
    """Write PNG text of all three kinds, before and behind the pixels."""
    content = b"Description\0\0\0en\0\0" + "Möwe".encode()
    chunks = [png_chunk(b"tEXt", b"Title\0A title"), png_chunk(b"iTXt", content)]
    behind = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"long " * 400))
    made.png(8, 2, b"".join(chunks), behind=behind)(path)


def text(opened: PillowImage.Image) -> dict[str, str]:
    opened.load()
    return {name: opened.text[name] for name in ("Title", "Description", "Comment")}


PNG_COLOUR = {
    "gAMA": struct.pack(">I", 100000),
    "cHRM": struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000),
    "sRGB": b"\0",
    "cICP": bytes([9, 16, 0, 1]),
}


def with_chunk(name: str, path: Path) -> None:
    made.png(8, 2, png_chunk(name.encode(), PNG_COLOUR[name]))(path)


def chunk(name: str, opened: PillowImage.Image) -> bytes | None:
    """Return the content of a PNG file's chunk."""
    content = Path(opened.filename).read_bytes()
    place = content.find(name.encode())
    return None if place < 0 else content[place + 4 : place + 4 + int.from_bytes(content[place - 4 : place])]


@dataclass(frozen=True)
class Carried:
    """One row of the second table: what files carry, where, how it is put there, how it is read, what it must say."""

    name: str
    extensions: str
    make: Callable[[Path], None]
    read: Callable[[PillowImage.Image], object]
    says: object


CARRIED = [
    Carried("wide gamut", "png jpg tif webp avif heic", lambda p: saved(p, icc_profile=made.display_p3()),
            lambda o: o.info["icc_profile"], made.display_p3()),
    Carried("long profile", "jpg png", lambda p: saved(p, icc_profile=long_profile()),
            lambda o: o.info["icc_profile"], long_profile()),
    Carried("EXIF of a camera", "png jpg tif webp avif heic", lambda p: saved(p, exif=exif_block()), camera, CAMERA),
    Carried("EXIF made true", "png jpg tif webp avif heic", lambda p: saved(p, exif=exif_block(6)),
            layout, (1, True, {})),
    Carried("XMP", "png jpg tif webp avif heic", lambda p: saved(p, xmp=XMP), packet, TRUE_PACKET),
    Carried("IPTC", "jpg tif", with_captions, captions, {(2, 120): b"A caption", (2, 25): [b"bird", b"sea"]}),
    Carried("300 dpi", "png jpg tif bmp", lambda p: saved(p, dpi=(300, 300)), resolution, (300, 300)),
    Carried("72 dpi", "png jpg tif", lambda p: saved(p, dpi=(72, 72)), resolution, (72, 72)),
    Carried("uneven dpi", "png jpg tif", lambda p: saved(p, dpi=(300, 150)), resolution, (300, 150)),
    Carried("dots per cm", "tif", lambda p: saved(p, resolution_unit=3, resolution=100), resolution, (254, 254)),
    Carried("dpi and EXIF", "png jpg", lambda p: saved(p, dpi=(300, 300), exif=exif_block()), resolution, (300, 300)),
    Carried("text", "png", texts, text, {"Title": "A title", "Description": "Möwe", "Comment": "long " * 400}),
    *(
        Carried(name, "png", partial(with_chunk, name), partial(chunk, name), PNG_COLOUR[name])
        for name in PNG_COLOUR
    ),
]  # fmt: skip


@pytest.mark.parametrize("model", ["bicubic", "resnet-denoise"])
@pytest.mark.parametrize(
    ("row", "extension"),
    [pytest.param(row, e, id=f"{row.name}-{e}") for row in CARRIED for e in row.extensions.split()],
)
def test_what_files_carry(row: Carried, extension: str, model: str, tmp_path: Path) -> None:
    path = tmp_path / f"x.{extension}"
    row.make(path)
    out = tmp_path / ("out." + {"avif": "png", "bmp": "png", "heic": "png"}.get(extension, extension))
    code, stdout, error = invoke("restore", path, "-o", out, "--model", model, "--json", "--lossless")
    assert code == 0, error
    assert json.loads(stdout)["warnings"] == []
    with PillowImage.open(out) as opened:
        opened.load()
        assert row.read(opened) == row.says


@pytest.mark.parametrize("extension", ["png", "jpg", "tif", "webp"])
def test_stamps_and_stripping(extension: str, tmp_path: Path) -> None:
    path, out = tmp_path / f"x.{extension}", tmp_path / f"out.{extension}"
    everything = {"exif": exif_block(), "xmp": XMP, "icc_profile": made.display_p3()}
    saved(path, **everything, **({} if extension == "webp" else {"dpi": (300, 300)}))
    arguments = ["restore", path, "-o", out, "--overwrite", "--model", "bicubic"]
    assert invoke(*arguments)[0] == 0
    assert b'imgrestore:model="bicubic"' in open_picture(out).info["xmp"]
    assert invoke(*arguments, "--no-stamp")[0] == 0
    assert b"imgrestore" not in out.read_bytes() and camera(open_picture(out)) == CAMERA
    assert invoke(*arguments, "--no-stamp", "--strip-metadata")[0] == 0
    bare = open_picture(out)
    known = {"icc_profile", "jfif", "jfif_version", "jfif_unit", "jfif_density", "compression", "interlace"}
    known |= {"loop", "background", "timestamp", "duration", "planar_configuration"}
    assert bare.info["icc_profile"] == made.display_p3()
    assert set(bare.info) - known <= {"dpi", "resolution"} and (extension == "tif" or not bare.getexif())
    for trace in (b"Maker", b"A. Person", b"Rating", b"Some lens"):
        assert trace not in out.read_bytes()


@pytest.mark.parametrize("embedded", [False, True])
@pytest.mark.parametrize("extension", ["jpg", "tif"])
def test_inks_become_srgb_with_a_notice(extension: str, embedded: bool, tmp_path: Path) -> None:
    """Compared with what LittleCMS makes of them through Pillow, if the file says what its inks look like."""
    path, out = tmp_path / f"x.{extension}", tmp_path / f"out.{extension}"
    made.cmyk(**({"icc_profile": profile_of_inks()} if embedded else {}))(path)
    code, stdout, error = invoke("restore", path, "-o", out, "--model", "bicubic", "--scale", "2", "--json")
    assert code == 0, error
    assert [w for w in json.loads(stdout)["warnings"] if "CMYK was converted to sRGB" in w]
    result = open_picture(out)
    profile = ImageCms.ImageCmsProfile(io.BytesIO(result.info["icc_profile"]))
    assert result.mode == "RGB" and "sRGB" in ImageCms.getProfileDescription(profile)
    inks = ImageCms.ImageCmsProfile(io.BytesIO(profile_of_inks()))
    transform = ImageCms.buildTransform(
        inks, ImageCms.createProfile("sRGB"), "CMYK", "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC
    )
    reference = np.asarray(ImageCms.applyTransform(open_picture(path), transform)).astype(float)
    small = np.asarray(result.resize((made.WIDTH, made.HEIGHT), PillowImage.Resampling.BOX)).astype(float)
    assert np.abs(small.mean(axis=(0, 1)) - reference.mean(axis=(0, 1))).max() < 2
    assert np.abs(small - reference).mean() < 4


@pytest.mark.parametrize("extension", ["gif", "webp", "png", "tif", "avif", "heic"])
def test_animations_and_pages_are_refused_or_their_first_taken(extension: str, tmp_path: Path) -> None:
    path, out = tmp_path / f"x.{extension}", tmp_path / "out.png"
    frames = [PillowImage.new("RGB", (20, 10), (200, 80 * i, 0)) for i in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    arguments = ["restore", path, "-o", out, "--model", "bicubic", "--scale", "2"]
    code, _, error = invoke(*arguments)
    assert code == 1 and "holds 3" in error and "--first-frame" in error and not out.exists()
    assert invoke(*arguments, "--first-frame")[0] == 0
    result = np.asarray(open_picture(out).convert("RGB")).astype(int)
    assert result.shape == (20, 40, 3) and np.abs(result - (200, 0, 0)).max() < 8


@pytest.mark.parametrize(("options", "quality", "sampling"), [
    ([], 95, (1, 1)), (["--quality", "60"], 60, (1, 1)), (["--quality", "80", "--subsampling"], 80, (2, 2)),
])  # fmt: skip
def test_compression_of_jpeg(options: list[str], quality: int, sampling: tuple[int, int], tmp_path: Path) -> None:
    saved(tmp_path / "x.jpg")
    assert invoke("restore", tmp_path / "x.jpg", "-o", tmp_path / "out.jpg", "--model", "bicubic", *options)[0] == 0
    reference = io.BytesIO()
    PillowImage.fromarray(made.picture()).save(reference, "JPEG", quality=quality)
    result = open_picture(tmp_path / "out.jpg")
    assert result.quantization == PillowImage.open(reference).quantization and result.layer[0][1:3] == sampling
