"""Colour: light, luma, and what stands under transparency."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

_RADII = (1, 4, 16, 32)
EXTENSION_REACH = max(_RADII)
"""How far visible colour is carried into transparent areas, in pixels."""


def extend_under_transparency(rgba: Tensor) -> Tensor:
    """Carry visible colours into fully transparent areas, so that a network sees no false edge there.

    A transparent pixel takes the alpha-weighted mean of the smallest neighbourhood that holds anything visible; beyond
    :data:`EXTENSION_REACH` pixels its own colour stays. Visible pixels, however faint, keep their colour.

    Args:
        rgba: (4, H, W) in [0, 1], colours not multiplied by alpha.

    Returns:
        (4, H, W), alpha unchanged.
    """
    colour, alpha = rgba[:3], rgba[3:]
    missing = alpha <= 0
    if not bool(missing.any()):
        return rgba
    weighted = torch.cat([colour * alpha, alpha])
    for radius in _RADII:
        sums = _box_sum(weighted, radius)
        found = missing & (sums[3:] > 0)
        colour = torch.where(found, sums[:3] / sums[3:].clamp_min(1e-12), colour)
        missing = missing & ~found
    return torch.cat([colour, alpha])


def _box_sum(image: Tensor, radius: int) -> Tensor:
    """Sum over squares of side ``2 radius + 1``; added in a fixed order, so it does not depend on the cut."""
    height, width = image.shape[-2:]
    padded = pad(image, (radius, radius, radius, radius))
    rows = torch.zeros_like(padded[:, :height])
    for offset in range(2 * radius + 1):
        rows += padded[:, offset : offset + height]
    total = torch.zeros_like(image)
    for offset in range(2 * radius + 1):
        total += rows[..., offset : offset + width]
    return total


def to_linear(image: Tensor) -> Tensor:
    """Turn sRGB values into linear light, any shape.

    The transfer curve of IEC 61966-2-1, exactly. Its straight part is continued below zero and its power above one, so
    that values outside [0, 1] survive the way there and back.
    """
    return torch.where(image <= 0.04045, image / 12.92, ((image.clamp_min(0.04045) + 0.055) / 1.055) ** 2.4)


def to_srgb(light: Tensor) -> Tensor:
    """Turn linear light into sRGB values: the inverse of :func:`to_linear`."""
    return torch.where(light <= 0.0031308, light * 12.92, 1.055 * light.clamp_min(0.0031308) ** (1 / 2.4) - 0.055)


def luma(image: Tensor) -> Tensor:
    """Return Y' = 0.299 R' + 0.587 G' + 0.114 B' (ITU-R BT.601) of (..., C, H, W), C being 3 or 1: (..., 1, H, W)."""
    if image.shape[-3] == 1:
        return image
    red, green, blue = image.chunk(3, dim=-3)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def rgb_of_chroma(cb: Tensor, cr: Tensor) -> Tensor:
    """Return what Cb and Cr (..., 1, H, W), 0 being grey, add to Y' of each colour: (..., 3, H, W).

    ITU-R BT.601 in full range, as in JPEG files (JFIF 1.02).
    """
    return torch.cat([1.402 * cr, -0.344136286 * cb - 0.714136286 * cr, 1.772 * cb], dim=-3)
