"""Changing the few statements of an XMP packet that a restoration makes untrue, where they stand.

Specification: Adobe, XMP Specification Part 2: Additional Properties (2016), TIFF and Exif namespaces; Google, Motion
Photo format 1.0, and MicroVideo, as it was before.
"""

from __future__ import annotations

import re

_ORIENTATION = re.compile(rb"(tiff:Orientation(?:\s*=\s*[\"']|>))[2-8]")
_WIDTH = re.compile(rb"((?:tiff:ImageWidth|exif:PixelXDimension)(?:\s*=\s*[\"']|>))\d+")
_HEIGHT = re.compile(rb"((?:tiff:ImageLength|exif:PixelYDimension)(?:\s*=\s*[\"']|>))\d+")
_VIDEO = re.compile(rb"(\bG?Camera:(?:MotionPhoto|MicroVideo)(?:\s*=\s*[\"']|>))1")


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
