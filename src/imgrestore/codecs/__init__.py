"""Image files. No other package opens one.

libvips (through pyvips) reads and writes most formats row by row; Pillow reads the few it cannot, libheif HEIC, and
netpbm's are read here. Formats are told apart by their content.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from imgrestore.codecs.formats import (
    FORMATS,
    HEAD,
    TAIL,
    WRITABLE,
    Format,
    by_extension,
    by_name,
    document,
    is_tga,
    recognise,
)
from imgrestore.codecs.options import ReadOptions, SaveOptions
from imgrestore.codecs.pipes import read_pipe, settled
from imgrestore.errors import InputError, NotAnImageError
from imgrestore.image import Header, Image, ImageStream

__all__ = [
    "ReadOptions",
    "SaveOptions",
    "detect",
    "find_images",
    "looks_like_image",
    "open_image",
    "read_header",
    "read_image",
    "read_pipe",
    "settled",
    "versions",
    "write_image",
]


def detect(data: Path | bytes, name: str) -> Format:
    """Return the format of a file or of its content.

    Args:
        data: The file, or its content.
        name: What messages call it.

    Raises:
        InputError: It cannot be opened.
        NotAnImageError: It is not an image of a known format.
    """
    head, tail = (data[:HEAD], data[-TAIL:]) if isinstance(data, bytes) else _ends(data, name)
    found = recognise(head) or (by_name("tga") if is_tga(head, tail, Path(name).suffix) else None)
    if found is None:
        kind = document(head)
        empty = "an empty file" if not head else f"{kind}, not an image" if kind else "not an image"
        known = ", ".join(form.name for form in FORMATS)
        raise NotAnImageError(f"{name}: {empty}", hint=f"formats that can be read: {known}")
    return found


def looks_like_image(path: Path) -> bool:
    """Return whether a file begins like an image of a known format; unreadable files do not."""
    try:
        detect(path, str(path))
    except InputError:
        return False
    return True


def find_images(
    folder: Path,
    *,
    recursive: bool = True,
    leave_out: Path | None = None,
    unreadable: Callable[[OSError], None] | None = None,
) -> list[Path]:
    """Return the visible image files in a folder in a fixed order; linked folders are searched too, each once.

    Those are files whose content is of a known format, and files that only claim so by their name: reading one of them
    says what is wrong with it, instead of leaving it out in silence.

    Args:
        folder: Where to look.
        recursive: Whether its sub-folders are searched.
        leave_out: A folder that is not searched.
        unreadable: Told of each folder that cannot be searched, which is then left out; by default that is an error.

    Raises:
        InputError: The folder does not exist, or cannot be searched.
    """
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "no such folder"
        raise InputError(f"{folder}: {what}", hint="it takes a folder of images")
    tell = unreadable or _not_searched
    found: list[Path] = []
    entered = {os.path.realpath(path) for path in (folder, leave_out) if path is not None}
    for root, folders, files in os.walk(folder, followlinks=True, onerror=tell):
        here = Path(root)
        visible = sorted(f for f in folders if not f.startswith("."))
        folders[:] = [f for f in visible if recursive and not _entered(here / f, entered)]
        paths = (here / name for name in sorted(files) if not name.startswith("."))
        try:
            found += [p for p in paths if p.is_file() and (by_extension(p.suffix) or looks_like_image(p))]
        except OSError as error:
            tell(error)
    return found


def _not_searched(error: OSError) -> None:
    """Raise what is wrong with a folder as the user's error."""
    raise InputError(f"{error.filename}: cannot be read ({error.strerror})") from None


def _entered(folder: Path, entered: set[str]) -> bool:
    """Return whether a folder has been entered by another way, and remember it: links may lead in circles."""
    place = os.path.realpath(folder)
    if place in entered:
        return True
    entered.add(place)
    return False


def open_image(data: Path | bytes, name: str | None = None, options: ReadOptions | None = None) -> ImageStream:
    """Open an image for reading from top to bottom; it comes upright.

    Args:
        data: The file, or its content.
        name: What messages call it; the path by default.
        options: What is accepted; by default nothing that is damaged, huge or holds several pictures.

    Raises:
        InputError: It is damaged or of a kind that is not supported.
    """
    called = name or (str(data) if isinstance(data, Path) else "the image")
    data = settled(data, called) if isinstance(data, Path) else data
    form = detect(data, called)
    if form.isolated:
        from imgrestore.codecs import isolation as library
    elif form.library == "vips":
        from imgrestore.codecs import loading as library  # type: ignore[no-redef]
    elif form.library == "netpbm":
        from imgrestore.codecs import netpbm as library  # type: ignore[no-redef]
    else:
        from imgrestore.codecs import pillow as library  # type: ignore[no-redef]
    return library.open_stream(data, called, form, options or ReadOptions())


def read_header(data: Path | bytes, name: str, options: ReadOptions) -> Header:
    """Read what an image is, without decoding it where that can be; see :func:`open_image`."""
    form = detect(data, name)
    if not form.isolated:
        return open_image(data, name, options).header
    from imgrestore.codecs import isolation

    return isolation.open_stream(data, name, form, options, pixels=False).header


def read_image(data: Path | bytes, name: str | None = None, options: ReadOptions | None = None) -> Image:
    """Read a whole image; see :func:`open_image`."""
    return open_image(data, name, options).read()


def write_image(stream: ImageStream, path: Path, form: Format, options: SaveOptions | None = None) -> list[str]:
    """Encode an image into a new file; see :func:`imgrestore.codecs.vips.write_stream`.

    The caller gives a temporary name and renames the finished file (:func:`imgrestore.files.replacing`).
    """
    from imgrestore.codecs import vips

    return vips.write_stream(stream, path, form, options or SaveOptions())


def versions() -> str:
    """Return which libraries read and write files here, in words."""
    import pi_heif
    import PIL
    import pyvips

    number = ".".join(str(pyvips.version(part)) for part in range(3))
    heif = pi_heif.libheif_version()
    return f"libvips {number}, Pillow {PIL.__version__}, libheif {heif}; writes {', '.join(WRITABLE)}"


def _ends(path: Path, name: str) -> tuple[bytes, bytes]:
    """Return the first and the last bytes of a file; of one that cannot be searched, such as a pipe, only the first."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
            if not file.seekable():
                return head, b""
            file.seek(max(0, file.seek(0, 2) - TAIL))
            return head, file.read(TAIL)
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror})") from None
