"""What is known of a file format: one record says all about it. Imports nothing heavy."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgrestore.codecs.formats.registry import named

if TYPE_CHECKING:
    from imgrestore.codecs.options import ReadOptions, SaveOptions
    from imgrestore.image import ImageStream

EVERYWHERE = frozenset(("icc", "exif", "xmp"))
"""What nearly every format can carry beside the pixels."""


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes:
        name: What ``--format`` calls it.
        extensions: File name endings, the usual one first.
        read: Opens a file of it: ``read(data, name, form, options)`` as :func:`imgrestore.codecs.open_image`, with
            this record as ``form``.
        signatures: With what its files begin.
        recognise: Tells from the first bytes of a file, its last ones, and the ending of its name, whether it is of
            this format; in place of ``signatures``, where those do not suffice.
        whole: Whether opening a file decodes all of it.
        isolated: Whether it is decoded in a process of its own, because its files can bring decoders to abort.
        write: Encodes an image: ``write(stream, path, form, options)`` makes the file and returns one line for each
            thing that could not be kept; None where results cannot be saved in it. The stream's type, channels and
            metadata are ones that this record says the format can hold.
        depths: Sample types it can hold.
        alpha: Whether it can hold transparency.
        largest_side: Longest side in pixels, a limit of the format.
        carries: Which fields of :class:`imgrestore.image.Metadata` it can hold.
        largest_xmp: Longest XMP packet in bytes, a limit of the format, or None.
        heeds: Which fields of :class:`imgrestore.codecs.SaveOptions` its files depend on.
    """

    name: str
    extensions: tuple[str, ...]
    read: Callable[[Path | bytes, str, Format, ReadOptions], ImageStream]
    signatures: tuple[bytes, ...] = ()
    recognise: Callable[[bytes, bytes, str], bool] | None = None
    whole: bool = False
    isolated: bool = False
    write: Callable[[ImageStream, Path, Format, SaveOptions], list[str]] | None = None
    depths: tuple[str, ...] = ("uint8",)
    alpha: bool = False
    largest_side: int = 2**31 - 1
    carries: frozenset[str] = EVERYWHERE
    largest_xmp: int | None = None
    heeds: tuple[str, ...] = ()

    @property
    def writable(self) -> bool:
        """Whether results can be saved in it."""
        return self.write is not None

    def matches(self, head: bytes, tail: bytes, extension: str) -> bool:
        """Return whether a file with these first and last bytes, and this ending of its name, is of this format."""
        if self.recognise is not None:
            return self.recognise(head, tail, extension)
        return head.startswith(self.signatures)

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to other processes by name alone: there, it is the record that is registered there."""
        return named, (self.name,)


@dataclass(frozen=True)
class Deferred:
    """A function that is imported when it is first called.

    Attributes:
        module: Module that defines it, below :mod:`imgrestore.codecs`.
        function: Its name there.
        given: Further arguments by keyword.
    """

    module: str
    function: str
    given: tuple[tuple[str, Any], ...] = ()

    def __call__(self, *arguments: Any) -> Any:
        """Call the function."""
        return self.load()(*arguments, **dict(self.given))

    def load(self) -> Callable[..., Any]:
        """Import the function."""
        found: Callable[..., Any] = getattr(importlib.import_module(f"imgrestore.codecs.{self.module}"), self.function)
        return found


def by_vips(loader: str) -> Deferred:
    """Read by libvips, row by row.

    Args:
        loader: What libvips calls the format.
    """
    return Deferred("reading.loading", "open_stream", (("loader", loader),))


def by_pillow(plugin: str) -> Deferred:
    """Read by Pillow, decoded whole.

    Args:
        plugin: Pillow's module for the format, without ``ImagePlugin``.
    """
    return Deferred("reading.pillow", "open_stream", (("plugin", plugin),))


def branded(*brands: bytes) -> Callable[[bytes, bytes, str], bool]:
    """Recognise files that name one of these brands, as their own or as one they are compatible with.

    ISO/IEC 14496-12: the box ``ftyp`` at the beginning.
    """

    def recognise(head: bytes, tail: bytes, extension: str) -> bool:
        end = int.from_bytes(head[:4])
        named = (head[8:12], *(head[i : i + 4] for i in range(16, min(end, len(head)), 4)))
        return head[4:8] == b"ftyp" and not set(brands).isdisjoint(named)

    return recognise
