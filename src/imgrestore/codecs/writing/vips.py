"""Encoding with libvips, row by row."""

from __future__ import annotations

import os
import queue
import struct
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyvips

from imgrestore.codecs.formats import Format
from imgrestore.codecs.libvips import reason
from imgrestore.codecs.metadata.png import png_chunk
from imgrestore.errors import OutputError
from imgrestore.image import Header, ImageStream, Pixels

_FORMATS = {"uint8": "uchar", "uint16": "ushort", "float32": "float"}


def encode(stream: ImageStream, path: Path, form: Format, save: Callable[[Any, bytes], None]) -> None:
    """Encode an image into a new file while its rows arrive.

    The rows are asked for in the calling thread; a second thread encodes.

    Args:
        stream: The image; its type and channels must be ones the format can hold.
        path: The file to make.
        form: Its format.
        save: Calls a saver of libvips with an image and the file's name. Of metadata, the image has profile and XMP.

    Raises:
        OutputError: The file cannot be written.
    """
    feed = _RowFeed(stream.header)
    failure: list[Exception] = []

    def run() -> None:
        try:
            save(_with_metadata(feed.image(), stream.header), os.fsencode(path))  # names need not be text
        except Exception as error:  # it must not be lost with the thread
            failure.append(error)
        finally:
            feed.drain()

    encoder = threading.Thread(target=run, name="encoder", daemon=True)
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


def _with_metadata(image: Any, header: Header) -> Any:
    image = image.copy()
    metadata = header.metadata
    for name, block in (("icc-profile-data", metadata.icc), ("xmp-data", metadata.xmp)):
        if block is not None:
            image.set_type(pyvips.GValue.blob_type, name, block)
    if metadata.density is not None:
        image = image.copy(xres=metadata.density[0], yres=metadata.density[1])
        image.set_type(pyvips.GValue.gstr_type, "resolution-unit", "in")
    return image
