"""The Python interface: what the command line does, on images in memory or files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imgrestore.catalogue import Choice, choose
from imgrestore.codecs import ReadOptions, open_image
from imgrestore.conversion import Colour, Conversion
from imgrestore.devices import Precision, choose_device
from imgrestore.engine import DEFAULT_MEMORY, Restorer
from imgrestore.image import Header, Image, ImageStream
from imgrestore.sizes import Target
from imgrestore.tiling import Region
from imgrestore.weights import build, load_weights

if TYPE_CHECKING:
    from imgrestore.codecs.pillow import Picture

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


def prepare(choice: Choice, *, device: str, **options: Any) -> Restorer:
    """Load what :func:`imgrestore.catalogue.choose` chose; the options are those of :class:`Restorer`."""
    if choice.weights is None:
        network, loss = build(choice.entry.name, {"scale": choice.scale}), None
    else:
        network, card = load_weights(choice.weights)
        loss = card.bf16_loss_db
    return Restorer(network, choice.scale, choose_device(device), bf16_loss_db=loss, **options)


def restore(
    image: Source | Picture,
    model: str | Path | Restorer = "resnet-sr",
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
        model: Name of a model, path of a weights file, or what :func:`load_model` returned.
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
        ValueError: An array that is not an image, options for a model that is loaded already, or a result of 16 bits
            in colour for PIL, which cannot hold it.
    """
    conversion = Conversion(depth, Colour.parse(background) if background is not None else None)
    if isinstance(model, Restorer):
        if scale is not None or options:
            raise ValueError("a loaded model has its scale and options already; give them to load_model")
        restorer = model
    else:
        restorer = load_model(model, scale, **options)

    def restored(source: ImageStream) -> Image:
        return restorer.stream(source, _size(size, source.header, restorer), crop and Region(*crop), conversion).read()

    if isinstance(image, str | Path):
        return restored(open_image(Path(image), options=reading))
    if isinstance(image, Image):
        return restored(image.stream())
    if isinstance(image, np.ndarray):
        pixels = restored(Image.from_array(image).stream()).pixels
        pixels = pixels.astype(image.dtype) if pixels.dtype.kind == "f" else pixels
        return pixels[..., 0] if image.ndim == 2 else pixels
    from imgrestore.codecs.pillow import from_pillow, to_pillow

    return to_pillow(restored(from_pillow(image).stream()))


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
