"""Fourier tools that models and losses share.

A spectrum is *in FFT layout* when its first bin is the mean, as the transform gives it, and *centred* when the mean
stands at (H // 2, W // 2).
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor
from torch.fft import fft2, fftshift, ifft2, ifftshift

_PLANE = (-2, -1)
_EPSILON = 1e-8


def frequencies(height: int, width: int, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """Return the signed frequency of every bin in FFT layout, in cycles per image, as (H, 1) and (1, W) integers."""
    vertical, horizontal = (ifftshift(torch.arange(n, device=device) - n // 2) for n in (height, width))
    return vertical[:, None], horizontal[None, :]


def scaled_cutoff(cutoff: float, height: int, width: int) -> float:
    """Return the cutoff for an image of any size that matches ``cutoff`` on 256 x 256: in proportion to the short side.

    A pattern of the scene then stays on the same side of the cutoff, however large the image of the scene is.
    """
    return cutoff * min(height, width) / 256


def high_pass(image: Tensor, cutoff: float, domain: Literal["spatial", "spectrum"] = "spatial") -> Tensor:
    """Keep the frequencies whose distance from the mean's bin is above a cutoff.

    Paper 000 (Kim & Jo, Fourier autoencoder): an ideal mask on the centred spectrum, 20 on 256 x 256, which removes the
    mean and 1256 further bins. That the result is an image again is our reading; the paper does not say.

    Args:
        image: (..., H, W).
        cutoff: In bins, that is in cycles per image; see :func:`scaled_cutoff` for other sizes.
        domain: What is returned.

    Returns:
        The shape of ``image``: ``"spatial"`` the filtered image, of mean 0; ``"spectrum"`` log(1 + amplitude) of its
        centred spectrum, the transform being orthonormal.
    """
    vertical, horizontal = frequencies(image.shape[-2], image.shape[-1], image.device)
    passed = vertical.square() + horizontal.square() > cutoff**2
    spectrum: Tensor = fft2(image, norm="ortho") * passed
    if domain == "spectrum":
        spectrum = fftshift(spectrum, dim=_PLANE)
        return spectrum.abs().log1p()
    filtered: Tensor = ifft2(spectrum, norm="ortho")
    return filtered.real


def phase(image: Tensor) -> Tensor:
    """Return the phase of the centred spectrum, divided by pi.

    Paper 000 (Kim & Jo, Fourier autoencoder): atan2(imaginary, real). The transform is orthonormal, and 1e-8 is added
    to the real part, so that the phase of nothing is 0. The phase of a bin that holds only rounding errors is noise.

    Args:
        image: (..., H, W), real.

    Returns:
        The shape of ``image``, in [-1, 1].
    """
    spectrum = fftshift(fft2(image, norm="ortho"), dim=_PLANE)
    # Adding 0 turns -0 into 0: the same negative number must not be at pi in one place and at -pi in another.
    return torch.atan2(spectrum.imag + 0.0, spectrum.real + _EPSILON) / math.pi
