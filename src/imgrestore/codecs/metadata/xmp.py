"""XMP packets: changing what a restoration makes untrue, and keeping statements of our own in them.

Packets are changed where they stand, and all else in them keeps its bytes.

Adobe, XMP Specification Part 1: Data Model, Serialization, and Core Properties (2012), and Part 2: Additional
Properties (2016), TIFF and Exif namespaces; Google, Motion Photo format 1.0, and MicroVideo, as it was before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr, unescape

_ORIENTATION = re.compile(rb"(tiff:Orientation(?:\s*=\s*[\"']|>))[2-8]")
_WIDTH = re.compile(rb"((?:tiff:ImageWidth|exif:PixelXDimension)(?:\s*=\s*[\"']|>))\d+")
_HEIGHT = re.compile(rb"((?:tiff:ImageLength|exif:PixelYDimension)(?:\s*=\s*[\"']|>))\d+")
_VIDEO = re.compile(rb"(\bG?Camera:(?:MotionPhoto|MicroVideo)(?:\s*=\s*[\"']|>))1")

GROWTH = 64
"""Bytes by which a packet may grow when it is :func:`updated`."""

_EMPTY = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
_END = b"</rdf:RDF>"


def updated(packet: bytes, width: int, height: int) -> bytes:
    """Return a packet that is true of an upright image of this size, without a video.

    Args:
        packet: The packet; what it does not say is not added.
        width: New width in pixels.
        height: New height in pixels.
    """
    packet = _ORIENTATION.sub(rb"\g<1>1", packet)
    packet = _VIDEO.sub(rb"\g<1>0", packet)
    packet = _WIDTH.sub(rb"\g<1>%d" % width, packet)
    return _HEIGHT.sub(rb"\g<1>%d" % height, packet)


def claims_video(packet: bytes | None) -> bool:
    """Return whether a packet says that the photo's file holds a video too."""
    return _VIDEO.search(packet or b"") is not None


@dataclass(frozen=True)
class Namespace:
    """Attributes of one namespace in a description of their own.

    Attributes:
        prefix: Stands before their names.
        name: Names the namespace.
    """

    prefix: str
    name: str

    def read(self, packet: bytes | None) -> dict[str, str] | None:
        """Return the attributes that a packet holds, or None if it has no description for them."""
        found = self._description.search(packet or b"")
        if found is None:
            return None
        pairs = re.findall(rf"{self.prefix}:(\w+)=(\"[^\"]*\"|'[^']*')", found[1].decode("utf-8", "replace"))
        return {name: _unquoted(quoted) for name, quoted in pairs}

    def put(self, packet: bytes | None, values: Mapping[str, str]) -> bytes | None:
        """Return a packet with these attributes in place of earlier ones.

        Args:
            packet: The packet, or None for a new one.
            values: The attributes.

        Returns:
            The packet, all else in it as it was; None if it is of a form that cannot take them.
        """
        head, end, tail = self.removed(packet or _EMPTY).rpartition(_END)
        if not end:
            return None
        attributes = "".join(f" {self.prefix}:{name}={_quoted(value)}" for name, value in values.items())
        return head + self._opening.encode("ascii") + attributes.encode("ascii") + b"/>" + end + tail

    def removed(self, packet: bytes) -> bytes:
        """Return a packet without the attributes."""
        return self._description.sub(b"", packet)

    @property
    def _opening(self) -> str:
        return f'<rdf:Description rdf:about="" xmlns:{self.prefix}="{self.name}"'

    @property
    def _description(self) -> re.Pattern[bytes]:
        return re.compile(re.escape(self._opening.encode("ascii")) + rb"([^<>]*)/>")


def _quoted(text: str) -> str:
    """Write an attribute in ASCII alone, so that it suits a packet of any encoding that extends ASCII."""
    return quoteattr(text).encode("ascii", "xmlcharrefreplace").decode()


def _unquoted(quoted: str) -> str:
    plain = re.sub(r"&#(\d+);", lambda match: chr(int(match[1])), quoted[1:-1])
    return unescape(plain, {"&quot;": '"', "&apos;": "'"})
