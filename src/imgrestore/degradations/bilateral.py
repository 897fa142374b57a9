"""Smoothing that keeps edges."""

from __future__ import annotations

import itertools
from typing import ClassVar

import torch
from torch import Tensor

from imgrestore.degradations import opencv
from imgrestore.degradations.blur import mirrored
from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.streams import Streams
from imgrestore.parts.part import Field
from imgrestore.parts.registry import register_degradation


@register_degradation
class Bilateral(Degradation):
    """Bilateral filter: texture is wiped away, edges stay, as in photos that were denoised too much.

    Each pixel becomes the mean of those within ``diameter``, weighted by ``exp(-distance^2 / (2 sigma_space^2) -
    difference^2 / (2 sigma_colour^2))``, where the difference is the sum over the channels in grey levels. C. Tomasi,
    R. Manduchi, "Bilateral Filtering for Gray and Color Images", ICCV 1998, doi:10.1109/ICCV.1998.710815; the defaults
    are those of the code of Y. Yang et al. (arXiv:2104.00253). Computed on 8-bit levels, on the CPU by OpenCV.
    """

    random: ClassVar[bool] = False

    diameter: int = Field(15, ge=1, le=101, description="diameter of the neighbourhood in pixels")
    sigma_colour: float = Field(75, gt=0, description="what counts as a small difference, in grey levels of 255")
    sigma_space: float = Field(75, gt=0, description="what counts as near, in pixels")

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return the smoothed images, on 8-bit levels."""
        if image.is_cuda:
            return self.by_tensors(image)
        return opencv.each_picture(
            image, lambda _, picture: opencv.bilateral(picture, self.diameter, self.sigma_colour, self.sigma_space)
        )

    def by_tensors(self, image: Tensor) -> Tensor:
        """Return the same on any device: the sum over all places within the neighbourhood, one after the other."""
        levels, reach = (image.clamp(0, 1) * 255).round(), self.diameter // 2
        around = mirrored(levels, reach)
        total, weights = torch.zeros_like(levels), torch.zeros_like(levels[:, :1])
        for down, right in itertools.product(range(-reach, reach + 1), repeat=2):
            distance = down**2 + right**2
            if distance <= reach**2:
                other = around[..., reach + down :, reach + right :][..., : image.shape[2], : image.shape[3]]
                difference = (other - levels).abs().sum(dim=1, keepdim=True)
                exponent = difference.square().div_(-2 * self.sigma_colour**2)
                weight = exponent.sub_(distance / (2 * self.sigma_space**2)).exp_()
                total += weight * other
                weights += weight
        return (total / weights).round() / 255
