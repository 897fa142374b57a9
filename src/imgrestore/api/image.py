"""The image that Python users hold: opened from a file, shown, saved with all that its file carried."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from imgrestore import image
from imgrestore.api.wording import in_python
from imgrestore.codecs import ReadOptions, SaveOptions, write_image
from imgrestore.codecs.formats import Format
from imgrestore.codecs.forms import File, name_of, opened, sources
from imgrestore.codecs.limits import asked_format, check_format
from imgrestore.codecs.reading.pillow import Picture, to_pillow
from imgrestore.errors import ImageTypeError, RestorationWarning
from imgrestore.files import replacing, unfinished
from imgrestore.image.conversion import Conversion
from imgrestore.provenance.settings import Settings
from imgrestore.provenance.stamp import carried

_SHOWN = 1024
"""Longest side, in pixels, that a notebook is shown."""

_MODES = {1: "grey", 2: "grey with alpha", 3: "RGB", 4: "RGB with alpha"}


class Image(image.Image):
    """An upright image in memory, with the metadata of its file.

    Attributes:
        pixels: Samples (H, W, C), C from 1 to 4: uint8, uint16, or float32 with black at 0 and white at 1.
        metadata: What the file carried: colour profile, EXIF, XMP, IPTC, resolution.
    """

    @classmethod
    def open(
        cls,
        file: File,
        *,
        max_pixels: int | None = ReadOptions.max_pixels,
        allow_damaged: bool = False,
        first_frame: bool = False,
    ) -> Self:
        """Read an image file.

        Args:
            file: Its path, its content, or a binary file object.
            max_pixels: Pixels above which it is refused, or None for no limit.
            allow_damaged: Whether what can be read of a damaged file is taken.
            first_frame: Whether the first picture of an animation or of several pages is taken.

        Raises:
            InputError: It cannot be read as asked.
        """
        with in_python():
            (source,) = sources(file)
            stream = opened(source, name_of(file), ReadOptions(max_pixels, allow_damaged, first_frame))
            read = stream.read()
        warn(stream.notices)
        return cls.of(read)

    @classmethod
    def of(cls, plain: image.Image) -> Self:
        """Return an image that the other rooms have made as one of these."""
        return cls(plain.pixels, plain.metadata)

    @property
    def array(self) -> NDArray[Any]:
        """The samples as numpy users have them: (H, W) for grey, else (H, W, C)."""
        return self.pixels[..., 0] if self.header.channels == 1 else self.pixels

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Let ``np.asarray(image)`` be :attr:`array`."""
        return np.array(self.array, dtype, copy=copy)

    def __repr__(self) -> str:
        """Return size, channels and type of samples."""
        header = self.header
        return f"<Image {header.width}x{header.height}, {_MODES[header.channels]}, {header.dtype}>"

    def save(
        self,
        target: str | os.PathLike[str] | IO[bytes],
        format: str | None = None,
        *,
        quality: int = SaveOptions.quality,
        subsampling: bool = SaveOptions.subsampling,
        lossless: bool = SaveOptions.lossless,
        strip_metadata: bool = False,
        overwrite: bool = True,
    ) -> None:
        """Write the image with its metadata, as the command line does: the file is complete or not there.

        Args:
            target: The path of the file, or a binary file object.
            format: ``"png"``, ``"jpeg"``, ``"tiff"`` or ``"webp"``; by the ending of the file's name by default.
            quality: 1 to 100, of JPEG and lossy WebP.
            subsampling: Whether JPEG stores colour at half resolution.
            lossless: Whether WebP keeps every pixel.
            strip_metadata: Whether nothing but pixels and colour profile is kept.
            overwrite: Whether an existing file may be replaced.

        Raises:
            UsageError: There is no such format, or no such quality.
            FormatLimitError: The format cannot hold the image.
            ExistsError: There is a file, and it may not be replaced.
            OutputError: The file cannot be written.
        """
        with in_python():
            saving = Settings(quality=quality, subsampling=subsampling, lossless=lossless).saving
            metadata, _ = carried(self.metadata, None, strip=strip_metadata)
            shown = replace(self, metadata=metadata)
            name = name_of(target)
            form = _format(format, target)
            check_format(name, shown.header, shown.header, form, Conversion())
            if isinstance(target, str | os.PathLike):
                with replacing(Path(target), overwrite=overwrite) as temporary:
                    lost = write_image(shown.stream(), temporary, form, saving)
            else:
                lost = _write_to(target, shown, form, saving)
        warn(lost)

    def show(self) -> None:
        """Show the image in the viewer of the system, in 8 bits a channel."""
        self._picture().show()

    def _repr_png_(self) -> bytes:
        """Return what a notebook shows: a PNG of 8 bits a channel, reduced to at most 1024 pixels a side."""
        picture = self._picture()
        picture.thumbnail((_SHOWN, _SHOWN))
        content = io.BytesIO()
        picture.save(content, "PNG")
        return content.getvalue()

    def _picture(self) -> Picture:
        """Return the image for PIL, in 8 bits and without a channel that is no colour and no transparency."""
        header = self.header
        pixels = self.pixels[..., :-1] if header.metadata.extra else self.pixels
        if pixels.dtype != np.uint8:
            pixels = np.rint(np.nan_to_num(pixels / np.float32(header.peak)).clip(0, 1) * 255).astype(np.uint8)
        return to_pillow(image.Image(pixels, image.Metadata(icc=self.metadata.icc)))


def warn(notices: Iterable[str]) -> None:
    """Warn of what a person should know, at the line that called the function which calls this one."""
    for notice in dict.fromkeys(notices):
        warnings.warn(notice, RestorationWarning, stacklevel=3)


def _format(name: str | None, target: object) -> Format:
    """Return the format to save in.

    Raises:
        ImageTypeError: The target is no place to save to.
        UsageError: There is no such format, or neither argument tells it.
    """
    if not isinstance(target, str | os.PathLike) and not hasattr(target, "write"):
        raise ImageTypeError(f"an image is saved to a path or a binary file object, not to a {type(target).__name__}")
    named = isinstance(target, str | os.PathLike)
    form = asked_format(name, Path(name_of(target)) if named or name is None else None)
    assert form is not None
    return form


def _write_to(file: IO[bytes], shown: image.Image, form: Format, saving: SaveOptions) -> list[str]:
    """Encode into a file object once the whole image is known to be good; return what could not be kept."""
    folder = Path(tempfile.mkdtemp(prefix="imgrestore-"))
    with unfinished(folder):
        finished = folder / f"result{form.extensions[0]}"
        lost = write_image(shown.stream(), finished, form, saving)
        with finished.open("rb") as encoded:
            shutil.copyfileobj(encoded, file)
    return lost
