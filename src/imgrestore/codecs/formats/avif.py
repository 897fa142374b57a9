"""AVIF."""

from __future__ import annotations

from imgrestore.codecs.formats.record import Format, branded, by_vips

FORMAT = Format("avif", (".avif",), by_vips("heif"), recognise=branded(b"avif", b"avis"), whole=True, isolated=True)
