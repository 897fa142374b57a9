"""GIF."""

from __future__ import annotations

from imgrestore.codecs.formats.record import Format, by_vips

FORMAT = Format("gif", (".gif",), by_vips("gif"), signatures=(b"GIF87a", b"GIF89a"))
