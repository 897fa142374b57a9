"""Reading and writing image files with libvips, row by row."""

from __future__ import annotations

import logging
import mmap
import os
import queue
import re
import struct
import threading
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyvips

from imgrestore.codecs import exif, iptc
from imgrestore.codecs.containers import TIFF_IPTC, embed
from imgrestore.codecs.formats import Format
from imgrestore.codecs.options import SaveOptions
from imgrestore.errors import InputError, OutputError
from imgrestore.image import BAND, Header, ImageStream, Metadata, Pixels

logging.getLogger("pyvips").setLevel(logging.CRITICAL)
pyvips.cache_set_max(0)
pyvips.block_untrusted_set(True)

_DTYPES = {"uchar": np.uint8, "ushort": np.uint16, "float": np.float32, "double": np.float32}
_FORMATS = {"uint8": "uchar", "uint16": "ushort", "float32": "float"}
_LARGEST_OPTIMIZED = 2**24
"""Pixels up to which JPEG codes are optimised: that takes two passes, so the encoder holds the whole image."""

_PROFILED = ("cmyk", "lab", "labs", "labq", "xyz", "hsv", "lch")


def open_stream(data: Path | bytes, name: str, form: Format) -> ImageStream:
    """Open an image file for reading from top to bottom, upright.

    Args:
        data: The file, or its content.
        name: What messages call it.
        form: Its format.

    Raises:
        InputError: It is damaged, or of a kind that is not supported.
    """
    try:
        image = _load(data, sequential=True)
        orientation = image.get("orientation") if image.get_typeof("orientation") else 1
        if orientation not in (1, 2):
            image = _load(data, sequential=False)
        image = image.autorot()
        density = _density(image)
        image, notices = _standard_colour(image, name)
    except pyvips.Error as error:
        raise _unreadable(name, form, error) from None
    if image.format not in _DTYPES or image.bands > 4:
        raise InputError(
            f"{name}: samples of type {image.format} in {image.bands} channels are not supported",
            hint="convert it to 8 or 16 bits, grey or RGB",
        )
    if image.get_typeof("n-pages") and image.get("n-pages") > 1:
        raise InputError(f"{name}: holds {image.get('n-pages')} pages", hint="save one page as a file of its own")
    if image.format == "double":
        image = image.cast("float")
    block, records = _exif_and_iptc(image, data, form)
    metadata = Metadata(
        icc=_field(image, "icc-profile-data"),
        exif=exif.updated(block, image.width, image.height) if block else None,
        xmp=_upright_xmp(_field(image, "xmp-data")),
        iptc=records,
        density=density,
    )
    dtype = np.dtype(_DTYPES[image.format])
    header = Header(image.width, image.height, image.bands, dtype, metadata)
    return ImageStream(header, _bands(image, dtype, name, form), notices)


def write_stream(stream: ImageStream, path: Path, form: Format, options: SaveOptions) -> list[str]:
    """Encode an image into a new file while its rows arrive.

    The rows are asked for in the calling thread; a second thread encodes.

    Args:
        stream: The image; its type and channels must be ones the format can hold.
        path: The file to make.
        form: Its format.
        options: How to compress.

    Returns:
        One line for each thing that could not be kept.

    Raises:
        OutputError: The file cannot be written.
    """
    header = stream.header
    feed = _RowFeed(header)
    failure: list[pyvips.Error] = []

    def encode() -> None:
        try:
            _save(_with_metadata(feed.image(), header, form), path, form, options)
        except pyvips.Error as error:
            failure.append(error)
        finally:
            feed.drain()

    encoder = threading.Thread(target=encode, name="encoder", daemon=True)
    encoder.start()
    try:
        for band in stream.bands:
            feed.put(band)
            if feed.closed:
                break
        feed.finish()
    except BaseException:
        feed.abort()
        raise
    finally:
        encoder.join()
    if failure:
        raise OutputError(f"{path.parent}: cannot be written as {form.name} ({_reason(failure[0])})")
    metadata = header.metadata
    if metadata.exif is not None:
        metadata = replace(metadata, exif=exif.updated(metadata.exif, header.width, header.height))
    return embed(path, form.name, metadata)


class _RowFeed:
    """Hands rows to libvips as a PNG stream without compression, the one raw stream that it reads row by row.

    Samples of any type travel as bytes and are put together again on the other side.
    """

    def __init__(self, header: Header) -> None:
        self._header = header
        self._sample_bytes = header.channels * header.dtype.itemsize
        self._queue: queue.Queue[bytes | None] = queue.Queue(maxsize=4)
        self._rest = memoryview(b"")
        self._deflate = zlib.compressobj(0)
        self._ended = False
        self.closed = False
        size = struct.pack(">IIBBBBB", header.width * self._sample_bytes, header.height, 8, 0, 0, 0, 0)
        self._queue.put(b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", size))

    def put(self, band: Pixels) -> None:
        rows = np.ascontiguousarray(band).view(np.uint8).reshape(band.shape[0], -1)
        filtered = np.concatenate([np.zeros((len(rows), 1), np.uint8), rows], axis=1)
        self._push(_chunk(b"IDAT", self._deflate.compress(filtered.tobytes())))

    def finish(self) -> None:
        self._push(_chunk(b"IDAT", self._deflate.flush()) + _chunk(b"IEND", b""))
        self._push(None)

    def abort(self) -> None:
        """End the stream early; the decoder on the other side then fails."""
        self._push(None)

    def drain(self) -> None:
        """Stop accepting rows, so that nobody waits for a reader that has gone."""
        self.closed = True
        while not self._queue.empty():
            self._queue.get_nowait()

    def image(self) -> Any:
        self._source = pyvips.SourceCustom()
        self._source.on_read(self._read)
        image = pyvips.Image.pngload_source(self._source, access="sequential", unlimited=True, fail_on="truncated")
        image = image.bandfold(factor=self._sample_bytes)
        deep = self._header.dtype == np.uint16
        colour = ("grey16" if deep else "b-w") if self._header.grey else ("rgb16" if deep else "srgb")
        return image.copy(format=_FORMATS[self._header.dtype.name], bands=self._header.channels, interpretation=colour)

    def _push(self, content: bytes | None) -> None:
        while not self.closed:
            try:
                self._queue.put(content, timeout=0.1)
                return
            except queue.Full:
                continue

    def _read(self, size: int) -> bytes:
        if not self._rest and not self._ended:
            content = self._queue.get()
            self._ended = content is None
            self._rest = memoryview(content or b"")
        taken, self._rest = self._rest[:size], self._rest[size:]
        return bytes(taken)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))


