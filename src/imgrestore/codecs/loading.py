"""Reading image files with libvips, row by row."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyvips

from imgrestore.codecs import exif, iptc
from imgrestore.codecs.containers import TIFF_IPTC
from imgrestore.codecs.formats import Format
from imgrestore.codecs.headers import mpo_pictures, png_density, png_header, png_text, sequence_frames
from imgrestore.codecs.options import ReadOptions
from imgrestore.codecs.vips import reason
from imgrestore.errors import DamagedError, InputError
from imgrestore.image import BAND, Header, ImageStream, Metadata, Pixels

_DTYPES = {"uchar": np.uint8, "ushort": np.uint16, "float": np.float32, "double": np.float32}
_LOADERS = {"png": "png", "jpeg": "jpeg", "tiff": "tiff", "webp": "webp", "avif": "heif", "heic": "heif", "gif": "gif"}
_PROFILED = ("cmyk", "lab", "labs", "labq", "xyz", "hsv", "lch")
_TIFF_EXTRA_SAMPLES = 0x0152


def open_stream(data: Path | bytes, name: str, form: Format, options: ReadOptions) -> ImageStream:
    """Open an image file for reading from top to bottom, upright.

    Args:
        data: The file, or its content.
        name: What messages call it.
        form: Its format.
        options: What is accepted.

    Raises:
        InputError: It is damaged, too large, or of a kind that is not supported.
    """
    try:
        strict = not options.allow_damaged
        image = _load(data, form, sequential=True, strict=strict)
        options.check_size(name, image.width, image.height)
        notices = _several(image, data, name, form, options)
        if not strict:
            damage = _damage(data, form)
            strict = damage is None
            notices += () if strict else (f"{name}: is damaged ({damage}); what could be read was taken",)
        orientation = image.get("orientation") if image.get_typeof("orientation") else 1
        image = _load(data, form, sequential=orientation in (1, 2), strict=strict)
        density = _density(image)
        image, changes = _standard_samples(image.autorot(), data, name, form, strict)
    except pyvips.Error as error:
        raise _unreadable(name, form, reason(error)) from None
    except (OSError, OverflowError, ValueError) as error:
        raise _unreadable(name, form, str(error)) from None
    block, records = _exif_and_iptc(image, data, form)
    metadata = Metadata(
        icc=_field(image, "icc-profile-data"),
        exif=exif.updated(block, image.width, image.height) if block else None,
        xmp=_field(image, "xmp-data"),
        iptc=records,
        density=png_density(data) if form.name == "png" else density,
        png_colour=(png_header(data)[0] or None) if form.name == "png" else None,
        png_text=png_text(data) if form.name == "png" else None,
    )
    dtype = np.dtype(_DTYPES[image.format])
    header = Header(image.width, image.height, image.bands, dtype, metadata)
    return ImageStream(header, _bands(image, data, dtype, name, form, strict), (*notices, *changes))


def _several(image: Any, data: Path | bytes, name: str, form: Format, options: ReadOptions) -> tuple[str, ...]:
    """Refuse animations and several pages, and say what is left out."""
    pages = image.get("n-pages") if image.get_typeof("n-pages") else 1
    if form.name == "png":
        pages = png_header(data)[1]
    if form.name in ("avif", "heic") and (frames := sequence_frames(data)) > 1:
        return options.check_pictures(name, frames, "frames")
    if form.name == "jpeg" and (pictures := mpo_pictures(data)) > 1:
        return (f"{name}: holds {pictures} pictures, of which the first was taken",)
    return options.check_pictures(name, pages, "pages" if form.name in ("tiff", "heic") else "frames")


def _damage(data: Path | bytes, form: Format) -> str | None:
    """Decode a whole file and return what is wrong with it, or None."""
    try:
        _load(data, form, sequential=True, strict=True).avg()
    except pyvips.Error as error:
        return reason(error)
    return None


def _load(data: Path | bytes, form: Format, *, sequential: bool, strict: bool) -> Any:
    if isinstance(data, bytes):
        source = pyvips.Source.new_from_memory(data)
    else:
        handle = os.open(data, os.O_RDONLY)
        try:
            source = pyvips.Source.new_from_descriptor(handle)
        finally:
            os.close(handle)
    access, fail_on = "sequential" if sequential else "random", "warning" if strict else "none"
    loader = getattr(pyvips.Image, f"{_LOADERS[form.name]}load_source")
    return loader(source, access=access, fail_on=fail_on)


def _bands(
    image: Any, data: Path | bytes, dtype: np.dtype[Any], name: str, form: Format, strict: bool
) -> Iterator[Pixels]:
    """Give rows. ``data`` is here to stay alive: libvips reads bytes where they are, and holds no reference to them."""
    region = pyvips.Region.new(image)
    for top in range(0, image.height, BAND):
        height = min(BAND, image.height - top)
        try:
            rows = region.fetch(0, top, image.width, height)
        except pyvips.Error as error:
            if strict or top == 0:
                raise _unreadable(name, form, reason(error)) from None
            rows = bytes(height * image.width * image.bands * dtype.itemsize)
        yield np.frombuffer(rows, dtype=dtype).reshape(height, image.width, image.bands)


def _standard_samples(
    image: Any, data: Path | bytes, name: str, form: Format, strict: bool
) -> tuple[Any, tuple[str, ...]]:
    """Turn samples and colour spaces that networks do not know into grey or sRGB of 8 or 16 bits or float.

    Raises:
        InputError: There is no lossless or usual way to.
    """
    notices: tuple[str, ...] = ()
    if form.name == "tiff" and image.format == "float" and image.bands == 2 and _associated(data):
        image = image * [1 / 255, 1]  # libvips divides by alpha / 255 where floats have one channel
    if image.format == "uint":
        if _load(data, form, sequential=True, strict=strict).max() < 2**16:
            raise InputError(
                f"{name}: uses only the lowest 16 of its 32 bits a sample", hint="save it with 16 bits a sample"
            )
        deep = "grey16" if image.bands <= 2 else "rgb16"
        image = (image >> 16).cast("ushort").copy(interpretation=deep)
        notices = (f"{name}: 32 bits a sample were cut to 16",)
    if image.interpretation == "cmyk":
        depth = 16 if image.format == "ushort" else 8
        image = image.icc_transform("srgb", embedded=True, input_profile="cmyk", intent="relative", depth=depth)
        notices += (f"{name}: CMYK was converted to sRGB",)
    elif image.interpretation in _PROFILED:
        notices += (f"{name}: {image.interpretation} was converted to sRGB",)
        deep = image.interpretation == "labs" or image.format == "ushort"
        image = image.colourspace("rgb16" if deep else "srgb").copy()
        image.remove("icc-profile-data")
    if image.format not in _DTYPES or image.bands > 4:
        raise InputError(
            f"{name}: samples of type {image.format} in {image.bands} channels are not supported",
            hint="convert it to 8 or 16 bits, grey or RGB",
        )
    return image.cast("float") if image.format == "double" else image, notices


def _associated(data: Path | bytes) -> bool:
    """Return whether a TIFF file's colours are multiplied by alpha."""
    try:
        if isinstance(data, bytes):
            value = exif.tiff_value(data, _TIFF_EXTRA_SAMPLES)
        else:
            with data.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                value = exif.tiff_value(content, _TIFF_EXTRA_SAMPLES)
    except ValueError:
        return False
    return value is not None and value[:2] in (b"\1\0", b"\0\1")


