"""Reading the formats that libvips' wheel cannot: BMP, PPM, JPEG 2000."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageOps

from imgrestore.codecs import exif
from imgrestore.codecs.formats import Format
from imgrestore.errors import InputError
from imgrestore.image import Image, ImageStream, Metadata, Pixels

Picture = PillowImage.Image
"""What PIL calls an image."""

_PILLOW_NAMES = {"bmp": "BMP", "netpbm": "PPM", "jpeg2000": "JPEG2000"}
_MODES = {"1": "L", "P": "RGB", "CMYK": "RGB", "YCbCr": "RGB", "LAB": "RGB", "PA": "RGBA", "La": "LA", "RGBa": "RGBA"}


def open_stream(data: Path | bytes, name: str, form: Format) -> ImageStream:
    """Open an image file, upright; it is decoded whole.

    Raises:
        InputError: It is damaged, or of a kind that is not supported.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", PillowImage.DecompressionBombWarning)
            warnings.simplefilter("ignore", UserWarning)
            source: Path | IO[bytes] = io.BytesIO(data) if isinstance(data, bytes) else data
            with PillowImage.open(source, formats=[_PILLOW_NAMES[form.name]]) as opened:
                if form.name == "netpbm" and _deep_colour(data):
                    raise InputError(f"{name}: PPM of 16 bits is not supported", hint="convert it to PNG or TIFF")
                opened.load()
                image = ImageOps.exif_transpose(opened)
    except InputError:
        raise
    except Exception as error:  # Pillow raises at least eight kinds on bad files; each means the file is bad.
        raise InputError(f"{name}: not a readable {form.name} file ({error})", hint="the file may be damaged") from None
    return Image(_samples(image, name), _metadata(image)).stream()


def _metadata(image: Picture) -> Metadata:
    """Return what a PIL image that has been turned upright carries."""
    block = image.info.get("exif")
    density = image.info.get("dpi")
    return Metadata(
        icc=image.info.get("icc_profile"),
        exif=exif.updated(block.removeprefix(b"Exif\0\0"), image.width, image.height) if block else None,
        xmp=image.info.get("xmp"),
        density=(float(density[0]) / 25.4, float(density[1]) / 25.4) if density else None,
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


def _deep_colour(data: Path | bytes) -> bool:
    """Return whether a PPM says more than 255 levels of colour, which Pillow would cut to 8 bits in silence."""
    if isinstance(data, bytes):
        head = data[:65536]
    else:
        with data.open("rb") as file:
            head = file.read(65536)
    words = [w for line in head.splitlines() if not line.startswith(b"#") for w in line.split(b"#")[0].split()]
    return words[0] in (b"P3", b"P6") and len(words) > 3 and words[3].isdigit() and int(words[3]) > 255


def from_pillow(image: Picture) -> Image:
    """Take a PIL image with its profile, upright."""
    upright = ImageOps.exif_transpose(image)
    return Image(_samples(upright, "the image"), _metadata(upright))


def to_pillow(image: Image) -> Picture:
    """Give an 8-bit image, or a grey one of 16 bits, to PIL with its profile.

    Raises:
        ValueError: PIL cannot hold such samples (16-bit colour).
    """
    pixels = image.pixels[..., 0] if image.header.channels == 1 else image.pixels
    if pixels.dtype != np.uint8 and not (pixels.dtype == np.uint16 and pixels.ndim == 2):
        raise ValueError(f"PIL cannot hold {pixels.shape} of {pixels.dtype}; restore an array or imgrestore.Image")
    made = PillowImage.fromarray(pixels)
    if image.metadata.icc:
        made.info["icc_profile"] = image.metadata.icc
    return made
