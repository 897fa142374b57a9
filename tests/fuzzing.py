"""Damage files of every format at random and restore them: ``python fuzzing.py SEED FIRST SECONDS FOLDER``.

Runs in a process of its own (see test_fuzz.py), because a file that ends the process is what it looks for. The file
being tried lies in the folder as ``victim``, its number in ``turn``; a turn depends on its seed and its number alone.
"""

import faulthandler
import io
import resource
import struct
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pillow_heif
import pyvips
import tifffile
import torch
from PIL import Image as PillowImage

from imgrestore.batch.methods import ready
from imgrestore.batch.plan import plan
from imgrestore.batch.request import Request
from imgrestore.batch.run import run
from imgrestore.codecs import ReadOptions, open_image
from imgrestore.errors import ImgrestoreError
from imgrestore.provenance.settings import Settings
from imgrestore.weights.catalogue import choose

pillow_heif.register_heif_opener()

MEMORY = 3 * 2**30
"""Bytes, most of which are torch's own."""
SECONDS = 15
"""For one file, on a busy machine."""
LARGEST = 40_000_000
"""Pixels. Files whose damaged headers say more are refused."""
INTERESTING = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x100000)


def by_pillow(pixels: np.ndarray, kind: str, mode: str | None = None, **options: object) -> bytes:
    file = io.BytesIO()
    picture = PillowImage.fromarray(pixels)
    (picture.convert(mode) if mode else picture).save(file, kind, **options)
    return file.getvalue()


def by_tifffile(pixels: np.ndarray, **options: object) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **options)
    return file.getvalue()


def samples() -> dict[str, bytes]:
    """Return small files of every format that is read, in its main variants."""
    y, x = np.mgrid[0:40, 0:48]
    colour = np.stack([5 * y, 4 * x, 2 * (x + y) + (x * y) % 17], axis=2).astype(np.uint8)
    grey, deep = colour[..., 2].copy(), colour.astype(np.uint16) * 257
    transparent = np.concatenate([colour, colour[..., :1]], axis=2)
    planes = np.ascontiguousarray(np.moveaxis(colour, 2, 0))
    vips = pyvips.Image.new_from_array(colour)
    exif = PillowImage.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    tiff = {
        f"tiff-{name}": vips.tiffsave_buffer(compression=name)
        for name in ("none", "lzw", "deflate", "packbits", "jpeg")
    }
    header = struct.pack("<BBBHHBHHHHBB", 0, 0, 10, 0, 0, 0, 0, 0, 48, 40, 24, 0)
    return tiff | {
        "png": by_pillow(colour, "PNG", exif=exif),
        "png-16": pyvips.Image.new_from_array(deep).pngsave_buffer(),
        "png-interlaced": vips.pngsave_buffer(interlace=True),
        "png-palette": by_pillow(colour, "PNG", "P", transparency=3),
        "jpeg": by_pillow(colour, "JPEG", exif=exif),
        "jpeg-progressive": by_pillow(colour, "JPEG", progressive=True),
        "jpeg-grey": by_pillow(grey, "JPEG"),
        "jpeg-cmyk": by_pillow(colour, "JPEG", "CMYK"),
        "mpo": by_pillow(colour, "MPO", save_all=True, append_images=[PillowImage.fromarray(colour)]),
        "tiff-predictor": vips.tiffsave_buffer(compression="lzw", predictor="horizontal", tile=True),
        "tiff-16": by_tifffile(deep, photometric="rgb", bigtiff=True, rowsperstrip=7),
        "tiff-float": by_tifffile(colour.astype(np.float32) / 255, photometric="rgb", compression="zlib"),
        "tiff-double": by_tifffile(grey / 255, photometric="miniswhite", byteorder=">"),
        "tiff-planar": by_tifffile(planes, photometric="rgb", planarconfig="separate", tile=(16, 16)),
        "tiff-lab": by_tifffile(colour, photometric="cielab"),
        "tiff-cmyk": by_tifffile(transparent, photometric="separated"),
        "tiff-alpha": by_tifffile(transparent, photometric="rgb", extrasamples=["assocalpha"]),
        "tiff-palette": by_pillow(colour, "TIFF", "P"),
        "tiff-group4": by_pillow(grey, "TIFF", "1", compression="group4"),
        "tiff-pillow": by_pillow(colour, "TIFF", exif=exif),
        "webp": by_pillow(colour, "WEBP", exif=exif),
        "webp-lossless": by_pillow(transparent, "WEBP", lossless=True),
        "avif": by_pillow(colour, "AVIF"),
        "heic": by_pillow(colour, "HEIF", exif=exif),
        "gif": by_pillow(colour, "GIF", "P"),
        "bmp": by_pillow(colour, "BMP"),
        "bmp-palette": by_pillow(colour, "BMP", "P"),
        "tga": by_pillow(transparent, "TGA", compression="tga_rle"),
        "tga-plain": header + b"\x85abc\x02abcdefghi" * 300 + bytes(8) + b"TRUEVISION-XFILE.\0",
        "ppm": by_pillow(colour, "PPM"),
        "pgm-text": b"P2\n# text\n9 5\n700\n" + b"12 700 0\n" * 15,
        "jpeg2000": by_pillow(colour, "JPEG2000"),
        "jpeg2000-stream": by_pillow(transparent, "JPEG2000", no_jp2=True, tile_size=(16, 16)),
        "ico": by_pillow(transparent, "ICO", sizes=[(16, 16), (32, 32)]),
    }


