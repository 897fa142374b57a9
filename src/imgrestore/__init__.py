"""imgrestore: restore photos from Python as from the command line.

import imgrestore
imgrestore.restore("photo.jpg", scale=4).save("large.jpg")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = [
    "Image",
    "ImageTypeError",
    "ImageValueError",
    "ImgrestoreError",
    "RestorationWarning",
    "Restored",
    "Restorer",
    "__version__",
    "load_model",
    "load_plugin",
    "metrics",
    "restore",
    "restore_many",
]

if TYPE_CHECKING:
    from imgrestore import metrics
    from imgrestore.api.image import Image
    from imgrestore.api.restorer import Restored, Restorer
    from imgrestore.api.restoring import load_model, restore, restore_many
    from imgrestore.errors import ImageTypeError, ImageValueError, ImgrestoreError, RestorationWarning
    from imgrestore.parts.registry import load_plugin

_HOMES = {
    "Image": "api.image",
    "ImageTypeError": "errors",
    "ImageValueError": "errors",
    "ImgrestoreError": "errors",
    "RestorationWarning": "errors",
    "Restored": "api.restorer",
    "Restorer": "api.restorer",
    "load_model": "api.restoring",
    "load_plugin": "parts.registry",
    "restore": "api.restoring",
    "restore_many": "api.restoring",
}


def __dir__() -> list[str]:
    """List the public names, those not imported yet among them."""
    return sorted(__all__)


def __getattr__(name: str) -> Any:
    """Import public names when they are first used, so that importing the package costs nothing."""
    import importlib

    if name == "metrics":
        return importlib.import_module("imgrestore.metrics")
    if name not in _HOMES:
        raise AttributeError(f"module 'imgrestore' has no attribute {name!r}")
    return getattr(importlib.import_module(f"imgrestore.{_HOMES[name]}"), name)
