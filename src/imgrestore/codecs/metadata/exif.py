"""EXIF blocks: changing the few entries that a restoration makes untrue, and moving a block into or out of a TIFF file.

An EXIF block is a small TIFF structure: a byte order, and directories of entries that point at their values. Entries
are changed where they stand and everything else keeps its bytes and its place, so maker notes with offsets of their
own, unknown entries and odd spellings survive.

Specification: CIPA DC-008 (Exif 2.32); Adobe, TIFF Revision 6.0.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from mmap import mmap

ORIENTATION, EXTRA_SAMPLES = 0x0112, 0x0152
_WHOLE_NUMBERS = (1, 3, 4, 6, 8, 9, 13)
"""Types in which a reader may look for an orientation; SHORT alone is right."""
_WIDTHS, _HEIGHTS = (0x0100, 0xA002), (0x0101, 0xA003)
_THUMBNAILS = ((0x0201, 0x0202), (0x0111, 0x0117))
"""Where a thumbnail lies and how long it is: one of JPEG, one in strips."""
_EXIF_DIRECTORY, _GPS_DIRECTORY, _INTEROP_DIRECTORY = 0x8769, 0x8825, 0xA005
_DEEPEST = 3
_POINTERS = (_EXIF_DIRECTORY, _GPS_DIRECTORY, _INTEROP_DIRECTORY)
_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}

_DESCRIPTIONS = (0x010D, 0x010E, 0x010F, 0x0110, 0x011D, 0x0131, 0x0132, 0x013B, 0x013C, 0x8298, 0x4746, 0x4749)
_WINDOWS_TEXTS = (0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E, 0x9C9F)
DESCRIPTIVE = frozenset((*_DESCRIPTIONS, *_WINDOWS_TEXTS, _EXIF_DIRECTORY, _GPS_DIRECTORY))
"""Entries of a TIFF file's first directory that describe the photo and not the layout of its pixels."""


@dataclass(frozen=True)
class Entry:
    """One entry of a directory.

    Attributes:
        tag: What it is.
        kind: TIFF's number for the type of its values.
        count: Number of values.
        value: Their bytes, in the structure's byte order.
        position: Where the entry stands in the structure.
    """

    tag: int
    kind: int
    count: int
    value: bytes
    position: int


class Structure:
    """A TIFF structure, classic or BigTIFF, read without being changed."""

    def __init__(self, data: bytes | mmap) -> None:
        """Read the head of ``data``.

        Raises:
            ValueError: It is not a TIFF structure.
        """
        order = {b"II": "<", b"MM": ">"}.get(data[:2])
        version = struct.unpack(f"{order}H", data[2:4])[0] if order and len(data) >= 16 else 0
        if order is None or version not in (42, 43):
            raise ValueError("not a TIFF structure")
        self.data = data
        self.order = order
        self.big = version == 43
        self.first = self._number("Q", 8) if self.big else self._number("I", 4)

    def _number(self, kind: str, position: int) -> int:
        try:
            return int(struct.unpack_from(self.order + kind, self.data, position)[0])
        except (struct.error, OverflowError):
            raise ValueError("a TIFF structure that ends too early") from None

    def entries(self, directory: int) -> Iterator[Entry]:
        """Read the entries of the directory at this position, those that point outside the data left out."""
        count = self._number("Q" if self.big else "H", directory)
        size, inline = (20, 8) if self.big else (12, 4)
        allowed = 2 * len(self.data)  # entries of a hostile file may all point at all of it
        for index in range(min(count, 4096)):
            position = directory + (8 if self.big else 2) + index * size
            tag, kind = self._number("H", position), self._number("H", position + 2)
            values = self._number("Q" if self.big else "I", position + 4)
            length = values * _TYPE_SIZES.get(kind, 1)
            start = position + size - inline
            if length > inline:
                start = self._number("Q" if self.big else "I", start)
            allowed -= length
            if start + length <= len(self.data) and allowed >= 0:
                yield Entry(tag, kind, values, self.data[start : start + length], position)

    def readable(self, directory: int) -> list[Entry]:
        """Return the entries of a directory, as far as it goes."""
        found: list[Entry] = []
        with contextlib.suppress(ValueError):
            for entry in self.entries(directory):
                found.append(entry)
        return found

    def described(self) -> list[Entry]:
        """Return the entries of the first directory and of those below it, as far as they go."""
        found: list[Entry] = []
        directories = [self.first]
        for directory in directories:
            found += self.readable(directory)
            below = [entry for entry in found if entry.tag in _POINTERS and entry.kind in (4, 13) and entry.count == 1]
            directories += [place for place in map(self.integer, below[:_DEEPEST]) if place not in directories]
        return found

    def first_number(self, directory: int, tag: int) -> int:
        """Return the number that the first entry of a directory holds if it is of this tag, or else 0."""
        position = directory + (8 if self.big else 2)
        if self._number("H", position) != tag:
            return 0
        return self._number("H" if self._number("H", position + 2) == 3 else "I", position + (12 if self.big else 8))

    def next_link(self, directory: int) -> int:
        """Return the position of the link from this directory to the next one (the thumbnail's)."""
        count = self._number("Q" if self.big else "H", directory)
        return directory + (8 + 20 * count if self.big else 2 + 12 * count)

    def following(self, directory: int) -> int:
        """Return the position of the next directory; 0 if there is none."""
        try:
            return self._number("Q" if self.big else "I", self.next_link(directory))
        except ValueError:
            return 0

    def integer(self, entry: Entry) -> int:
        """Return the single whole number an entry holds."""
        formats = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
        if entry.kind not in formats or entry.count != 1:
            raise ValueError(f"entry {entry.tag:#06x} is not a whole number")
        return int(struct.unpack(self.order + formats[entry.kind], entry.value)[0])


