"""Restoring images, one or many, in whatever form they are: paths, bytes, file objects, arrays, PIL images, tensors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Unpack, cast, overload

from imgrestore.api.image import Image, warn
from imgrestore.api.options import Asked, Options, Wishes
from imgrestore.api.restorer import InMemory, Restored, Restorer
from imgrestore.api.wording import in_python
from imgrestore.codecs.forms import File
from imgrestore.errors import UsageError, WeightsError
from imgrestore.weights.catalogue import Choice
from imgrestore.weights.remedies import Remedies, asked_for


def load_model(
    model: str | Path | None = None,
    scale: float | None = None,
    *,
    task: str | None = None,
    weights: str | Path | None = None,
    **options: Unpack[Options],
) -> Restorer:
    """Make a model ready to restore images.

    Args:
        model: Name of a model, path of a weights file, several in turn (``"resnet-denoise+resnet-sr"``), or ``"auto"``:
            each image's damage decides, which is the default without a task and weights. Where a scale or size is asked
            for, all of these enlarge.
        scale: Enlargement factor wanted; the model's own by default.
        task: ``"denoise"``, ``"deblur"`` or ``"upscale"`` for the default model of a task, or ``"auto"``.
        weights: Path of a weights file.
        **options: See :class:`~imgrestore.api.options.Options`.

    Raises:
        UsageError: The request makes no sense, or the device is not there.
        WeightsError: The weights are not there, or cannot be trusted.
    """
    with in_python():
        asked = Asked().but(options | {"scale": scale})
        return Restorer(_choice(model, task, weights, scale, larger=scale is not None or asked.sized), asked)


@overload
def restore(
    image: File,
    model: str | Path | Restorer | None = None,
    scale: float | None = None,
    *,
    task: str | None = None,
    weights: str | Path | None = None,
    **options: Unpack[Options],
) -> Image: ...
@overload
def restore(
    image: InMemory,
    model: str | Path | Restorer | None = None,
    scale: float | None = None,
    *,
    task: str | None = None,
    weights: str | Path | None = None,
    **options: Unpack[Options],
) -> InMemory: ...
def restore(
    image: Any,
    model: str | Path | Restorer | None = None,
    scale: float | None = None,
    *,
    task: str | None = None,
    weights: str | Path | None = None,
    **options: Unpack[Options],
) -> Any:
    """Restore one image, or a batch of images of one size.

    Args:
        image: The path of a file, its content as bytes, or a binary file object; an :class:`Image`; a numpy array
            (H, W), (H, W, C) or (N, H, W, C); a PIL image; or a torch tensor (C, H, W) or (N, C, H, W) on any device.
            Arrays and tensors hold uint8, uint16, or floats in [0, 1].
        model: As for :func:`load_model`, or what it returned.
        scale: As for :func:`load_model`, like all that follows; with a loaded model only
            :class:`~imgrestore.api.options.Wishes`.
        task: The task whose default model is taken.
        weights: Path of a weights file.
        **options: See :class:`~imgrestore.api.options.Options`.

    Returns:
        The result in the form that the image was given in, and an :class:`Image` for a file. Arrays and tensors keep
        layout, type (unless ``depth`` says otherwise) and device, and floats lie in [0, 1]. A PIL image keeps its mode
        if that is grey, RGB, or one of these with alpha, and becomes RGB or RGBA if not.

    Raises:
        UsageError: The request makes no sense.
        InputError: The image cannot be used; an :class:`ImageTypeError` is a ``TypeError``, too, and an
            :class:`ImageValueError` a ``ValueError``.
        WeightsError: The weights are not there, or cannot be trusted.
        ComputeError: Memory ran out, or the model gave values that are not numbers.

    Warns:
        RestorationWarning: There is something to know about how the image was read, computed or converted.
    """
    with in_python():
        restorer, wishes = _restorer(model, scale, task, weights, options)
        done = restorer.restored(image, wishes)
    warn(done.notices)
    return done.image


@overload
def restore_many(
    images: Iterable[File],
    model: str | Path | Restorer | None = None,
    scale: float | None = None,
    *,
    task: str | None = None,
    weights: str | Path | None = None,
    **options: Unpack[Options],
) -> Iterator[Restored[Image]]: ...
@overload
def restore_many(
    images: Iterable[InMemory],
    model: str | Path | Restorer | None = None,
    scale: float | None = None,
    *,
    task: str | None = None,
    weights: str | Path | None = None,
    **options: Unpack[Options],
) -> Iterator[Restored[InMemory]]: ...
def restore_many(
    images: Iterable[Any],
    model: str | Path | Restorer | None = None,
    scale: float | None = None,
    *,
    task: str | None = None,
    weights: str | Path | None = None,
    **options: Unpack[Options],
) -> Iterator[Restored[Any]]:
    """Restore one image after the other, when its result is asked for; one that fails does not end the rest.

    Memory stays that of one image: images are taken from the iterable one at a time, and no result is kept.

    Args:
        images: Images as :func:`restore` takes them, of one form or of several.
        model: As for :func:`restore`, like all that follows.
        scale: Enlargement factor wanted.
        task: The task whose default model is taken.
        weights: Path of a weights file.
        **options: See :class:`~imgrestore.api.options.Options`.

    Returns:
        A :class:`Restored` for each image, in order. What :func:`restore` warns of stands in its ``notices``.

    Raises:
        UsageError: The request makes no sense; before the first image is taken, like the next.
        WeightsError: The weights are not there, or cannot be trusted.
    """
    with in_python():
        restorer, wishes = _restorer(model, scale, task, weights, options)
        return restorer.map(images, **wishes)


def _restorer(
    model: str | Path | Restorer | None,
    scale: float | None,
    task: str | None,
    weights: str | Path | None,
    options: Options,
) -> tuple[Restorer, Wishes]:
    """Return what restores, and what is asked of it once it is loaded."""
    if not isinstance(model, Restorer):
        return load_model(model, scale, task=task, weights=weights, **options), {}
    named = {"scale": scale, "task": task, "weights": weights}
    return model, cast(Wishes, options | {name: value for name, value in named.items() if value is not None})


def _choice(
    model: str | Path | None, task: str | None, weights: str | Path | None, scale: float | None, *, larger: bool
) -> Choice | Remedies:
    """Return the model asked for, or the models among which each image's damage decides.

    Raises:
        UsageError: Several arguments name a model, or a size is asked for and none.
        WeightsError: There is no such weights file.
    """
    if weights is not None:
        if model is not None or task is not None:
            raise UsageError(
                f"{'model' if task is None else 'task'} and weights both name a model", hint="leave one out"
            )
        if Path(weights).suffix != ".safetensors":
            raise WeightsError(f"{weights}: is no weights file, whose name ends in .safetensors")
        model = weights
    return asked_for(None if model is None else str(model), task, scale, larger=larger)