def _load(data: Path | bytes, *, sequential: bool) -> Any:
    if isinstance(data, bytes):
        source = pyvips.Source.new_from_memory(data)
    else:
        handle = os.open(data, os.O_RDONLY)
        try:
            source = pyvips.Source.new_from_descriptor(handle)
        finally:
            os.close(handle)
    return pyvips.Image.new_from_source(source, "", access="sequential" if sequential else "random", fail_on="warning")


def _bands(image: Any, dtype: np.dtype[Any], name: str, form: Format) -> Iterator[Pixels]:
    region = pyvips.Region.new(image)
    try:
        for top in range(0, image.height, BAND):
            height = min(BAND, image.height - top)
            rows = region.fetch(0, top, image.width, height)
            yield np.frombuffer(rows, dtype=dtype).reshape(height, image.width, image.bands)
    except pyvips.Error as error:
        raise _unreadable(name, form, error) from None


def _standard_colour(image: Any, name: str) -> tuple[Any, tuple[str, ...]]:
    """Turn CMYK and other colour spaces that networks do not know into sRGB."""
    if image.interpretation == "cmyk":
        depth = 16 if image.format == "ushort" else 8
        converted = image.icc_transform("srgb", embedded=True, input_profile="cmyk", intent="relative", depth=depth)
        return converted, (f"{name}: CMYK was converted to sRGB",)
    if image.interpretation in _PROFILED:
        return image.colourspace("srgb"), (f"{name}: {image.interpretation} was converted to sRGB",)
    return image, ()


def _density(image: Any) -> tuple[float, float] | None:
    """Return pixels per millimetre; libvips says 1, or 72 an inch, where a file says nothing."""
    unstated = any(abs(image.xres - value) < 1e-3 and abs(image.yres - value) < 1e-3 for value in (1.0, 72 / 25.4))
    return None if unstated else (float(image.xres), float(image.yres))


def _upright_xmp(packet: bytes | None) -> bytes | None:
    """Return an XMP packet that says what has been done: the image is upright."""
    return re.sub(rb"(tiff:Orientation(?:=[\"']|>))[2-8]", rb"\g<1>1", packet) if packet else packet


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


def _with_metadata(image: Any, header: Header, form: Format) -> Any:
    image = image.copy()
    metadata = header.metadata
    for name, block in (
        ("icc-profile-data", metadata.icc),
        ("xmp-data", metadata.xmp),
        ("iptc-data", iptc.wrapped(metadata.iptc) if metadata.iptc and form.name == "jpeg" else None),
    ):
        if block is not None:
            image.set_type(pyvips.GValue.blob_type, name, block)
    if metadata.density is not None:
        image = image.copy(xres=metadata.density[0], yres=metadata.density[1])
        image.set_type(pyvips.GValue.gstr_type, "resolution-unit", "in")
    return image


def _save(image: Any, path: Path, form: Format, options: SaveOptions) -> None:
    keep = {"keep": "icc:xmp:iptc"}
    target = str(path)
    if form.name == "png":
        image.pngsave(target, compression=6, filter="sub:up:avg:paeth", **keep)
    elif form.name == "jpeg":
        chroma = "on" if options.subsampling else "off"
        small = image.width * image.height <= _LARGEST_OPTIMIZED
        image.jpegsave(target, Q=options.quality, subsample_mode=chroma, optimize_coding=small, **keep)
    elif form.name == "tiff":
        predictor = "none" if image.format == "float" else "horizontal"  # few readers know the float predictor
        large = image.width * image.height * image.bands * 4 > 2**31
        image.tiffsave(target, compression="deflate", predictor=predictor, bigtiff=large, **keep)
    elif form.name == "webp":
        image.webpsave(target, Q=options.quality, lossless=options.lossless, exact=True, **keep)
    else:
        raise ValueError(f"{form.name} is not a format to save in")


def _unreadable(name: str, form: Format, error: pyvips.Error) -> InputError:
    return InputError(f"{name}: not a readable {form.name} file ({_reason(error)})", hint="the file may be damaged")


def _reason(error: pyvips.Error) -> str:
    """Return the first telling line of libvips' account."""
    lines = [line.strip() for line in str(error.detail or error.message).splitlines() if line.strip()]
    return lines[0] if lines else "no reason given"