def updated(block: bytes, width: int, height: int) -> bytes:
    """Return an EXIF block that is true of an upright image of this size: no thumbnail, orientation 1.

    Args:
        block: The block, from its byte order on. One that cannot be parsed is returned as it is.
        width: New width in pixels.
        height: New height in pixels.
    """
    try:
        structure = Structure(block)
    except ValueError:
        return block
    changed = bytearray(block)
    for entry in structure.described():
        if entry.tag == ORIENTATION and entry.kind in _WHOLE_NUMBERS:
            _set_upright(changed, structure, entry)
        elif entry.tag in (*_WIDTHS, *_HEIGHTS):
            _set_integer(changed, structure, entry, width if entry.tag in _WIDTHS else height)
    with contextlib.suppress(ValueError):
        _remove_thumbnail(changed, structure)
    return bytes(changed)


def orientation(block: bytes) -> int:
    """Return which side of the photo is up, 1 to 8, as an EXIF block says; 1 if it does not."""
    try:
        structure = Structure(block)
        found = [structure.integer(e) for e in structure.readable(structure.first) if e.tag == ORIENTATION]
    except ValueError:
        return 1
    return found[0] if found and 1 <= found[0] <= 8 else 1


def from_tiff(data: bytes | mmap) -> bytes | None:
    """Return what the first directory of a TIFF file says of the photo as an EXIF block, or None if it says nothing."""
    structure = Structure(data)
    kept = [entry for entry in structure.entries(structure.first) if entry.tag in DESCRIPTIVE]
    return _serialise(structure, kept) if kept else None


def tiff_value(data: bytes | mmap, tag: int) -> bytes | None:
    """Return the bytes of an entry of a TIFF file's first directory, or None if there is none."""
    structure = Structure(data)
    return next((entry.value for entry in structure.entries(structure.first) if entry.tag == tag), None)


def into_tiff(
    data: bytes | mmap, block: bytes | None, blobs: dict[int, bytes], drop: frozenset[int] = frozenset()
) -> tuple[int, bytes, bytes]:
    """Plan how metadata is added to a finished TIFF file.

    Args:
        data: The file.
        block: An EXIF block, or None.
        blobs: Bytes to add as entries of their own, by tag.
        drop: Tags of entries that are left out.

    Returns:
        Where the file's link to its first directory stands, the bytes that replace the link, and the bytes to append.

    Raises:
        ValueError: The block cannot be parsed.
    """
    file = Structure(data)
    own = {entry.tag: entry for entry in file.entries(file.first) if entry.tag not in drop}
    own |= {tag: Entry(tag, 7, len(value), value, 0) for tag, value in blobs.items()}
    exif = Structure(block) if block is not None else file
    described = exif.entries(exif.first) if block is not None else ()
    added = {entry.tag: entry for entry in described if entry.tag in DESCRIPTIVE and entry.tag not in own}
    return with_directory(file, list(own.values()), exif, list(added.values()))


def with_directory(
    file: Structure, own: list[Entry], source: Structure | None = None, added: Sequence[Entry] = ()
) -> tuple[int, bytes, bytes]:
    """Plan how a file gets another first directory.

    Args:
        file: The file.
        own: Entries of the directory in the file's byte order.
        source: Another structure.
        added: Entries from there.

    Returns:
        Where the link to the first directory stands, the bytes that replace the link, and the bytes to append.
    """
    start = len(file.data) + len(file.data) % 2
    body = _directory(file, own, source or file, list(added), start)
    link, number = (8, "Q") if file.big else (4, "I")
    return link, struct.pack(file.order + number, start), bytes(start - len(file.data)) + body


