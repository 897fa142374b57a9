"""Images of several sizes in one batch: each in the top left corner of a canvas, and what lies beyond means nothing.

Sizes are heights and widths (N, 2), int64, on the device of the images, so that nobody has to wait for them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from imgrestore.degradations import blur
from imgrestore.degradations.streams import Streams
from imgrestore.image.resampling import resize, weigh

Canvas = tuple[int, int]
"""Height and width of a canvas."""


def canvas_of(image: Tensor) -> Canvas:
    """Return the canvas of images (N, C, H, W)."""
    return image.shape[2], image.shape[3]


def filling(canvas: Canvas, like: Tensor) -> Tensor:
    """Return sizes of as many images as there are in ``like``, where it lies, that all fill a canvas."""
    return torch.stack([torch.full((len(like),), side, device=like.device) for side in canvas], dim=1)


def scaled(sizes: Tensor, factor: Tensor) -> Tensor:
    """Return sizes multiplied by factors (N,), whole and at least 1."""
    return (sizes * factor[:, None]).round().clamp_min(1).long()


def room(sizes: Tensor, whole: Canvas, most: float) -> Canvas:
    """Return a canvas for images of given sizes.

    On the CPU it is as small as they allow; on a GPU, which would have to be waited for to know that, it holds all that
    may come.

    Args:
        sizes: Of the images.
        whole: Height and width that they are multiples of.
        most: The largest such multiple.
    """
    if sizes.is_cuda:
        return max(1, round(whole[0] * most)), max(1, round(whole[1] * most))
    height, width = sizes.amax(dim=0).tolist()
    return height, width


def take(image: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Take rows (N, H') and columns (N, W') of images (N, C, H, W): (N, C, H', W')."""
    if len(image) == 1:
        return image.index_select(2, rows[0]).index_select(3, columns[0])
    return image.take_along_dim(rows[:, None, :, None], dim=2).take_along_dim(columns[:, None, None, :], dim=3)


def mirrored(image: Tensor, sizes: Tensor, reach: int) -> Tensor:
    """Return images (N, C, H + 2 reach, W + 2 reach) that are mirrored where they end."""
    if not image.is_cuda and torch.equal(sizes, filling(canvas_of(image), image)):
        return blur.mirrored(image, reach)
    places = []
    for axis, length in enumerate(canvas_of(image)):
        period = (2 * (sizes[:, axis, None] - 1)).clamp_min(1)
        place = torch.arange(-reach, length + reach, device=image.device).remainder(period)
        places.append(torch.minimum(place, period - place))
    return take(image, *places)


def white_noise(channels: int, canvas: Canvas, streams: Streams) -> Tensor:
    """Draw standard normal numbers for each image (N, channels, *canvas), the same whatever canvas it stands on."""
    rows = streams.split(canvas[0] * channels).keys.view(len(streams), canvas[0], channels)
    return Streams(rows.transpose(1, 2).flatten()).normal(canvas[1]).view(len(streams), channels, *canvas)


def resize_each(
    image: Tensor, sizes: Tensor, targets: Tensor, canvas: Canvas, kernels: Sequence[str], number: Tensor
) -> Tensor:
    """Resize each image to a size of its own, and clip it to [0, 1].

    Args:
        image: (N, C, H, W).
        sizes: Of the images.
        targets: Their new sizes.
        canvas: Height and width for the result.
        kernels: Some of :data:`imgrestore.image.resampling.KERNELS`.
        number: Which of them is taken for each image, (N,).

    Returns:
        (N, C, *canvas), black beyond the images.
    """
    if image.is_cuda:
        return resize_by_matrices(image, sizes, targets, canvas, kernels, number)
    result = image.new_zeros(*image.shape[:2], *canvas)
    each = zip(result, image, sizes.tolist(), targets.tolist(), number.tolist(), strict=True)
    for new, photo, (height, width), (rows, columns), kernel in each:
        part, size = photo[:, :height, :width], (rows, columns)
        if kernels[kernel] in ("bilinear", "bicubic"):  # the same numbers, in less time
            resized = interpolate(part[None], size, mode=kernels[kernel], antialias=True)[0]
        else:
            resized = resize(part, size, kernels[kernel])
        torch.clamp(resized, 0, 1, out=new[:, :rows, :columns])
    return result


def resize_by_matrices(
    image: Tensor, sizes: Tensor, targets: Tensor, canvas: Canvas, kernels: Sequence[str], number: Tensor
) -> Tensor:
    """Do what :func:`resize_each` does in two products for the whole batch, which is quicker on a GPU only."""
    count, channels, height, _ = image.shape
    rows, columns = (
        _weights(kernels, number, sizes[:, axis], targets[:, axis], image.shape[2 + axis], canvas[axis]).to(image)
        for axis in (0, 1)
    )
    narrow = image.flatten(1, 2) @ columns.transpose(1, 2)
    return (rows[:, None] @ narrow.view(count, channels, height, -1)).clamp(0, 1)


def _weights(
    kernels: Sequence[str], number: Tensor, source: Tensor, target: Tensor, inputs: int, outputs: int
) -> Tensor:
    """Return the weights of :func:`imgrestore.image.resampling.axis_weights` for each image, (N, outputs, inputs).

    Args:
        kernels: What may be taken.
        number: Which of them, (N,).
        source: Lengths of the axis before, (N,).
        target: Lengths after.
        inputs: Length of the canvas before; what is beyond the image weighs nothing.
        outputs: Length of the canvas after; what is beyond the image is nothing.
    """
    number, source, target = (each[:, None, None] for each in (number, source, target))
    place = torch.arange(inputs, device=number.device)
    new = torch.arange(outputs, device=number.device)[:, None]
    nearest = torch.minimum((2 * new + 1) * source // (2 * target), source - 1)
    ratio = source / target
    distance = ((place + 0.5) - (new + 0.5) * ratio) / ratio.clamp_min(1)
    weights = torch.zeros_like(distance)
    for i, kernel in enumerate(kernels):
        taken = (place == nearest).float() if kernel == "nearest" else weigh(kernel, distance)
        weights = torch.where(number == i, taken, weights)
    weights = weights * ((place < source) & (new < target))
    total = weights.sum(dim=2, keepdim=True)
    return weights / total.where(total != 0, 1)
