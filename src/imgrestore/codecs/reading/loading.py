"""Reading image files with libvips, row by row."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyvips

from imgrestore.codecs.formats import Format
from imgrestore.codecs.libvips import reason
from imgrestore.codecs.metadata import codes, exif, iptc, xmp
from imgrestore.codecs.metadata.png import Chunks, read_chunks
from imgrestore.codecs.options import ReadOptions
from imgrestore.codecs.reading.headers import is_monochrome, mpo_pictures, sequence_frames
from imgrestore.codecs.reading.jpeg import mended
from imgrestore.codecs.reading.refusals import refused, unsupported
from imgrestore.codecs.reading.sources import Change, virtual
from imgrestore.codecs.reading.tiff import YCBCR, UnsupportedError, read_layout
from imgrestore.codecs.reading.tiffraw import assembled, simplified, tidied
from imgrestore.errors import InputError
from imgrestore.image import BAND, Header, ImageStream, Metadata, Pixels

_DTYPES = {"uchar": np.uint8, "ushort": np.uint16, "float": np.float32}
_GEOGRAPHIC = frozenset((33550, 33922, 34264, 34735))
"""Entries of a GeoTIFF (OGC 19-008r4) that say where its pixels lie, which is untrue of a result of another size."""
_LAB = ("lab", "labs", "labq")


def open_stream(data: Path | bytes, name: str, form: Format, options: ReadOptions, *, loader: str) -> ImageStream:
    """Open an image file for reading from top to bottom, upright.

    Args:
        data: The file, or its content.
        name: What messages call it.
        form: Its format.
        options: What is accepted.
        loader: What libvips calls the format.

    Raises:
        InputError: It is damaged, too large, or of a kind that is not supported.
    """
    try:
        file = _File(data, form, loader)
        image, strict, notices = _opened(file, name, options)
        density = _density(image)
        image, changes = _standard_samples(image.autorot(), file, name, strict)
    except pyvips.Error as error:
        raise refused(name, form, reason(error)) from None
    except UnsupportedError as error:
        raise unsupported(name, f"{form.name} files {error} cannot be read") from None
    except (OSError, OverflowError, ValueError) as error:
        raise refused(name, form, str(error)) from None
    chunks = file.chunks
    colour = (chunks.colour or None) if chunks is not None else None
    if file.codes is not None and not image.get_typeof("icc-profile-data"):
        colour, notices = codes.as_chunk(file.codes), (*notices, *codes.notices(file.codes, name))
    block, records = _exif_and_iptc(image, file)
    metadata = Metadata(
        icc=_field(image, "icc-profile-data"),
        exif=exif.updated(block, image.width, image.height) if block else None,
        xmp=_field(image, "xmp-data"),
        iptc=records,
        density=chunks.density if chunks is not None else density,
        png_colour=colour,
        png_text=(chunks.text or None) if chunks is not None else None,
        extra=file.layout is not None and file.layout.extra,
    )
    dtype = np.dtype(_DTYPES[image.format])
    header = Header(image.width, image.height, image.bands, dtype, metadata)
    return ImageStream(header, _bands(image, file, dtype, name, strict), (*notices, *changes))


class _File:
    """An image file that libvips can be asked for several times.

    Attributes:
        data: The file, or its content. libvips reads bytes where they are and holds no reference to them or to what
            gives them, so this object must live as long as an image of it.
        form: Its format.
        chunks: What a PNG file says beside its pixels.
        codes: What an AVIF file says of its colours by numbers.
        layout: What a TIFF file says of its pixels.
        wrong: What is out of order about a JPEG file without harm to its pixels, or None.
    """

    def __init__(self, data: Path | bytes, form: Format, loader: str) -> None:
        self.data = data
        self.form = form
        self._loader = loader
        self.chunks = read_chunks(data) if form.name == "png" else None
        self.codes = codes.of_avif(data) if form.name == "avif" else None
        self.layout = read_layout(_mapped(data)) if form.name == "tiff" else None
        self._sources: list[Any] = []
        self._change: Change | None = None
        self.wrong: str | None = None
        if form.name == "jpeg" and (mending := mended(_mapped(data))) is not None:
            self._change, self.wrong = mending

    def load(self, *, sequential: bool, strict: bool) -> Any:
        access, fail_on = "sequential" if sequential else "random", "warning" if strict else "none"
        loader = getattr(pyvips.Image, f"{self._loader}load_source")
        layout = self.layout
        if layout is None:
            image = loader(self._source(), access=access, fail_on=fail_on)
            return image if self.chunks is None else _with_blocks(image, self.chunks)
        if strict:
            layout.check_extent()
        if not layout.raw and layout.tidy:
            return loader(self._source(), access=access, fail_on=fail_on, page=layout.page)
        changes = simplified(layout) if layout.raw else [tidied(layout)]
        sources = [virtual(layout.structure.data, change) for change in changes]
        self._sources += sources
        if not layout.raw:
            return loader(sources[0], access=access, fail_on=fail_on)
        return assembled([loader(source, access=access, fail_on=fail_on) for source in sources], layout)

    def damage(self) -> str | None:
        """Decode the whole file and return what is wrong with it, or None."""
        try:
            self.load(sequential=True, strict=True).avg()
        except pyvips.Error as error:
            return reason(error)
        except ValueError as error:
            return str(error)
        return None

    def pictures(self, image: Any) -> int:
        """Return how many pictures it holds, of which the first has been opened."""
        if self.layout is not None:
            return self.layout.pages
        if self.chunks is not None:
            return self.chunks.frames
        if self.form.name == "avif" and (frames := sequence_frames(self.data)) > 1:
            return frames
        return int(image.get("n-pages")) if image.get_typeof("n-pages") else 1

    def _source(self) -> Any:
        if self._change is not None:
            self._sources.append(virtual(_mapped(self.data), self._change))
            return self._sources[-1]
        if isinstance(self.data, bytes):
            return pyvips.Source.new_from_memory(self.data)
        handle = os.open(self.data, os.O_RDONLY)
        try:
            return pyvips.Source.new_from_descriptor(handle)
        finally:
            os.close(handle)


def _with_blocks(image: Any, chunks: Chunks) -> Any:
    """Add the EXIF, XMP and profile of a PNG file that libvips passes over, and leave EXIF out that is none."""
    image = image.copy()
    if "eXIf" in chunks.malformed and "exif-data" not in chunks.blocks:
        image.remove("exif-data")
    late = {name: block for name, block in chunks.blocks.items() if not image.get_typeof(name)}
    for name, block in late.items():
        image.set_type(pyvips.GValue.blob_type, name, block)
    if "exif-data" in late:
        up = exif.orientation(late["exif-data"].removeprefix(b"Exif\0\0"))
        image.set_type(pyvips.GValue.gint_type, "orientation", up)
    return image


def _mapped(data: Path | bytes) -> bytes | mmap.mmap:
    if isinstance(data, bytes):
        return data
    with data.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _opened(file: _File, name: str, options: ReadOptions) -> tuple[Any, bool, tuple[str, ...]]:
    """Return the image, whether damage to it is an error, and what a person should know."""
    if file.layout is not None:
        options.check_size(name, file.layout.width, file.layout.height)
    if file.chunks is not None and file.chunks.size is not None:
        options.check_size(name, *file.chunks.size)  # libvips says nothing of sizes that are beyond it
        if 0 in file.chunks.size:
            raise ValueError("its size is {}x{}".format(*file.chunks.size))
    strict = not options.allow_damaged
    image = file.load(sequential=True, strict=strict)
    options.check_size(name, image.width, image.height)
    notices = _several(image, file, name, options)
    if file.layout is not None and not _GEOGRAPHIC.isdisjoint(file.layout.entries):
        notices += (f"{name}: its place on the map (GeoTIFF) is left out",)
    if file.layout is not None and file.layout.extra:
        notices += (f"{name}: its extra channel (ExtraSamples 0) was taken as it is, not as transparency",)
    if file.chunks is not None and file.chunks.malformed:
        left = ", ".join(dict.fromkeys(file.chunks.malformed))
        notices += (f"{name}: chunks that are malformed, or larger than readers take, are left out ({left})",)
    if b"HasExtendedXMP" in (_field(image, "xmp-data") or b"") and file.form.name == "jpeg":
        notices += (f"{name}: the part of its XMP that did not fit into one segment is left out",)
    claimed = file.form.name == "jpeg" and xmp.claims_video(_field(image, "xmp-data"))
    if claimed and _mapped(file.data).find(b"ftyp") > 0:
        notices += (f"{name}: is a motion photo, whose video is left out",)
    damage = None if strict else file.damage()
    if damage is not None:
        notices += (f"{name}: is damaged ({damage}); what could be read was taken",)
    elif file.wrong is not None:
        notices += (f"{name}: is not quite as a JPEG file should be ({file.wrong}); no pixel is lost by that",)
    strict = damage is None
    return file.load(sequential=_orientation(image) in (1, 2), strict=strict), strict, notices


def _several(image: Any, file: _File, name: str, options: ReadOptions) -> tuple[str, ...]:
    """Refuse animations and several pages, and say what is left out."""
    if file.form.name == "jpeg" and (pictures := mpo_pictures(file.data)) > 1:
        return (f"{name}: holds {pictures} pictures, of which the first was taken",)
    what = "pages" if file.form.name == "tiff" else "frames"
    return options.check_pictures(name, file.pictures(image), what)


def _bands(image: Any, file: _File, dtype: np.dtype[Any], name: str, strict: bool) -> Iterator[Pixels]:
    """Give rows. ``file`` is here to stay alive."""
    region = pyvips.Region.new(image)
    for top in range(0, image.height, BAND):
        height = min(BAND, image.height - top)
        try:
            rows = region.fetch(0, top, image.width, height)
        except pyvips.Error as error:
            if strict or top == 0:
                raise refused(name, file.form, reason(error)) from None
            rows = bytes(height * image.width * image.bands * dtype.itemsize)
        yield np.frombuffer(rows, dtype=dtype).reshape(height, image.width, image.bands)


def _standard_samples(image: Any, file: _File, name: str, strict: bool) -> tuple[Any, tuple[str, ...]]:
    """Turn samples and colour spaces that networks do not know into grey or sRGB of 8 or 16 bits or float.

    Raises:
        InputError: There is no lossless or usual way to.
    """
    notices: tuple[str, ...] = ()
    layout = file.layout
    if layout is not None and layout.associated and not layout.raw and image.format == "float" and image.bands == 2:
        image = image * [1 / 255, 1]  # libvips divides by alpha / 255 where floats have one channel
    if layout is not None and layout.photometric == YCBCR and layout.raw:
        notices = (f"{name}: YCbCr was converted to RGB",)
    if image.format == "ushort" and image.get_typeof("heif-bitdepth"):
        image = image | (image >> image.get("heif-bitdepth"))  # 10 and 12 bits come shifted: white would not be white
    if file.chunks is not None and file.chunks.limited:
        image = _expanded(image, 8 if image.format == "uchar" else 16)
    if file.codes is not None and file.codes.limited and is_monochrome(file.data):
        image = _expanded(image, image.get("heif-bitdepth"))
    if image.bands >= 3 and not image.get_typeof("icc-profile-data") and _holds_no_colour(file):
        greys = image[0] if image.bands == 3 else image[0].bandjoin(image[3])
        image = greys.copy(interpretation="b-w" if image.format == "uchar" else "grey16")
    if image.format == "uint":
        if file.load(sequential=True, strict=strict).max() < 2**16:
            raise InputError(
                f"{name}: uses only the lowest 16 of its 32 bits a sample", hint="save it with 16 bits a sample"
            )
        deep = "grey16" if image.bands <= 2 else "rgb16"
        image = (image >> 16).cast("ushort").copy(interpretation=deep)
        notices = (f"{name}: 32 bits a sample were cut to 16",)
    if image.format == "double":
        image = image.cast("float")
        notices = (f"{name}: floats of 64 bits were cut to 32",)
    if image.interpretation == "cmyk":
        depth = 16 if image.format == "ushort" else 8
        image = image.icc_transform("srgb", embedded=True, input_profile="cmyk", intent="relative", depth=depth)
        notices += (f"{name}: CMYK was converted to sRGB",)
    elif image.interpretation in _LAB:
        notices += (f"{name}: Lab was converted to sRGB",)
        depth = 8 if layout is not None and layout.bits == 8 else 16
        # as LittleCMS sees Lab, under D50; libvips' own conversion takes it to be under D65
        image = image.icc_export(output_profile="srgb", pcs="lab", intent="relative", depth=depth)
        image.remove("icc-profile-data")
    if image.format not in _DTYPES or image.bands > 4:
        raise unsupported(name, f"samples of type {image.format} in {image.bands} channels are not supported")
    return image, notices


def _expanded(image: Any, bits: int) -> Any:
    """Bring colours of limited range to the full one; transparency always has that."""
    peak = 255 if image.format == "uchar" else 65535
    black, white = (limit * peak for limit in codes.limits(bits))
    colours = min(image.bands, 3) if image.bands != 2 else 1
    full = ((image.extract_band(0, n=colours) - black) * (peak / (white - black)) + 0.5).cast(image.format)
    return full if colours == image.bands else full.bandjoin(image[colours])


def _holds_no_colour(file: _File) -> bool:
    """Return whether a file says that its pixels, which libvips gives as RGB, are all grey."""
    if file.chunks is not None:
        return file.chunks.grey_palette
    return file.form.name == "avif" and is_monochrome(file.data)


def _density(image: Any) -> tuple[float, float] | None:
    """Return pixels per millimetre once upright; None where a file says nothing, and libvips names no unit or 1."""
    if not image.get_typeof("resolution-unit") or max(abs(image.xres - 1), abs(image.yres - 1)) <= 1e-3:
        return None
    density = float(image.xres), float(image.yres)
    return density[::-1] if _orientation(image) >= 5 else density


def _orientation(image: Any) -> int:
    return int(image.get("orientation")) if image.get_typeof("orientation") else 1


def _field(image: Any, name: str) -> bytes | None:
    return bytes(image.get(name)) if image.get_typeof(name) else None


def _exif_and_iptc(image: Any, file: _File) -> tuple[bytes | None, bytes | None]:
    """Return the EXIF block from its byte order on, and the bare IPTC records; a TIFF file's are read from the file."""
    if file.layout is None:
        block = _field(image, "exif-data")
        return block.removeprefix(b"Exif\0\0") if block else None, iptc.unwrapped(_field(image, "iptc-data") or b"")
    content = file.layout.structure.data
    try:
        return exif.from_tiff(content), iptc.unwrapped(exif.tiff_value(content, iptc.TIFF_TAG) or b"")
    except ValueError:
        return None, None
