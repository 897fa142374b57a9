"""Writing image files with libvips, row by row."""

from __future__ import annotations

import atexit
import logging
import os
import queue
import struct
import threading
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyvips

from imgrestore.codecs import exif, xmp
from imgrestore.codecs.containers import embed
from imgrestore.codecs.formats import Format
from imgrestore.codecs.headers import png_chunk
from imgrestore.codecs.options import SaveOptions
from imgrestore.codecs.pngcolor import profile_for
from imgrestore.errors import OutputError
from imgrestore.image import Header, ImageStream, Pixels


def _silence() -> None:
    """Keep libvips from printing, and GLib, which does where a file claims absurd sizes; errors come as exceptions."""
    logging.getLogger("pyvips").setLevel(logging.CRITICAL + 1)
    levels = pyvips.GLogLevelFlags.LEVEL_WARNING | pyvips.GLogLevelFlags.LEVEL_CRITICAL
    domain = b"GLib-GObject"
    handler = pyvips.glib_lib.g_log_set_handler(domain, levels, pyvips._log_handler_cb, pyvips.ffi.NULL)
    atexit.register(pyvips.glib_lib.g_log_remove_handler, domain, handler)


_silence()
pyvips.cache_set_max(0)
pyvips.block_untrusted_set(True)

_FORMATS = {"uint8": "uchar", "uint16": "ushort", "float32": "float"}
_LARGEST_OPTIMIZED = 2**24
"""Pixels up to which JPEG codes are optimised: that takes two passes, so the encoder holds the whole image."""


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
    header, lost = _settled(stream.header, form)
    feed = _RowFeed(header)
    failure: list[Exception] = []

    def encode() -> None:
        try:
            _save(_with_metadata(feed.image(), header, form), path, form, options)
        except Exception as error:  # it must not be lost with the thread
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
    if failure and isinstance(failure[0], pyvips.Error):
        raise OutputError(f"{path.parent}: cannot be written as {form.name} ({reason(failure[0])})")
    if failure:
        raise failure[0]
    return [*lost, *embed(path, form.name, header.metadata)]


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
        self._queue.put(b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", size))

    def put(self, band: Pixels) -> None:
        rows = np.ascontiguousarray(band).view(np.uint8).reshape(band.shape[0], -1)
        filtered = np.concatenate([np.zeros((len(rows), 1), np.uint8), rows], axis=1)
        self._push(png_chunk(b"IDAT", self._deflate.compress(filtered.tobytes())))

    def finish(self) -> None:
        self._push(png_chunk(b"IDAT", self._deflate.flush()) + png_chunk(b"IEND", b""))
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


def _settled(header: Header, form: Format) -> tuple[Header, list[str]]:
    """Return the header with metadata that is true of the result and fits into the format, and what does not fit."""
    metadata = header.metadata
    lost: list[str] = []
    if metadata.exif is not None:
        metadata = replace(metadata, exif=exif.updated(metadata.exif, header.width, header.height))
    if metadata.xmp is not None:
        metadata = replace(metadata, xmp=xmp.updated(metadata.xmp, header.width, header.height))
    if metadata.png_colour is not None and form.name != "png":
        icc, lost = profile_for(metadata.png_colour, grey=header.grey, icc=metadata.icc)
        metadata = replace(metadata, icc=icc, png_colour=None)
    if metadata.png_text is not None and form.name != "png":
        lost.append(f"{form.name} has no place for a PNG file's texts, which were left out")
    if metadata.icc is not None and metadata.icc[16:20] != (b"GRAY" if header.grey else b"RGB "):
        lost.append(f"its colour profile is not one of {'grey' if header.grey else 'RGB'} images, and was left out")
        metadata = replace(metadata, icc=None)
    return replace(header, metadata=metadata), lost


def _with_metadata(image: Any, header: Header, form: Format) -> Any:
    image = image.copy()
    metadata = header.metadata
    for name, block in (
        ("icc-profile-data", metadata.icc),
        ("xmp-data", metadata.xmp if form.name in ("tiff", "webp") else None),
    ):
        if block is not None:
            image.set_type(pyvips.GValue.blob_type, name, block)
    if metadata.density is not None:
        image = image.copy(xres=metadata.density[0], yres=metadata.density[1])
        image.set_type(pyvips.GValue.gstr_type, "resolution-unit", "in")
    return image


def _save(image: Any, path: Path, form: Format, options: SaveOptions) -> None:
    keep = {"keep": "icc:xmp"}
    target = os.fsencode(path)  # names need not be text
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


def reason(error: pyvips.Error) -> str:
    """Return the first telling line of libvips' account."""
    lines = [line.strip() for line in str(error.detail or "").splitlines() if line.strip()]
    return lines[0] if lines else "its data cannot be decoded"
