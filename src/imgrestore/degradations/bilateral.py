"""Smoothing that keeps edges."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from imgrestore.degradations import opencv
from imgrestore.degradations.contract import Degradation
from imgrestore.parts import Field
from imgrestore.registry import register_degradation
from imgrestore.streams import Streams


@register_degradation
class Bilateral(Degradation):
    """Bilateral filter: texture is wiped away, edges stay, as in photos that were denoised too much.

    Each pixel becomes the mean of those within ``diameter``, weighted by ``exp(-distance^2 / (2 sigma_space^2) -
    difference^2 / (2 sigma_colour^2))``, where the difference is the sum over the channels in grey levels. C. Tomasi,
    R. Manduchi, "Bilateral Filtering for Gray and Color Images", ICCV 1998, doi:10.1109/ICCV.1998.710815; the defaults
    are those of the code of Y. Yang et al. (arXiv:2104.00253). Computed by OpenCV on the CPU, on 8-bit levels.
    """

    random: ClassVar[bool] = False

    diameter: int = Field(15, ge=1, le=101, description="diameter of the neighbourhood in pixels")
    sigma_colour: float = Field(75, gt=0, description="what counts as a small difference, in grey levels of 255")
    sigma_space: float = Field(75, gt=0, description="what counts as near, in pixels")

    @property
    def needs_cpu(self) -> bool:
        """Always: OpenCV computes on the CPU."""
        return True

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return the smoothed images, on 8-bit levels."""
        return opencv.each_picture(
            image, lambda _, picture: opencv.bilateral(picture, self.diameter, self.sigma_colour, self.sigma_space)
        )
