"""The median of a neighbourhood."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from imgrestore.degradations import opencv
from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.streams import Streams
from imgrestore.parts.part import Field, model_validator
from imgrestore.parts.registry import register_degradation


@register_degradation
class MedianBlur(Degradation):
    """Median filter: lines and specks vanish, corners become round, edges stay.

    Each sample becomes the median of the square of ``size`` pixels around it, each channel by itself. J. W. Tukey,
    "Exploratory Data Analysis", 1977. Computed on 8-bit levels, on the CPU by OpenCV; at the edges their pixels are
    repeated.
    """

    random: ClassVar[bool] = False

    size: int = Field(5, ge=1, le=101, description="side of the square in pixels, odd")

    @model_validator(mode="after")
    def _around_a_pixel(self) -> MedianBlur:
        if self.size % 2 == 0:
            raise ValueError(f"size must be odd, to have a middle, got {self.size}")
        return self

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return the filtered images, on 8-bit levels."""
        if image.is_cuda:
            return median(image, self.size)
        return opencv.each_picture(image, lambda _, picture: opencv.median(picture, self.size))


def median(image: Tensor, size: int) -> Tensor:
    """Return the median of squares of odd side ``size`` of images (N, C, H, W) on 8-bit levels, on any device.

    It is the number of levels that most samples around are above of, and how many are is a mean, quick for any size.
    """
    around = pad((image.clamp(0, 1) * 255).round(), (size // 2,) * 4, mode="replicate")
    total = torch.zeros_like(image)
    for level in range(255):
        above = avg_pool2d((around > level).float(), (size, 1), stride=1)
        total += avg_pool2d(above, (1, size), stride=1) > 0.5
    return total / 255
