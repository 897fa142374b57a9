import struct

import pytest
from PIL import Image as PillowImage

from imgrestore.codecs import exif


def block(**extra: object) -> bytes:
    made = PillowImage.Exif()
    made[0x0112], made[0x010F] = 6, "Maker"
    made.get_ifd(0x8769)[0xA002] = 4000
    made.get_ifd(0x8769)[0xA003] = 3000
    return made.tobytes()[6:]


def read(data: bytes) -> PillowImage.Exif:
    found = PillowImage.Exif()
    found.load(data)
    return found


def test_only_the_untrue_entries_change() -> None:
    before = block()
    after = exif.updated(before, 123, 70000)
    assert len(after) == len(before)
    assert sum(a != b for a, b in zip(after, before, strict=True)) <= 12
    found = read(after)
    assert found[0x0112] == 1 and found[0x010F] == "Maker"
    assert found.get_ifd(0x8769)[0xA002] == 123 and found.get_ifd(0x8769)[0xA003] == 70000


def test_the_thumbnail_is_unlinked() -> None:
    before = block()
    structure = exif.Structure(before)
    link = structure.next_link(structure.first)
    linked = before[:link] + struct.pack("<I" if before[:2] == b"II" else ">I", 8) + before[link + 4 :]
    assert exif.updated(linked, 4000, 3000)[link : link + 4] == bytes(4)


_FAR = struct.pack("<2sHHHQ", b"II", 43, 8, 0, 2**64 - 1) + bytes(20)
"""A BigTIFF structure whose directory would be where no computer can point."""


@pytest.mark.parametrize("damaged", [b"", b"II*\0", b"nonsense", b"MM\0*\xff\xff\xff\xff" + bytes(40), _FAR])
def test_blocks_that_cannot_be_parsed_stay_as_they_are(damaged: bytes) -> None:
    assert exif.updated(damaged, 1, 1) == damaged


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_block_moves_between_byte_orders(order: str) -> None:
    """A little-endian block goes into a big-endian TIFF and the other way round."""
    mark = b"II" if order == "<" else b"MM"
    empty = mark + struct.pack(order + "HI", 42, 8) + struct.pack(order + "HHHIHHI", 1, 0x0100, 3, 1, 77, 0, 0)
    link, pointer, appended = exif.into_tiff(empty + bytes(8), block(), {0x83BB: b"records"})
    merged = bytearray(empty + bytes(8) + appended)
    merged[link : link + len(pointer)] = pointer
    found = read(bytes(merged))
    assert found[0x0100] == 77, "the file's own entries stay"
    assert found[0x010F] == "Maker" and found.get_ifd(0x8769)[0xA002] == 4000
    assert exif.tiff_value(bytes(merged), 0x83BB) == b"records" and exif.tiff_value(bytes(merged), 1) is None
    extracted = exif.from_tiff(bytes(merged))
    assert extracted is not None and read(extracted)[0x010F] == "Maker"
    assert 0x0100 not in read(extracted), "layout entries are not part of the description"


def test_directories_in_a_circle_are_refused() -> None:
    circle = b"II" + struct.pack("<HI", 42, 8) + struct.pack("<HHHIII", 1, 0x8769, 4, 1, 8, 0) + bytes(8)
    empty = b"II" + struct.pack("<HI", 42, 8) + struct.pack("<HHHIHHI", 1, 0x0100, 3, 1, 77, 0, 0) + bytes(8)
    deep = b"II" + struct.pack("<HI", 42, 8) + struct.pack("<HHHIII", 1, 0x8825, 4, 1, 26, 0)
    deep += struct.pack("<HHHIII", 1, 0x8769, 4, 1, 8, 0) + bytes(8)
    exif.into_tiff(empty, circle, {})
    with pytest.raises(ValueError, match="point at each other"):
        exif.into_tiff(empty, deep, {})
    for lost in (b"II*\0" + struct.pack("<I", 4000) + bytes(20), b"no block at all, really"):
        with pytest.raises(ValueError, match="TIFF"):
            exif.into_tiff(empty, lost, {})


def test_a_tiff_without_description_has_no_block() -> None:
    empty = b"II" + struct.pack("<HI", 42, 8) + struct.pack("<HHHIHHI", 1, 0x0100, 3, 1, 77, 0, 0)
    assert exif.from_tiff(empty + bytes(8)) is None
