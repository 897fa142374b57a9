"""One image to restore. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imgrestore.batch.inputs import STREAM
from imgrestore.codecs.formats import Format, by_name
from imgrestore.image import Header
from imgrestore.provenance.settings import Settings


@dataclass(frozen=True)
class Job:
    """One image to restore; it can be sent to another process.

    Attributes:
        source: The input file, or :data:`STREAM`.
        content: Bytes that were read from standard input or a pipe, or None for a file.
        destination: The output file, or :data:`STREAM`.
        header: Size and type of the input.
        settings: What its result is like, settled for this image: enlargement, size and format are told.
        replaces: Whether a file may be replaced that is at the output's place when it is finished.
        stamped: Whether the input says of itself that it is a result.
    """

    source: Path
    content: bytes | None
    destination: Path
    header: Header
    settings: Settings
    replaces: bool = False
    stamped: bool = False

    @property
    def data(self) -> Path | bytes:
        """What holds the image: the bytes that were read, or the file."""
        return self.source if self.content is None else self.content

    @property
    def name(self) -> str:
        """What messages call the input."""
        return "standard input" if self.source == STREAM else str(self.source)

    @property
    def form(self) -> Format:
        """Format of the output."""
        form = by_name(self.settings.format or "")
        assert form is not None
        return form

    @property
    def result_size(self) -> tuple[int, int]:
        """Width and height of the output in pixels: those of the part that is wanted, if it is one."""
        crop = self.settings.crop
        return (crop.width, crop.height) if crop is not None else self.settings.size

    @property
    def pixels(self) -> int:
        """Pixels of the output: the unit of progress."""
        width, height = self.result_size
        return width * height
