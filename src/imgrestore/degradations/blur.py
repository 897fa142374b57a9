"""Blurs that are the same everywhere in an image, and the kernels they are made of.

Kernels (N, k, k), one for each image, are square and odd-sided, hold positions in pixels from their middle (columns to
the right, rows downwards) and sum to one. Every shape is drawn with smooth edges, so that lengths, radii and angles
need not be whole, and is centred, so that a blur never shifts an image.
"""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from torch import Tensor
from torch.fft import irfft2, rfft2
from torch.nn.functional import conv2d, pad

from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.streams import Streams
from imgrestore.image.color import to_linear, to_srgb
from imgrestore.parts.part import Field


class Blur(Degradation):
    """A convolution with a kernel drawn for each image.

    Attributes:
        linear: Whether light is blurred (as lenses and moving cameras do) or sRGB values (as most literature does).
    """

    linear: bool = Field(False, description="blur linear light, as a lens does, instead of sRGB values")

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return the blurred images, same shape."""
        kernels = self.kernels(streams)
        return to_srgb(blur(to_linear(image), kernels)) if self.linear else blur(image, kernels)

    @abstractmethod
    def kernels(self, streams: Streams) -> Tensor:
        """Draw a kernel for each of N images, (N, k, k) on the device of the streams."""


def blur(image: Tensor, kernels: Tensor) -> Tensor:
    """Convolve images (N, C, H, W), mirrored at their edges, with kernels (N, k, k): same shape, any size."""
    return convolve(mirrored(image, kernels.shape[-1] // 2), kernels)


def gaussian_blur(image: Tensor, sigma: Tensor, most: float) -> Tensor:
    """Blur images (N, C, H, W), mirrored at their edges, by a round Gaussian cut off at four standard deviations.

    Rows and columns one after the other, which is quicker than :func:`blur`: three times for kernels of 21 pixels.

    Args:
        image: The images.
        sigma: Standard deviations (N,) in pixels.
        most: Largest standard deviation that there may be.
    """
    count, channels, height, width = image.shape
    furthest = reach(4 * sigma, 4 * most)
    offsets = _offsets(furthest, sigma)
    row = torch.exp(-0.5 * (offsets / sigma.clamp_min(0.01)[:, None]) ** 2)
    row = row * (offsets.abs() <= (4 * sigma).ceil()[:, None])
    row = (row / row.sum(dim=1, keepdim=True)).to(image).repeat_interleave(channels, dim=0)[:, None, None]
    around = mirrored(image.reshape(1, count * channels, height, width), furthest)
    blurred = conv2d(conv2d(around, row, groups=count * channels), row.mT, groups=count * channels)
    return blurred.view(image.shape)


def convolve(image: Tensor, kernels: Tensor) -> Tensor:
    """Convolve images (N, C, H, W) with kernels (N, k, k) where these fit inside: (N, C, H - k + 1, W - k + 1).

    By Fourier transforms, which take about the same time for every kernel: on one image they were measured as fast as
    sums for kernels of 5 pixels, and ten times as fast for 33.
    """
    height, width = image.shape[-2:]
    size = quick_length(height), quick_length(width)
    spectrum = rfft2(image.float(), s=size) * rfft2(kernels.to(image.device), s=size)[:, None]
    first = kernels.shape[-1] - 1
    convolved: Tensor = irfft2(spectrum, s=size)[..., first:height, first:width]
    return convolved.to(image)


def quick_length(length: int) -> int:
    """Return the next even length without prime factors beyond 5, whose Fourier transform is quick."""
    length += length % 2
    while pow(30, 64, length):  # divides a power of 2 x 3 x 5
        length += 2
    return length


def mirrored(image: Tensor, reach: int) -> Tensor:
    """Return images (N, C, H, W) with their edges mirrored, (N, C, H + 2 reach, W + 2 reach); any size."""
    if reach < min(image.shape[-2:]):
        return pad(image, (reach,) * 4, mode="reflect")
    for axis in (2, 3):
        last = image.shape[axis] - 1
        place = torch.arange(-reach, last + 1 + reach, device=image.device).remainder(max(1, 2 * last))
        image = image.index_select(axis, torch.minimum(place, 2 * last - place))
    return image


def reach(needed: Tensor, most: float) -> int:
    """Return how far kernels have to reach from their middle, in pixels.

    On the CPU as far as these need, as smaller kernels are quicker; on a GPU, which would have to be waited for to know
    that, as far as any may need.

    Args:
        needed: How far each reaches, (N,).
        most: How far any may reach.
    """
    return math.ceil(most if needed.is_cuda else float(needed.max()))


def gaussian_kernels(sigma_x: Tensor, sigma_y: Tensor, angle: Tensor, most: float) -> Tensor:
    """Return Gaussian kernels, cut off at four standard deviations.

    Args:
        sigma_x: Standard deviations (N,) along the angle, in pixels.
        sigma_y: Standard deviations (N,) across the angle, in pixels.
        angle: Directions (N,) in radians, counter-clockwise from horizontal.
        most: Largest standard deviation that there may be.
    """
    furthest = 4 * torch.maximum(sigma_x, sigma_y)
    x, y = centred_grid(reach(furthest, 4 * most), sigma_x)
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    along = (x * cos - y * sin) / sigma_x.clamp_min(0.01)[:, None, None]
    across = (x * sin + y * cos) / sigma_y.clamp_min(0.01)[:, None, None]
    inside = torch.maximum(x.abs(), y.abs()) <= furthest.ceil()[:, None, None]
    return normalised(torch.exp(-0.5 * (along**2 + across**2)) * inside)


def box_kernels(side: Tensor, most: float) -> Tensor:
    """Return squares of any side (N,) up to ``most`` pixels; the outermost count as far as they are covered."""
    offsets = _offsets(reach(side / 2, most / 2), side)
    row = _covered(offsets, side[:, None] / 2)
    return normalised(row[:, :, None] * row[:, None, :])


def disc_kernels(radius: Tensor, most: float, lines: int = 16) -> Tensor:
    """Return discs of any radius (N,) up to ``most`` pixels; each pixel counts as far as it is covered.

    The coverage is exact along rows and summed over ``lines`` lines within each row.
    """
    offsets = _offsets(reach(radius, most), radius)
    within = (torch.arange(lines, device=radius.device) + 0.5) / lines - 0.5
    heights = (offsets[:, None] + within).flatten()
    chord = (radius[:, None] ** 2 - heights**2).clamp_min(0).sqrt()
    covered = _covered(offsets, chord[:, :, None])
    return normalised(covered.view(len(radius), len(offsets), lines, len(offsets)).sum(dim=2))


def path_kernels(path: Tensor, most: float) -> Tensor:
    """Return kernels that spread light along paths, evenly over their points.

    Each point is shared by the four pixels around it (bilinear weights), so the kernel's centre of mass is the path's.

    Args:
        path: Columns and rows (N, points, 2) in pixels from the middle of the kernel.
        most: How far from the middle any point may be, in pixels.
    """
    offsets = _offsets(reach(path.abs(), most), path)
    shares = (1 - (path[..., None] - offsets).abs()).clamp_min(0)
    return normalised(shares[:, :, 1].transpose(1, 2) @ shares[:, :, 0])


def trimmed(kernels: Tensor) -> Tensor:
    """Cut off rims (N, k, k) where no kernel holds anything; a GPU is not asked whether there are any."""
    if kernels.is_cuda:
        return kernels
    rim = int((kernels.abs().amax(dim=(0, 1)) > 0).int().argmax())
    return kernels[:, rim : kernels.shape[1] - rim, rim : kernels.shape[2] - rim]


def centred_grid(reach: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return the columns (1, k) and rows (k, 1) of the pixels of a kernel, -reach … reach."""
    offsets = _offsets(reach, like)
    return offsets[None, :], offsets[:, None]


def normalised(kernels: Tensor) -> Tensor:
    """Scale kernels (N, k, k) to a sum of one."""
    return kernels / kernels.sum(dim=(1, 2), keepdim=True)


def _covered(offsets: Tensor, half: Tensor) -> Tensor:
    """Return how much of the pixels at ``offsets`` lies between ``-half`` and ``half``."""
    return (torch.minimum(offsets + 0.5, half) - torch.maximum(offsets - 0.5, -half)).clamp_min(0)


def _offsets(reach: int, like: Tensor) -> Tensor:
    return torch.arange(-reach, reach + 1, device=like.device, dtype=like.dtype)
