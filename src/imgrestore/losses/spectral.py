"""Comparison of spectra by amplitude and phase, shared by ``stft`` and ``dft``."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from imgrestore.image.spectrum import frequencies
from imgrestore.losses.contract import Loss
from imgrestore.parts.part import Field

_EPSILON = 1e-6
_PIECE = 2**22
"""Samples compared at a time: larger tensors are taken from and given back to the system again and again."""


class SpectralLoss(Loss):
    """Weighted distance of two spectra in amplitude and in phase.

    Attributes:
        window: What a window is multiplied by: the periodic Hann function along both axes, the square root of the
            symmetric one, or nothing.
        frequencies: Those compared: the half plane that determines the rest, the quadrant in which both are positive,
            or all.
        weighting: Weight of a frequency: ``"radial"`` its distance from 0 over the largest one, ``"outer"`` the product
            of two such ramps, one for each axis, or ``"none"``.
        phase: Distance of two phases: the angle between them (``"wrapped"``, up to pi), the difference of two angles in
            (-pi, pi] (``"raw"``, up to 2 pi, which pulls the wrong way across the cut) or 1 - cos (``"cosine"``).
        amplitude_weight: Factor of the amplitudes.
        phase_weight: Factor of the phases.
        floor: Phases count where both amplitudes are above this share of the pair's largest one.
    """

    window: Literal["hann", "sqrt-hann", "none"] = "hann"
    frequencies: Literal["half-plane", "quadrant", "all"] = "half-plane"
    weighting: Literal["radial", "outer", "none"] = "radial"
    phase: Literal["wrapped", "raw", "cosine"] = "wrapped"
    amplitude_weight: float = Field(0.1, ge=0)
    phase_weight: float = Field(0.9, ge=0)
    floor: float = Field(1e-4, ge=0, lt=1)

    @property
    def sees_brightness(self) -> bool:
        """Only where frequency 0 counts, or a window spreads it over its neighbours."""
        return self.weighting == "none" or self.window != "none"

    def compare(self, restored: Tensor, gt: Tensor) -> Tensor:
        """Return the distance of every image, (N,), summed over channels, windows and frequencies.

        Args:
            restored: Real windows (N, C, ..., H, W).
            gt: Those of the ground truth, same shape.
        """
        images = max(1, _PIECE // restored[0].numel())
        pieces = zip(torch.split(restored, images), torch.split(gt, images), strict=True)
        total = torch.cat([self._distance(ours, theirs) for ours, theirs in pieces])
        return (total * self._weights(*restored.shape[-2:]).to(total)).sum((1, 2))

    def _distance(self, restored: Tensor, gt: Tensor) -> Tensor:
        """Return the distance of every image at every frequency, summed over everything else."""
        ours, theirs = self._spectrum(restored), self._spectrum(gt)
        amplitudes = ours.abs(), theirs.abs()
        distance = self.amplitude_weight * torch.sub(*amplitudes).abs()
        if self.phase_weight:
            weaker, stronger = torch.minimum(*amplitudes).detach(), torch.maximum(*amplitudes).detach()
            peak = stronger.flatten(1).amax(1).view(-1, *[1] * (ours.ndim - 1))
            heard = weaker > (self.floor * peak).clamp_min(_EPSILON)
            distance = distance + self.phase_weight * _PHASE_DISTANCES[self.phase](ours, theirs, heard)
        return distance.flatten(1, -3).sum(1)

    def _spectrum(self, windows: Tensor) -> Tensor:
        height, width = windows.shape[-2:]
        if self.window != "none":
            windows = windows * torch.outer(self._profile(height), self._profile(width)).to(windows)
        plane = torch.fft.fft2(windows) if self.frequencies == "all" else torch.fft.rfft2(windows)
        return self._selected(plane, width)

    def _profile(self, length: int) -> Tensor:
        if self.window == "hann":
            return torch.hann_window(length, dtype=torch.float64)
        return torch.hann_window(length, periodic=False, dtype=torch.float64).clamp_min(0).sqrt()

    def _selected(self, plane: Tensor, width: int) -> Tensor:
        """Cut a plane of bins in FFT layout, whole or its left half, down to the frequencies compared."""
        if self.frequencies == "all":
            return plane
        if self.frequencies == "half-plane":
            return plane[..., : width // 2 + 1]
        return plane[..., : (plane.shape[-2] + 1) // 2, : (width + 1) // 2]

    def _weights(self, height: int, width: int) -> Tensor:
        vertical, horizontal = (axis.abs().double() for axis in frequencies(height, width))
        if self.weighting == "radial":
            plane = torch.hypot(vertical / height, horizontal / width)
        elif self.weighting == "outer":
            plane = vertical * horizontal
        else:
            plane = torch.ones(height, width)
        plane = self._selected(plane, width)
        return plane / plane.max()


def _wrapped(ours: Tensor, theirs: Tensor, heard: Tensor) -> Tensor:
    """Return the angle between two spectra, from 0 to pi."""
    across = ours.imag * theirs.real - ours.real * theirs.imag
    along = ours.real * theirs.real + ours.imag * theirs.imag
    return torch.atan2(torch.where(heard, across, 0).abs(), torch.where(heard, along, 1))


def _raw(ours: Tensor, theirs: Tensor, heard: Tensor) -> Tensor:
    """Return the difference of two angles, from 0 to 2 pi."""
    angles = (
        torch.atan2(torch.where(heard, spectrum.imag, 0), torch.where(heard, spectrum.real, 1) + _EPSILON)
        for spectrum in (ours, theirs)
    )
    return torch.sub(*angles).abs()


def _cosine(ours: Tensor, theirs: Tensor, heard: Tensor) -> Tensor:
    """Return 1 - cos of the angle, as half the squared distance of two unit vectors: exactly 0 for equal spectra."""
    units = (torch.where(heard, spectrum / torch.where(heard, spectrum.abs(), 1), 0) for spectrum in (ours, theirs))
    return torch.view_as_real(torch.sub(*units)).square().sum(-1) / 2


_PHASE_DISTANCES = {"wrapped": _wrapped, "raw": _raw, "cosine": _cosine}
