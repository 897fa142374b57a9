"""BMP."""

from __future__ import annotations

from imgrestore.codecs.formats.record import Format, by_pillow

FORMAT = Format("bmp", (".bmp", ".dib"), by_pillow("Bmp"), signatures=(b"BM",), whole=True)
