"""JPEG files whose marks are out of order: restored if no pixel is lost by that, and refused if one may be."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from imgrestore.codecs import open_image, read_image
from imgrestore.errors import DamagedError


@pytest.fixture
def sound(photo) -> bytes:
    buffer = io.BytesIO()
    PillowImage.fromarray(photo(50, 70)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def segments(content: bytes) -> list[int]:
    """Return where the segments start, the scan's being the last."""
    starts = [2]
    while content[starts[-1] + 1] != 0xDA:
        starts.append(starts[-1] + 2 + struct.unpack_from(">H", content, starts[-1] + 2)[0])
    return starts


def scan(content: bytes, parameters: bytes) -> bytes:
    start = segments(content)[-1]
    end = start + 2 + struct.unpack_from(">H", content, start + 2)[0]
    return content[: end - 3] + parameters + content[end:]


FAULTS = {
    "stray bytes before the tables": (lambda c: c[:20] + b"\0\x17\xff\0" + c[20:], "stray bytes"),
    "stray bytes before every segment": (
        lambda c: b"".join(
            c[a:b] + (b"" if b is None else b"\0\0")
            for a, b in zip([0, *segments(c)[1:]], [*segments(c)[1:], None], strict=True)
        ),
        "stray bytes",
    ),
    "a later version of JFIF": (lambda c: c[:11] + b"\2" + c[12:], "JFIF"),
    "bits of the scan": (lambda c: scan(c, b"\0\x3f\1"), "scan"),
    "spectrum of the scan": (lambda c: scan(c, b"\0\0\0"), "scan"),
    "no end": (lambda c: c[:-2], "end"),
    "half an end": (lambda c: c[:-1], "end"),
    "two of these": (lambda c: scan(c, b"\0\x40\0")[:-2], "scan, no mark of its end"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_costs_no_pixel_is_a_warning(tmp_path: Path, sound: bytes, fault: str) -> None:
    change, said = FAULTS[fault]
    content = change(sound)
    (tmp_path / "x.jpg").write_bytes(content)
    expected = read_image(sound).pixels
    for data in (content, tmp_path / "x.jpg"):
        stream = open_image(data)
        assert len(stream.notices) == 1 and said in stream.notices[0]
        assert np.array_equal(stream.read().pixels, expected)


def test_a_sound_file_and_what_follows_it_are_not_remarked_on(sound: bytes) -> None:
    for content in (sound, sound + b"trailing" * 9, sound[:-2] + b"\0\0" + sound[-2:], sound[:2] + b"\xff" + sound[2:]):
        stream = open_image(content)
        assert stream.notices == () and np.array_equal(stream.read().pixels, read_image(sound).pixels)


def test_a_cut_file_is_whole_or_refused(sound: bytes) -> None:
    expected = read_image(sound).pixels
    refused = 0
    for cut in range(3, 60):
        try:
            assert np.array_equal(read_image(sound[:-cut]).pixels, expected), cut
        except DamagedError:
            refused += 1
    assert refused > 50


@pytest.mark.parametrize("rest", [b"\0", b"\xff", b"\xf6"])
def test_a_rest_that_was_filled_is_damage(sound: bytes, rest: bytes) -> None:
    with pytest.raises(DamagedError):
        read_image(sound[: len(sound) * 2 // 3] + rest * (len(sound) // 3))


def test_scans_may_be_missing_where_the_end_is(photo) -> None:
    buffer = io.BytesIO()
    PillowImage.fromarray(photo(50, 70)).save(buffer, "JPEG", progressive=True)
    with pytest.raises(DamagedError):
        read_image(buffer.getvalue()[:-2])


def test_what_is_lost_of_extended_xmp_is_said(sound: bytes) -> None:
    packet = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmpNote:HasExtendedXMP='0'/>"
    content = sound[:2] + b"\xff\xe1" + struct.pack(">H", len(packet) + 2) + packet + sound[2:]
    assert "XMP" in open_image(content).notices[0]
