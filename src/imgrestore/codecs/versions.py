"""Which libraries read and write files here."""

from __future__ import annotations

import pi_heif
import PIL
import pyvips

from imgrestore.codecs.formats import writable


def versions() -> str:
    """Return which libraries read and write files here, in words."""
    number = ".".join(str(pyvips.version(part)) for part in range(3))
    heif = pi_heif.libheif_version()
    names = ", ".join(form.name for form in writable())
    return f"libvips {number}, Pillow {PIL.__version__}, libheif {heif}; writes {names}"
