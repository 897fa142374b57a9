"""What each paper measures, and how: the profiles under which its table is taken.

=======  =========================================  ====================================================================
profile  what is done to the images                 metrics
=======  =========================================  ====================================================================
std      clipped, rounded to 8 bits                 MSE, MAE, PSNR, SSIM and MS-SSIM under a Gaussian of 11 pixels
p000     nothing                                    100 MAE, 100 MSE; SSIM and MS-SSIM of luma, Gaussian of 11 pixels
p001     clipped, rounded to 8 bits                 PSNR; SSIM under a uniform 7x7 window with sample covariances; the
                                                    faulty quality index of the paper, and the right one
p002     as the network gives them, and clipped     PSNR; SSIM under a Gaussian of 11 pixels inside the image; amplitude
                                                    and phase errors of local spectra
p003     nothing                                    squared errors of three bands, PSNR
p004     clipped                                    PSNR; (1 + SSIM) / 2 and SSIM, Gaussian of 5 pixels, reflected; MSE
=======  =========================================  ====================================================================

PSNR is the mean over images of each one's value, but for ``psnr_pooled``, that of the mean squared error of all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from imgrestore.metrics import batches

Images = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Column:
    """A metric as a table shows it.

    Attributes:
        heading: What tables call it.
        each: Its value for each image of a batch.
        decimals: Digits after the point.
        higher: Whether higher is better.
        pool: What becomes of the values of all images, (N,), that are not NaN.
    """

    heading: str
    each: Callable[[Tensor, Tensor], Tensor]
    decimals: int = 4
    higher: bool = True
    pool: Callable[[Tensor], Tensor] = torch.mean


@dataclass(frozen=True)
class Profile:
    """How a table is taken.

    Attributes:
        name: As tables print it.
        summary: What it is, in words.
        prepare: What is done to restored images and ground truth first.
        columns: The metrics by name.
    """

    name: str
    summary: str
    prepare: Images
    columns: Mapping[str, Column]

    def measure(self, restored: Tensor, gt: Tensor) -> dict[str, Tensor]:
        """Return every metric of every image.

        Args:
            restored: (N, C, H, W).
            gt: Same shape.

        Returns:
            (N,) float64 on the CPU for each column.
        """
        if restored.shape != gt.shape:
            raise ValueError(f"images differ in shape: {tuple(restored.shape)} and {tuple(gt.shape)}")
        ours, theirs = self.prepare(restored), self.prepare(gt)
        return {name: column.each(ours, theirs).double().cpu() for name, column in self.columns.items()}


def _as_is(images: Tensor) -> Tensor:
    return images


def _clipped(images: Tensor) -> Tensor:
    return images.clamp(0, 1)


def _rounded(images: Tensor) -> Tensor:
    """Clip and round to 8 bits; float64, so that levels stay exact."""
    return (images.double().clamp(0, 1) * 255).round() / 255


def _times(factor: float, metric: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda restored, gt: factor * metric(restored, gt)


def _of_clipped(metric: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda restored, gt: metric(_clipped(restored), _clipped(gt))


def _band(number: int) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda restored, gt: batches.sfl_bands(restored, gt)[:, number]


def _similar(restored: Tensor, gt: Tensor) -> Tensor:
    """Return 1 - DSSIM, that is (1 + SSIM) / 2."""
    return 1 - batches.dssim(restored, gt)


_PSNR = Column("PSNR", batches.psnr, 2)
_POOLED = Column("PSNR of mean MSE", batches.mse, 2, pool=lambda errors: batches.decibels(errors.mean()))
_MSE = Column("MSE", batches.mse, higher=False)

PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            "std",
            "8 bits, channel by channel; SSIM under a Gaussian of 11 pixels",
            _rounded,
            {
                "psnr": _PSNR,
                "psnr_pooled": _POOLED,
                "ssim": Column("SSIM", batches.ssim),
                "ms_ssim": Column("MS-SSIM", batches.ms_ssim),
                "mse": _MSE,
                "mae": Column("MAE", batches.mae, higher=False),
            },
        ),
        Profile(
            "p000",
            "[0, 1], errors of RGB; SSIM and MS-SSIM of luma under a Gaussian of 11 pixels",
            _as_is,
            {
                "mae100": Column("100 l1", _times(100, batches.mae), 2, higher=False),
                "mse100": Column("100 l2", _times(100, batches.mse), 2, higher=False),
                "ssim": Column("SSIM", batches.on_luma(batches.ssim), 3),
                "ms_ssim": Column("MS-SSIM", batches.on_luma(batches.ms_ssim), 3),
                "psnr": _PSNR,
            },
        ),
        Profile(
            "p001",
            "8 bits; SSIM under a uniform window of 7 pixels with sample covariances; the paper's faulty quality index",
            _rounded,
            {
                "psnr": _PSNR,
                "ssim": Column("SSIM", batches.uniform_ssim),
                "uqi_paper001": Column("faulty UQI", batches.uqi_paper001),
                "uqi": Column("UQI", batches.uqi),
            },
        ),
        Profile(
            "p002",
            "as the network gives them; SSIM under a Gaussian of 11 pixels inside the image",
            _as_is,
            {
                "psnr": _PSNR,
                "ssim": Column("SSIM", batches.ssim, 3),
                "psnr_clipped": Column("PSNR clipped", _of_clipped(batches.psnr), 2),
                "ssim_clipped": Column("SSIM clipped", _of_clipped(batches.ssim), 3),
                "stft_amplitude": Column("amplitude error", batches.stft_amplitude, 1, higher=False),
                "stft_phase": Column("phase error", batches.stft_phase, 1, higher=False),
            },
        ),
        Profile(
            "p003",
            "[-1, 1]; squared errors of three bands of the sum of the channels, in thousandths",
            _as_is,
            {
                "sfl_08": Column("SFL 0.8", _band(0), 2, higher=False),
                "sfl_16": Column("SFL 1.6", _band(1), 2, higher=False),
                "sfl_32": Column("SFL 3.2", _band(2), 2, higher=False),
                "psnr": _PSNR,
            },
        ),
        Profile(
            "p004",
            "clipped; SSIM under a Gaussian of 5 pixels at every pixel, and as (1 + SSIM) / 2",
            _clipped,
            {
                "psnr": _PSNR,
                "similarity": Column("(1 + SSIM) / 2", _similar),
                "mse": _MSE,
                "ssim": Column("SSIM", batches.reflected_ssim),
                "psnr_pooled": _POOLED,
            },
        ),
    )
}
"""All profiles by name."""
