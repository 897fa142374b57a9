"""Images laid side by side with themselves."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from imgrestore.image import ImageStream, Pixels, resized


def repeated_image(source: ImageStream, across: int, down: int) -> ImageStream:
    """Return an image that shows another one ``across`` times side by side, and that ``down`` times below each other.

    Its rows are held only if they are needed again.
    """

    def bands() -> Iterator[Pixels]:
        held: list[Pixels] = []
        for band in source.bands:
            yield np.tile(band, (1, across, 1))
            if down > 1:
                held.append(band)
        for band in held * (down - 1):
            yield np.tile(band, (1, across, 1))

    header = resized(source.header, across * source.header.width, down * source.header.height)
    return ImageStream(header, bands(), source.notices)
