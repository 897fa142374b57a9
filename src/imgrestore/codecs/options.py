"""How results are compressed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SaveOptions:
    """How a result is compressed.

    Attributes:
        quality: 1 to 100, for JPEG and lossy WebP.
        subsampling: Whether JPEG stores colour at half resolution (4:2:0).
        lossless: Whether WebP keeps every pixel.
    """

    quality: int = 95
    subsampling: bool = False
    lossless: bool = False
