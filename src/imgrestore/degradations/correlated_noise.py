"""Noise whose neighbours are alike."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.fft import fftfreq, irfft2, rfft2

from imgrestore.degradations.blur import quick_length
from imgrestore.degradations.streams import Streams

_REACH = 6.0
"""Standard deviations of the blur after which two places count as independent: they correlate by e^-9."""


def correlated_noise(streams: Streams, shape: tuple[int, int, int], sigma: Tensor, largest: float) -> Tensor:
    """Draw white Gaussian noise, blur it by a Gaussian and scale it back to a variance of one.

    Two places ``d`` apart correlate by ``exp(-d^2 / (4 sigma^2))``. The noise is drawn on a larger area that closes
    upon itself, so that its variance is the same everywhere, known without measuring it, and opposite edges differ.

    Args:
        streams: Source of the noise.
        shape: Channels, height and width.
        sigma: Standard deviation of the blur in pixels, (N, channels) or (N, 1).
        largest: The largest ``sigma`` that may come.

    Returns:
        (N, *shape) float32.
    """
    channels, height, width = shape
    reach = math.ceil(_REACH * largest)
    rows, columns = quick_length(height + reach), quick_length(width + reach)
    down, across = (_passed(sigma, length) for length in (rows, columns))
    spectrum = rfft2(streams.normal(channels, rows, columns))
    spectrum *= down[..., :, None]
    spectrum *= across[..., None, : columns // 2 + 1]
    noise: Tensor = irfft2(spectrum, s=(rows, columns))[..., :height, :width]
    return noise


def _passed(sigma: Tensor, length: int) -> Tensor:
    """Return what a Gaussian lets through of each frequency of an axis, (*sigma.shape, length), of mean square one."""
    passed = torch.exp(-2 * (math.pi * sigma[..., None] * fftfreq(length, device=sigma.device)) ** 2)
    return passed / passed.square().mean(dim=-1, keepdim=True).sqrt()
