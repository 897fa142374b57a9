"""OpenCV's operators on 8-bit pictures. No other module imports OpenCV."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imgrestore.degradations.jpeg_codec import Subsampling
from imgrestore.errors import ComputeError

Picture = NDArray[np.uint8]
"""One image as OpenCV wants it, (H, W, C)."""

cv2.setNumThreads(0)  # training workers are processes already, their threads would only fight

_SUBSAMPLING: Mapping[Subsampling, int] = {
    "4:4:4": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    "4:2:2": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    "4:2:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
}

_LONGEST = {".jpg": 65500, ".webp": 16383}
"""Longest side that OpenCV's encoders take."""


def each_picture(image: Tensor, change: Callable[[int, Picture], Picture]) -> Tensor:
    """Change every image of a batch, rounded to 8 bits, by an operator that works on arrays on the CPU.

    Args:
        image: (N, C, H, W); what lies outside [0, 1] is clipped.
        change: Given the number of the image and its pixels, returns new ones of the same size.
    """
    levels = (image.detach().clamp(0, 1) * 255).round_().to(torch.uint8).cpu().numpy()
    for i, planes in enumerate(levels):
        planes[:] = _planes(change(i, _levels(cv2.merge([*planes])).reshape(*planes.shape[1:], -1)))
    return torch.from_numpy(levels).to(image).div_(255)


def _planes(picture: Picture) -> list[Picture]:
    return [_levels(plane) for plane in cv2.split(picture)]


def bilateral(picture: Picture, diameter: int, sigma_colour: float, sigma_space: float) -> Picture:
    """Smooth a picture without crossing edges; ``sigma_colour`` is in grey levels, the others are in pixels."""
    return _levels(cv2.bilateralFilter(picture, diameter, sigma_colour, sigma_space))


def median(picture: Picture, size: int) -> Picture:
    """Replace each sample by the median of the square of odd side ``size`` around it."""
    return _levels(cv2.medianBlur(picture, size))


def non_local_means(picture: Picture, strength: float) -> Picture:
    """Replace each pixel by the mean of those whose surroundings look alike; ``strength`` is in grey levels."""
    pixels = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    smooth = cv2.fastNlMeansDenoisingColored(pixels, None, strength, strength, 7, 21)
    return _levels(cv2.cvtColor(smooth, cv2.COLOR_BGR2RGB))


def jpeg(picture: Picture, quality: int, subsampling: Subsampling) -> Picture:
    """Encode a picture as JPEG of quality 1 … 100 and decode it."""
    sampling = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, _SUBSAMPLING[subsampling]]
    return _through_file(picture, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, quality, *sampling])


def webp(picture: Picture, quality: int) -> Picture:
    """Encode a picture as lossy WebP of quality 1 … 100 and decode it."""
    return _through_file(picture, ".webp", [cv2.IMWRITE_WEBP_QUALITY, quality])


def _through_file(picture: Picture, extension: str, settings: list[int]) -> Picture:
    """Encode and decode a picture in memory; OpenCV orders colours blue, green, red."""
    height, width = picture.shape[:2]
    if max(height, width) > _LONGEST[extension]:
        raise ComputeError(f"no {extension} file can hold {width}x{height} pixels", hint="degrade smaller crops")
    grey = picture.ndim == 2 or picture.shape[2] == 1
    pixels = picture if grey else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(extension, pixels, settings)
    decoded = _levels(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR))
    return decoded.reshape(picture.shape) if grey else _levels(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB))


def _levels(picture: object) -> Picture:
    return np.asarray(picture, dtype=np.uint8)
