"""Reading the formats that libvips' wheel cannot, decoded whole: BMP, TGA, ICO, JPEG 2000."""

from __future__ import annotations

import importlib
import warnings
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageFile, ImageOps

from imgrestore.codecs.formats import Format
from imgrestore.codecs.metadata import exif
from imgrestore.codecs.options import ReadOptions
from imgrestore.codecs.reading import jpeg2000
from imgrestore.codecs.reading.refusals import refused, unsupported
from imgrestore.errors import ImageValueError, InputError
from imgrestore.files import open_bytes
from imgrestore.image import Header, Image, ImageStream, Metadata, Pixels

Picture = PillowImage.Image
"""What PIL calls an image."""

_MODES = {"1": "L", "P": "RGB", "CMYK": "RGB", "YCbCr": "RGB", "LAB": "RGB", "PA": "RGBA", "La": "LA", "RGBa": "RGBA"}


def open_stream(data: Path | bytes, name: str, form: Format, options: ReadOptions, *, plugin: str) -> ImageStream:
    """Open an image file, upright; it is decoded whole.

    Args:
        data: The file, or its content.
        name: What messages call it.
        form: Its format.
        options: What is accepted.
        plugin: Pillow's module for the format, without ``ImagePlugin``.

    Raises:
        InputError: It is damaged, or of a kind that is not supported.
    """
    try:
        with warnings.catch_warnings(), open_bytes(data) as file:
            warnings.simplefilter("ignore")
            opened = _opened(file, plugin)
            options.check_size(name, *opened.size)
            if form.name == "jpeg2000":
                _check_jpeg2000(data, name, form, options)
            notices = _decode(opened, name, options)
            image = ImageOps.exif_transpose(opened)
            return replace(Image(_samples(image, name), _metadata(image)).stream(), notices=notices)
    except InputError:
        raise
    except MemoryError:
        raise InputError(f"{name}: takes too much memory to decode") from None
    except Exception as error:  # Pillow raises at least eight kinds on bad files; each means the file is bad.
        raise refused(name, form, " ".join(str(error).split()) or type(error).__name__) from None


def _opened(file: BinaryIO, plugin: str) -> ImageFile.ImageFile:
    """Read the header by Pillow's class for the format.

    ``PIL.Image.open`` would bring a limit of its own on the number of pixels, a setting of the whole process.
    """
    module = importlib.import_module(f"PIL.{plugin}ImagePlugin")
    made: ImageFile.ImageFile = getattr(module, f"{plugin}ImageFile")(file)
    return made


def _check_jpeg2000(data: Path | bytes, name: str, form: Format, options: ReadOptions) -> None:
    """Refuse what Pillow takes in silence: colour of more than 8 bits, which it cuts, and tiles that are missing."""
    deepest, channels, tiles, present = jpeg2000.outline(data)
    if channels > 1 and deepest > 8:
        raise unsupported(name, "JPEG 2000 in colour of more than 8 bits cannot be read without loss")
    if present < tiles and not options.allow_damaged:
        raise refused(name, form, f"{tiles - present} of its {tiles} tiles are missing")


def _decode(opened: ImageFile.ImageFile, name: str, options: ReadOptions) -> tuple[str, ...]:
    """Decode, and say what was wrong with what is damaged.

    A decoder that gives up leaves the rows it has finished; Pillow hands them out once nothing is left to decode.
    """
    try:
        opened.load()
    except OSError as error:
        if not options.allow_damaged or getattr(opened, "_im", None) is None:
            raise
        opened.tile = []
        opened.load()
        if not np.asarray(opened).any():
            raise
        return (f"{name}: is damaged ({error}); what could be read was taken",)
    return ()


def _metadata(image: Picture) -> Metadata:
    """Return what a PIL image that has been turned upright carries."""
    block = image.info.get("exif")
    density = image.info.get("dpi")
    return Metadata(
        icc=image.info.get("icc_profile"),
        exif=exif.updated(block.removeprefix(b"Exif\0\0"), image.width, image.height) if block else None,
        xmp=image.info.get("xmp"),
        density=(float(density[0]) / 25.4, float(density[1]) / 25.4) if density and min(density) > 0 else None,
    )


def _samples(image: Picture, name: str) -> Pixels:
    """Return (H, W, C) of uint8, or uint16 for modes of more than 8 bits.

    Raises:
        InputError: The samples fit into neither.
    """
    if image.mode.startswith("I"):
        wide = np.asarray(image)
        if wide.min() < 0 or wide.max() > 65535:
            raise InputError(f"{name}: its values do not fit into 16 bits", hint="scale them to 0 to 65535")
        return wide.astype(np.uint16)[..., None]
    if image.mode == "F":
        raise InputError(f"{name}: PIL images of mode F have no fixed range", hint="give a float array in [0, 1]")
    if image.mode not in ("L", "LA", "RGB", "RGBA"):
        transparent = "transparency" in image.info
        image = image.convert("RGBA" if transparent else _MODES.get(image.mode, "RGB"))
    pixels = np.asarray(image)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def from_pillow(image: Picture) -> Image:
    """Take a PIL image with its profile, upright."""
    upright = ImageOps.exif_transpose(image)
    return Image(_samples(upright, "the image"), _metadata(upright))


def to_pillow(image: Image) -> Picture:
    """Give an 8-bit image, or a grey one of 16 bits, to PIL with what it carried that PIL knows.

    Raises:
        ImageValueError: PIL cannot hold such samples.
    """
    header, carried = image.header, image.metadata
    check_holds(header)
    made = PillowImage.fromarray(image.pixels[..., 0] if header.channels == 1 else image.pixels)
    if carried.icc and carried.icc[16:20] == (b"GRAY" if header.grey else b"RGB "):
        made.info["icc_profile"] = carried.icc
    if carried.exif:
        made.info["exif"] = b"Exif\0\0" + exif.updated(carried.exif, header.width, header.height)
    if carried.xmp:
        made.info["xmp"] = carried.xmp
    if carried.density:
        made.info["dpi"] = tuple(round(along * 25.4, 4) for along in carried.density)
    return made


def check_holds(header: Header) -> None:
    """Refuse what PIL has no image for.

    Raises:
        ImageValueError: The samples are of 16 bits in colour, or floats.
    """
    if header.dtype != np.uint8 and not (header.dtype == np.uint16 and header.channels == 1):
        raise ImageValueError(
            f"PIL cannot hold {header.channels} channels of {header.dtype}",
            hint="give an array or an imgrestore.Image, or ask for depth=8",
        )
