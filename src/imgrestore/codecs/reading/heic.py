"""Reading HEIC, the photos of phones, by libheif (pi-heif); libvips' wheel has no decoder for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pi_heif

from imgrestore.codecs.formats import Format
from imgrestore.codecs.metadata import codes, exif, xmp
from imgrestore.codecs.options import ReadOptions
from imgrestore.codecs.reading.headers import sequence_frames
from imgrestore.codecs.reading.refusals import refused
from imgrestore.errors import InputError
from imgrestore.files import open_bytes
from imgrestore.image import Header, ImageStream, Metadata, Pixels

_FAULTS = (OSError, RuntimeError, SyntaxError, ValueError)


def open_stream(data: Path | bytes, name: str, form: Format, options: ReadOptions) -> ImageStream:
    """Open a HEIC file, upright: libheif turns the picture as the file says, and what EXIF says of it means nothing.

    Raises:
        InputError: It is damaged, too large, or holds several pictures.
    """
    try:
        with open_bytes(data) as content:
            file = pi_heif.open_heif(content, convert_hdr_to_8bit=False)
        picture = file[file.primary_index]
        options.check_size(name, *picture.size)
        notices = options.check_pictures(name, max(len(file), sequence_frames(data)), "pictures")
        header = _header(picture)
    except _FAULTS as error:
        raise _refused(name, form, error) from None
    said = _codes(picture)
    hdr = codes.notices(said, name) if said is not None and header.metadata.icc is None else ()
    if xmp.claims_video(header.metadata.xmp):
        notices += (f"{name}: is a motion photo, whose video is left out",)
    return ImageStream(header, _bands(picture, header, name, form), (*notices, *hdr))


def _header(picture: Any) -> Header:
    channels, _, deep = picture.mode.partition(";")
    width, height = picture.size
    return Header(width, height, len(channels), np.dtype(np.uint16 if deep else np.uint8), _metadata(picture))


def _bands(picture: Any, header: Header, name: str, form: Format) -> Iterator[Pixels]:
    """Decode the picture when its rows are asked for."""
    try:
        samples = _samples(picture)
    except _FAULTS as error:
        raise _refused(name, form, error) from None
    if samples.shape != (header.height, header.width, header.channels):
        raise refused(name, form, "its pixels are not as many as it says")
    yield samples


def _refused(name: str, form: Format, error: Exception) -> InputError:
    return refused(name, form, " ".join(str(error).split()))


def _samples(picture: Any) -> Pixels:
    """Return (H, W, C) of uint8, or of uint16 for 10 and 12 bits."""
    pixels: Pixels = np.array(picture)[:, : picture.size[0]]  # a copy: a view would outlive what it looks at
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    if pixels.dtype == np.uint16:
        pixels = pixels | pixels >> picture.info["bit_depth"]  # they come shifted: white would not be white
    said = _codes(picture)
    if pixels.shape[-1] <= 2 and said is not None and said.limited:
        pixels = np.concatenate([_expanded(pixels[..., :1], picture.info["bit_depth"]), pixels[..., 1:]], axis=-1)
    if "a" in picture.mode:
        colours, alpha = pixels[..., :-1], pixels[..., -1:]
        peak = np.iinfo(pixels.dtype).max
        unmultiplied = np.rint(colours * (peak / np.maximum(alpha, 1).astype(np.float32)))
        pixels = np.concatenate([np.minimum(unmultiplied, peak).astype(pixels.dtype), alpha], axis=-1)
    return pixels


def _metadata(picture: Any) -> Metadata:
    block = (picture.info.get("exif") or b"").removeprefix(b"Exif\0\0")
    said = _codes(picture)
    return Metadata(
        icc=picture.info.get("icc_profile") or None,
        exif=exif.updated(block, *picture.size) if block else None,
        xmp=picture.info.get("xmp") or None,
        png_colour=codes.as_chunk(said) if said is not None and not picture.info.get("icc_profile") else None,
    )


def _codes(picture: Any) -> codes.Codes | None:
    """Return what numbers say of the colours, if there are any; of colours, a profile says more."""
    said = picture.info.get("nclx_profile")
    if said is None:
        return None
    primaries, transfer = int(said["color_primaries"]), int(said["transfer_characteristics"])
    return codes.Codes(primaries, transfer, not said["full_range_flag"])


def _expanded(grey: Pixels, bits: int) -> Pixels:
    """Bring grey samples of limited range to the full one.

    They stay as they are where more than a thousandth of them lies clearly outside: some encoders say limited range of
    grey that they have stored in full.
    """
    peak = np.iinfo(grey.dtype).max
    black, white = (limit * peak for limit in codes.limits(bits))
    slack = black / 2
    if np.mean((grey < black - slack) | (grey > white + slack)) > 1e-3:
        return grey
    expanded = np.rint((grey - black) * (peak / (white - black)))
    return np.clip(expanded, 0, peak).astype(grey.dtype)