def _density(image: Any) -> tuple[float, float] | None:
    """Return pixels per millimetre, or None where a file says nothing: libvips then names no unit, or says 1."""
    stated = image.get_typeof("resolution-unit") and (abs(image.xres - 1) > 1e-3 or abs(image.yres - 1) > 1e-3)
    return (float(image.xres), float(image.yres)) if stated else None


def _field(image: Any, name: str) -> bytes | None:
    return bytes(image.get(name)) if image.get_typeof(name) else None


def _exif_and_iptc(image: Any, data: Path | bytes, form: Format) -> tuple[bytes | None, bytes | None]:
    """Return the EXIF block from its byte order on, and the bare IPTC records; a TIFF file's are read from the file."""
    if form.name != "tiff":
        block = _field(image, "exif-data")
        return block.removeprefix(b"Exif\0\0") if block else None, iptc.unwrapped(_field(image, "iptc-data") or b"")
    try:
        if isinstance(data, bytes):
            return exif.from_tiff(data), iptc.unwrapped(exif.tiff_value(data, TIFF_IPTC) or b"")
        with data.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return exif.from_tiff(content), iptc.unwrapped(exif.tiff_value(content, TIFF_IPTC) or b"")
    except ValueError:
        return None, None


def _unreadable(name: str, form: Format, what: str) -> InputError:
    return DamagedError(f"{name}: not a readable {form.name} file ({what})", hint="the file may be damaged")
