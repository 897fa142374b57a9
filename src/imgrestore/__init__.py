"""imgrestore: restore photos from Python as from the command line.

import imgrestore
restored = imgrestore.restore("photo.jpg", model="resnet-sr", scale=4)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = [
    "Image",
    "ImgrestoreError",
    "ReadOptions",
    "Restorer",
    "Target",
    "__version__",
    "load_model",
    "load_plugin",
    "restore",
]

if TYPE_CHECKING:
    from imgrestore.api import load_model, restore
    from imgrestore.codecs import ReadOptions
    from imgrestore.engine.restorer import Restorer
    from imgrestore.errors import ImgrestoreError
    from imgrestore.image import Image
    from imgrestore.image.sizes import Target
    from imgrestore.parts.registry import load_plugin

_HOMES = {
    "Image": "image",
    "ImgrestoreError": "errors",
    "ReadOptions": "codecs",
    "Restorer": "engine.restorer",
    "Target": "image.sizes",
    "load_model": "api",
    "load_plugin": "parts.registry",
    "restore": "api",
}


def __dir__() -> list[str]:
    """List the public names, those not imported yet among them."""
    return sorted(__all__)


def __getattr__(name: str) -> Any:
    """Import public names when they are first used, so that importing the package costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'imgrestore' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"imgrestore.{_HOMES[name]}"), name)
