"""How files are read, and how results are compressed."""

from __future__ import annotations

from dataclasses import dataclass

from imgrestore.codecs.formats import named
from imgrestore.errors import SeveralPicturesError, TooLargeError


@dataclass(frozen=True)
class ReadOptions:
    """What is accepted of a file.

    Attributes:
        max_pixels: Pixels above which an image is refused before it is decoded, or None for no limit.
        allow_damaged: Whether what can be saved of a damaged file is taken, instead of refusing it.
        first_frame: Whether the first picture of an animation or of several pages is taken, instead of refusing it.
    """

    max_pixels: int | None = 268_402_689
    allow_damaged: bool = False
    first_frame: bool = False

    def check_size(self, name: str, width: int, height: int) -> None:
        """Refuse an image of too many pixels.

        Raises:
            TooLargeError: It has more than :attr:`max_pixels`.
        """
        if self.max_pixels is not None and width * height > self.max_pixels:
            raise TooLargeError(
                f"{name}: {width}x{height} is more than {self.max_pixels} pixels",
                hint=f"restore --max-pixels {width * height} takes it, if you trust the file",
            )

    def check_pictures(self, name: str, count: int, what: str) -> tuple[str, ...]:
        """Refuse a file of several pictures, or say that only the first is taken.

        Raises:
            SeveralPicturesError: It holds several, and the first alone was not asked for.
        """
        if count <= 1:
            return ()
        if not self.first_frame:
            raise SeveralPicturesError(f"{name}: holds {count} {what}", hint="restore --first-frame takes the first")
        return (f"{name}: holds {count} {what}, of which the first was taken",)


@dataclass(frozen=True)
class SaveOptions:
    """How a result is compressed.

    Attributes:
        quality: 1 to 100, for JPEG and lossy WebP.
        subsampling: Whether JPEG stores colour at half resolution (4:2:0).
        lossless: Whether WebP keeps every pixel.
    """

    quality: int = 95
    subsampling: bool = False
    lossless: bool = False

    def heeded_by(self, format_name: str) -> dict[str, int | bool]:
        """Return those that files of a format depend on, by name."""
        return {name: getattr(self, name) for name in named(format_name).heeds}
