"""Changing the few statements of an XMP packet that a restoration makes untrue, where they stand.

Specification: Adobe, XMP Specification Part 2: Additional Properties (2016), TIFF and Exif namespaces.
"""

from __future__ import annotations

import re

_ORIENTATION = re.compile(rb"(tiff:Orientation(?:\s*=\s*[\"']|>))[2-8]")
_WIDTH = re.compile(rb"((?:tiff:ImageWidth|exif:PixelXDimension)(?:\s*=\s*[\"']|>))\d+")
_HEIGHT = re.compile(rb"((?:tiff:ImageLength|exif:PixelYDimension)(?:\s*=\s*[\"']|>))\d+")


def updated(packet: bytes, width: int, height: int) -> bytes:
    """Return a packet that is true of an upright image of this size.

    Args:
        packet: The packet; what it does not say is not added.
        width: New width in pixels.
        height: New height in pixels.
    """
    packet = _ORIENTATION.sub(rb"\g<1>1", packet)
    packet = _WIDTH.sub(rb"\g<1>%d" % width, packet)
    return _HEIGHT.sub(rb"\g<1>%d" % height, packet)
