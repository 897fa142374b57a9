"""Metrics of batches: one value for each image.

All take float batches (N, C, H, W), nominally in [0, 1], of any number of channels, and return (N,), ``sfl_bands``
(N, 3). Nothing is rounded or clipped here; a :class:`~imgrestore.metrics.profiles.Profile` says what is. Where a
metric is also a loss, both are computed by the same lines, all but MS-SSIM, whose factors the loss keeps above zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from pytorch_msssim import ms_ssim as _ms_ssim
from skimage.metrics import structural_similarity
from torch import Tensor
from torch.nn.functional import avg_pool2d

from imgrestore.image.color import luma
from imgrestore.losses.sfl_log import band_errors
from imgrestore.losses.stft import Stft
from imgrestore.losses.structure import reflected_similarity, similarity
from imgrestore.metrics.protocols import SMALLEST_SIDES

_WINDOW, _SIGMA = 11, 1.5
_UQI_WINDOW = 8


def mse(restored: Tensor, gt: Tensor) -> Tensor:
    """Return the mean squared error."""
    return (restored.double() - gt.double()).square().mean((1, 2, 3))


def mae(restored: Tensor, gt: Tensor) -> Tensor:
    """Return the mean absolute error."""
    return (restored.double() - gt.double()).abs().mean((1, 2, 3))


def decibels(error: Tensor) -> Tensor:
    """Turn mean squared errors into PSNR in dB, peak 1; infinity for 0."""
    return -10 * error.log10()


def psnr(restored: Tensor, gt: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio in dB, peak 1, of one error over all channels; infinity if identical."""
    return decibels(mse(restored, gt))


def ssim(restored: Tensor, gt: Tensor) -> Tensor:
    """Return the structural similarity under a Gaussian of 11 pixels, sigma 1.5, inside the image only.

    Z. Wang et al., IEEE TIP 13, 2004, as its authors and TensorFlow take it. NaN for images smaller than the window.
    """
    if min(gt.shape[-2:]) < _WINDOW:
        return _nothing(gt)
    whole, _ = similarity(restored, gt, _WINDOW, _SIGMA)
    return whole.mean((1, 2, 3))


def uniform_ssim(restored: Tensor, gt: Tensor) -> Tensor:
    """Return scikit-image's default: a uniform window of 7 pixels and sample covariances, channel by channel.

    Paper 001 (Yang & Zheng) takes it on images rounded to 8 bits. NaN for images smaller than the window.
    """
    if min(gt.shape[-2:]) < 7:
        return _nothing(gt)
    pairs = zip(restored.double().cpu().numpy(), gt.double().cpu().numpy(), strict=True)
    values = [structural_similarity(a, b, data_range=1.0, channel_axis=0) for a, b in pairs]  # type: ignore[no-untyped-call]
    return torch.tensor(values, dtype=torch.float64)


def reflected_ssim(restored: Tensor, gt: Tensor) -> Tensor:
    """Return the structural similarity under a Gaussian of 5 pixels, sigma 1.5, at every pixel.

    Images go on by reflection: what the loss ``dssim`` of paper 004 is made of.
    """
    return reflected_similarity(restored, gt, 5, _SIGMA).mean((1, 2, 3))


def dssim(restored: Tensor, gt: Tensor) -> Tensor:
    """Return the structural dissimilarity (1 - SSIM) / 2 of :func:`reflected_ssim`, each pixel's in [0, 1]."""
    whole = reflected_similarity(restored, gt, 5, _SIGMA)
    return ((1 - whole) / 2).clamp(0, 1).mean((1, 2, 3))


def ms_ssim(restored: Tensor, gt: Tensor) -> Tensor:
    """Return the multi-scale structural similarity over five scales; negative contrast terms count as zero.

    Z. Wang et al., Asilomar 2003, as pytorch-msssim computes it. NaN for images whose shorter side is below 161.
    """
    if min(gt.shape[-2:]) < SMALLEST_SIDES["ms_ssim"]:
        return _nothing(gt)
    values: Tensor = _ms_ssim(restored.double(), gt.double(), data_range=1.0, size_average=False)
    return values


def uqi(restored: Tensor, gt: Tensor) -> Tensor:
    """Return the universal quality index over windows of 8x8 pixels inside the image, channel by channel.

    ``4 c mx my / ((vx + vy) (mx^2 + my^2))`` with the means m, variances v and covariance c of a window: Z. Wang,
    A. C. Bovik, "A Universal Image Quality Index", IEEE SPL 9, 2002, doi:10.1109/97.995823. Where neither window
    varies it is what the means alone make of it, and 1 where there is nothing at all.
    """
    return _quality_index(restored, gt, 1)


def uqi_paper001(restored: Tensor, gt: Tensor) -> Tensor:
    """Return the faulty index behind the table of paper 001, which is far too high; only to compare with that table.

    The package that its authors used takes window means, and multiplies them by the number of pixels as if they were
    sums: ``64 E[x y] - mx my`` stands for the covariance, and likewise for the variances, so that raw second moments
    rule the result.
    """
    return _quality_index(restored, gt, _UQI_WINDOW**2)


def _quality_index(restored: Tensor, gt: Tensor, factor: int) -> Tensor:
    """Return the quality index with second moments multiplied by a factor before the means are taken off."""
    if min(gt.shape[-2:]) < _UQI_WINDOW:
        return _nothing(gt)
    x, y = restored.double() * 255, gt.double() * 255
    mx, my, energy, product = (
        avg_pool2d(plane, _UQI_WINDOW, stride=1) for plane in (x, y, x.square() + y.square(), x * y)
    )
    means = mx.square() + my.square()
    spread = factor * energy - means
    covariance = factor * product - mx * my
    flat, black = spread < 1e-8 * factor * energy.clamp_min(1e-8), means == 0
    quality = torch.where(flat, 1, 2 * covariance / torch.where(flat, 1, spread))
    quality = quality * torch.where(black, 1, 2 * mx * my / torch.where(black, 1, means))
    return quality.mean((1, 2, 3))


def sfl_bands(restored: Tensor, gt: Tensor) -> Tensor:
    """Return the squared errors of the three bands of paper 003, (N, 3) from the highest band down.

    Under Laplacians of Gaussians of 0.8, 1.6 and 3.2 pixels, on the sum of the channels, of images in [-1, 1] as the
    paper has them (errors four times those in [0, 1]), in thousandths, the unit that the paper's table must have.
    """
    return 4e3 * band_errors(restored.double() - gt.double(), "sum")


def stft_amplitude(restored: Tensor, gt: Tensor) -> Tensor:
    """Return the amplitudes' part of the loss ``stft`` of paper 002, unweighted."""
    return Stft(amplitude_weight=1, phase_weight=0).each(restored, gt).double()


def stft_phase(restored: Tensor, gt: Tensor) -> Tensor:
    """Return the phases' part of the loss ``stft`` of paper 002, unweighted, in radians summed over frequencies."""
    return Stft(amplitude_weight=0, phase_weight=1).each(restored, gt).double()


def on_luma(metric: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """Return a metric of BT.601 luma alone."""
    return lambda restored, gt: metric(luma(restored), luma(gt))


def _nothing(images: Tensor) -> Tensor:
    return torch.full((len(images),), math.nan, dtype=torch.float64)
