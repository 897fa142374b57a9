"""The Python interface: what the command line does, on images in memory or files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imgrestore.automatic.diagnosis import diagnose
from imgrestore.codecs import ReadOptions, open_image
from imgrestore.engine.devices import Precision
from imgrestore.engine.prepare import prepare
from imgrestore.engine.restorer import DEFAULT_MEMORY, Restorer
from imgrestore.image import Header, Image, ImageStream
from imgrestore.image.conversion import Colour, Conversion
from imgrestore.image.regions import Region
from imgrestore.image.sizes import Target
from imgrestore.weights.catalogue import Remedies, choose, task_model

if TYPE_CHECKING:
    from imgrestore.codecs.reading.pillow import Picture

Source = Image | NDArray[Any] | Path | str
"""An image to restore: in memory, as an array (H, W) or (H, W, C), or the path of a file."""


def load_model(
    model: str | Path = "resnet-sr",
    scale: float | None = None,
    *,
    device: str = "auto",
    precision: Precision = "auto",
    tile: int | tuple[int, int] | None = None,
    memory: int = DEFAULT_MEMORY,
    strength: float = 1.0,
) -> Restorer:
    """Make a model ready to restore images.

    Args:
        model: Name of a model, or path of a weights file.
        scale: Enlargement factor wanted; the model's own by default.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.
        precision: ``"auto"``, ``"fp32"``, ``"bf16"`` or ``"fp16"``.
        tile: Side of a tile in input pixels, or its height and width; chosen from ``memory`` by default.
        memory: Budget for the engine's buffers in bytes.
        strength: 0 (unrestored) to 1 (as the model gives it).

    Raises:
        ImgrestoreError: The model, its weights, the scale or the device is not there.
    """
    return prepare(
        choose(str(model), scale), device=device, precision=precision, tile=tile, memory=memory, strength=strength
    )


def restore(
    image: Source | Picture,
    model: str | Path | Restorer | None = None,
    scale: float | None = None,
    *,
    size: Target | tuple[int, int] | None = None,
    crop: tuple[int, int, int, int] | None = None,
    depth: int | None = None,
    background: str | None = None,
    reading: ReadOptions | None = None,
    **options: Any,
) -> Any:
    """Restore one image.

    Args:
        image: An :class:`Image`, a numpy array, a PIL image, or the path of a file.
        model: Name of a model, path of a weights file, what :func:`load_model` returned, or ``"auto"``: the image's
            damage decides. None is ``"auto"``, or the model that enlarges if a scale or size is given, as for
            ``imgrestore restore``.
        scale: Enlargement factor; :func:`load_model` has its own.
        size: Exact width and height of the result in pixels, or a :class:`Target`, which keeps the proportions.
        crop: Left, top, width and height of the part of the result that is wanted, in pixels: only that is computed,
            and its pixels are those of the whole.
        depth: 8 or 16 bits a sample; by default those of the image.
        background: A colour, ``"white"`` or ``"#rrggbb"``, to put behind a transparent image.
        reading: What is accepted of a file; see :class:`ReadOptions`.
        **options: As for :func:`load_model`.

    Returns:
        The restored image, in the form it was given in; an :class:`Image` for a path. A float array stays of its type
        unless ``depth`` says otherwise.

    Raises:
        ImgrestoreError: The model or the file cannot be used, or the crop lies outside the result.
        ValueError: An array that is not an image, options for a model that is loaded already, a scale for ``"auto"``,
            or a result of 16 bits in colour for PIL, which cannot hold it.
    """
    conversion = Conversion(depth, Colour.parse(background) if background is not None else None)
    if model is None:
        model = "auto" if scale is None and size is None else task_model("upscale")
    if isinstance(model, Restorer):
        if scale is not None or options:
            raise ValueError("a loaded model has its scale and options already; give them to load_model")
        restorer = model
    elif model == "auto":
        if scale is not None:
            raise ValueError("'auto' keeps an image's size; name a model that enlarges")
        found = diagnose(_opened(image, reading))
        choice = Remedies.shipped().against(found.damage) or choose("nearest", 1)
        restorer = prepare(choice, **({"device": "auto"} | options))
    else:
        restorer = load_model(model, scale, **options)
    source = _opened(image, reading)
    restored = restorer.stream(source, _size(size, source.header, restorer), crop and Region(*crop), conversion).read()
    if isinstance(image, str | Path | Image):
        return restored
    if isinstance(image, np.ndarray):
        pixels = restored.pixels
        pixels = pixels.astype(image.dtype) if pixels.dtype.kind == "f" else pixels
        return pixels[..., 0] if image.ndim == 2 else pixels
    from imgrestore.codecs.reading.pillow import to_pillow

    return to_pillow(restored)


def _opened(image: Source | Picture, reading: ReadOptions | None) -> ImageStream:
    """Return the rows of an image, whatever form it is given in."""
    if isinstance(image, str | Path):
        return open_image(Path(image), options=reading)
    if isinstance(image, Image):
        return image.stream()
    if isinstance(image, np.ndarray):
        return Image.from_array(image).stream()
    from imgrestore.codecs.reading.pillow import from_pillow

    return from_pillow(image).stream()


def _size(wanted: Target | tuple[int, int] | None, header: Header, restorer: Restorer) -> tuple[int, int] | None:
    """Return the width and height of a result, or None for what the model gives.

    Raises:
        ValueError: There would be no pixel.
    """
    if isinstance(wanted, Target):
        return wanted.size(header.width, header.height, restorer.enlargement)
    if wanted is not None and min(wanted) < 1:
        raise ValueError(f"a size is at least 1x1, got {wanted}")
    return wanted
