import io
import struct

import pytest
from PIL import Image as PillowImage

from imgrestore.codecs import read_image
from imgrestore.codecs.metadata import exif


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


def with_thumbnail(order: str, start: int = 0) -> bytes:
    """Return a block of orientation and size with a thumbnail behind it; ``start`` says where else it is to lie."""
    first = struct.pack(order + "H", 2) + struct.pack(order + "HHIHH", 0x0112, 3, 1, 6, 0)
    first += struct.pack(order + "HHII", 0x0100, 4, 1, 4000)
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    second = 8 + len(first) + 4
    behind = second + 2 + 24 + 4
    thumbnail = struct.pack(order + "H", 2) + struct.pack(order + "HHII", 0x0201, 4, 1, start or behind)
    thumbnail += struct.pack(order + "HHIII", 0x0202, 4, 1, 9, 0)
    return head + first + struct.pack(order + "I", second) + thumbnail + b"\xff\xd8secrets" + b"maker"


@pytest.mark.parametrize("order", ["<", ">"])
def test_nothing_of_the_thumbnail_stays(order: str) -> None:
    before = with_thumbnail(order)
    after = exif.updated(before, 123, 456)
    assert not any(after[34:-5]) and after[-5:] == b"maker" and len(after) == len(before)
    assert read(after)[0x0100] == 123


def test_a_thumbnail_that_lies_on_other_entries_clears_nothing() -> None:
    after = exif.updated(with_thumbnail("<", start=10), 123, 456)
    assert read(after)[0x0112] == 1 and read(after)[0x0100] == 123


_FIELDS = {1: "B3x", 3: "H2x", 4: "I", 6: "b3x", 8: "h2x", 9: "i"}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("kind", _FIELDS)
def test_photos_are_turned_once_whatever_the_type_of_orientation(kind: int, count: int, order: str) -> None:
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    entry = struct.pack(order + "HHI", 0x0112, kind, count) + struct.pack(order + _FIELDS[kind], 6)
    assert_turned_once(head + struct.pack(order + "H", 1) + entry + bytes(20))


_ORIENTED = b"II" + struct.pack("<HIHHHIHH", 42, 8, 2, 0x0112, 3, 1, 6, 0)
FLAWS = {
    "cut off": _ORIENTED + bytes(2),
    "exif elsewhere": _ORIENTED + struct.pack("<HHIII", 0x8769, 4, 1, 99999, 0),
    "exif is text": _ORIENTED + struct.pack("<HHIII", 0x8769, 2, 1, 30, 0),
    "thumbnail elsewhere": _ORIENTED + struct.pack("<HHIII", 0x0131, 2, 1, 0, 99999),
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_photos_are_turned_once_whatever_else_is_wrong(flaw: str) -> None:
    assert_turned_once(FLAWS[flaw])


def assert_turned_once(before: bytes) -> None:
    """Check that libvips, having read a photo of 40x20 pixels, does not turn it again by the block that is left."""
    file = io.BytesIO()
    PillowImage.new("RGB", (40, 20)).save(file, "JPEG")
    after = read_image(with_exif(file.getvalue(), before)).metadata.exif
    assert after is not None and read_image(with_exif(file.getvalue(), after)).pixels.shape[:2] == (20, 40)


def with_exif(jpeg: bytes, block: bytes) -> bytes:
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 8) + b"Exif\0\0" + block + jpeg[2:]


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