def flipped(content: bytearray, rng: np.random.Generator) -> bytearray:
    near = 300 if rng.random() < 0.6 else len(content)
    for place in rng.integers(0, min(len(content), near), rng.integers(1, 8)):
        content[place] ^= 1 << rng.integers(8) if rng.random() < 0.5 else rng.integers(1, 256)
    return content


def cut(content: bytearray, rng: np.random.Generator) -> bytearray:
    return content[: rng.integers(0, len(content))]


def overwritten(content: bytearray, rng: np.random.Generator) -> bytearray:
    """Put a number that programmers forget into a field, as often as not near the beginning."""
    place = int(rng.integers(0, 400 if rng.random() < 0.6 else len(content)))
    value, width = INTERESTING[rng.integers(len(INTERESTING))], int(rng.choice([1, 2, 4]))
    field = (value & (1 << 8 * width) - 1).to_bytes(width, "big" if rng.random() < 0.5 else "little")
    content[place : place + width] = field
    return content


def moved(content: bytearray, rng: np.random.Generator) -> bytearray:
    """Repeat, remove or displace a part."""
    start, length, place = (int(rng.integers(0, limit)) for limit in (len(content), 200, len(content)))
    part = content[start : start + length]
    if rng.random() < 0.5:
        del content[start : start + length]
    if rng.random() < 0.7:
        content[place:place] = part
    return content


def with_checksums(content: bytearray) -> bytearray:
    """Make the checksums of a damaged PNG right, or else damage never gets past them."""
    position = 8
    while position + 12 <= len(content):
        length = struct.unpack_from(">I", content, position)[0]
        end = position + 8 + length
        if end + 4 > len(content):
            break
        content[end : end + 4] = struct.pack(">I", zlib.crc32(content[position + 4 : end]))
        position = end + 4
    return content


DAMAGES: tuple[Callable[[bytearray, np.random.Generator], bytearray], ...] = (flipped, flipped, cut, overwritten, moved)


def damaged(originals: dict[str, bytes], seed: int, turn: int) -> tuple[str, bytes, np.random.Generator]:
    """Return the name and the content of the file of this turn, and what further choices are drawn from."""
    rng = np.random.default_rng([seed, turn])
    name = list(originals)[turn % len(originals)]
    content = bytearray(originals[name])
    for _ in range(rng.integers(1, 3)):
        content = DAMAGES[rng.integers(len(DAMAGES))](content, rng) or bytearray(b"\0")
    if content[:4] == b"\x89PNG" and rng.random() < 0.7:
        content = with_checksums(content)
    return name, bytes(content), rng


def turns(first: int, seconds: float) -> Iterator[int]:
    began = time.monotonic()
    turn = first
    while time.monotonic() - began < seconds:
        yield turn
        turn += 1


def read(content: bytes, name: str, options: ReadOptions) -> None:
    """Read a file as ``open_image`` promises: an image whose rows are what its header says, or an error in one line."""
    try:
        stream = open_image(content, name, options)
        rows = 0
        for band in stream.bands:
            assert band.shape[1:] == (stream.header.width, stream.header.channels) and band.dtype == stream.header.dtype
            rows += band.shape[0]
        assert rows == stream.header.height
    except ImgrestoreError as error:
        assert "\n" not in f"{error}{error.hint}", f"not one line: {error}"


def main(seed: int, first: int, seconds: float, folder: Path) -> None:
    originals = samples()
    torch.set_num_threads(1)
    choice = choose("bicubic", 2)
    method = ready(choice, Settings(device="cpu"))
    output = folder / "output"
    output.mkdir(exist_ok=True)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    for turn in turns(first, seconds):
        name, content, rng = damaged(originals, seed, turn)
        (folder / "turn").write_text(str(turn))
        victim = folder / "victim"
        victim.write_bytes(content)
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        options = ReadOptions(LARGEST, allow_damaged=bool(rng.random() < 0.3), first_frame=bool(rng.random() < 0.7))
        read(content, name, options)
        if rng.random() < 0.2:
            settings = Settings(**vars(replace(options, max_pixels=1_000_000)), stamp=False)
            request = Request([victim], output, into_folder=True, settings=settings)
            for record in run(plan(request, choice).jobs, lambda job: method, "bicubic", lambda _: None):
                written = [path for path in output.iterdir() if record.status == "failed" or path.name[0] == "."]
                assert not written, f"{record} left {written}"
            for path in output.iterdir():
                path.unlink()
    faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]))