def _set_upright(changed: bytearray, structure: Structure, entry: Entry) -> None:
    """Make an entry say orientation 1, as the type that it should have."""
    count, value = ("Q", "H6x") if structure.big else ("I", "H2x")
    field = struct.pack(f"{structure.order}H{count}{value}", 3, 1, 1)
    changed[entry.position + 2 : entry.position + 2 + len(field)] = field


def _set_integer(changed: bytearray, structure: Structure, entry: Entry, number: int) -> None:
    if entry.count == 1 and entry.kind in (3, 4):
        at = entry.position + (12 if structure.big else 8)
        if entry.kind == 3 and number > 65535:
            changed[entry.position + 2 : entry.position + 4] = struct.pack(structure.order + "H", 4)
        narrow = entry.kind == 3 and number <= 65535
        field = struct.pack(structure.order + ("H" if narrow else "I"), number)
        changed[at : at + 4] = field.ljust(4, b"\0")


def _remove_thumbnail(changed: bytearray, structure: Structure) -> None:
    """Unlink the thumbnail, and clear its bytes unless they belong to something else as well."""
    link, thumbnail = structure.next_link(structure.first), structure.following(structure.first)
    if structure.big or thumbnail == 0:
        return
    changed[link : link + 4] = bytes(4)
    cleared = bytearray(changed)
    for start, stop in _thumbnail_spans(structure, thumbnail):
        cleared[start:stop] = bytes(len(cleared[start:stop]))
    if Structure(bytes(cleared)).described() == Structure(bytes(changed)).described():
        changed[:] = cleared


def _thumbnail_spans(structure: Structure, directory: int) -> Iterator[tuple[int, int]]:
    """Give where the directory of a thumbnail and its pixels begin and end."""
    entries = structure.readable(directory)
    yield directory, max((entry.position + 12 for entry in entries), default=directory)
    for tags in _THUMBNAILS:
        starts, lengths = (_numbers(structure, [e for e in entries if e.tag == tag]) for tag in tags)
        for start, length in zip(starts, lengths, strict=False):
            yield start, start + length


def _numbers(structure: Structure, entries: list[Entry]) -> tuple[int, ...]:
    """Return the whole numbers, of 16 or 32 bits, that the first of some entries holds."""
    letter = {3: "H", 4: "I", 13: "I"}.get(entries[0].kind) if entries else None
    return struct.unpack(f"{structure.order}{entries[0].count}{letter}", entries[0].value) if letter else ()


def _serialise(structure: Structure, kept: list[Entry]) -> bytes:
    """Write entries as a classic TIFF structure of the same byte order."""
    head = struct.pack(structure.order + "2sHI", b"II" if structure.order == "<" else b"MM", 42, 8)
    classic = Structure(head + bytes(16))
    return head + _directory(classic, [], structure, kept, 8)


def _directory(
    target: Structure, own: list[Entry], source: Structure, added: list[Entry], start: int, depth: int = 0
) -> bytes:
    """Write a directory at position ``start`` of ``target`` with its own entries and those of another structure.

    Sub-directories of the other structure are written behind it, recursively.
    """
    if depth > _DEEPEST:
        raise ValueError("directories that point at each other")
    entries = [(entry, target, False) for entry in own] + [(entry, source, True) for entry in added]
    entries.sort(key=lambda item: item[0].tag)
    size, inline, number = (20, 8, "Q") if target.big else (12, 4, "I")
    table = struct.pack(target.order + ("Q" if target.big else "H"), len(entries))
    values = b""
    behind = start + len(table) + size * len(entries) + (8 if target.big else 4)
    for entry, origin, foreign in entries:
        value, kind, count = _converted(entry.value, entry.kind, origin.order, target.order), entry.kind, entry.count
        position = behind + len(values)
        if foreign and entry.tag in _POINTERS:
            below = [e for e in source.entries(source.integer(entry)) if e.tag != entry.tag]
            values += _directory(target, [], source, below, position, depth + 1)
            value, kind, count = struct.pack(target.order + "I", position), 4, 1
        elif len(value) > inline:
            values += value + bytes(len(value) % 2)
            value = struct.pack(target.order + number, position)
        table += struct.pack(target.order + "HH" + number, entry.tag, kind, count) + value.ljust(inline, b"\0")
    return table + bytes(8 if target.big else 4) + values


def _converted(value: bytes, kind: int, source: str, target: str) -> bytes:
    """Bring values into another byte order."""
    unit = {3: 2, 4: 4, 5: 4, 8: 2, 9: 4, 10: 4, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}.get(kind, 1)
    if source == target or unit == 1:
        return value
    return b"".join(value[i : i + unit][::-1] for i in range(0, len(value), unit))
