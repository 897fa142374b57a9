"""The median of a neighbourhood."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from imgrestore.degradations import opencv
from imgrestore.degradations.contract import Degradation
from imgrestore.parts import Field, model_validator
from imgrestore.registry import register_degradation
from imgrestore.streams import Streams


@register_degradation
class MedianBlur(Degradation):
    """Median filter: lines and specks vanish, corners become round, edges stay.

    Each sample becomes the median of the square of ``size`` pixels around it, each channel by itself. J. W. Tukey,
    "Exploratory Data Analysis", 1977. Computed by OpenCV on the CPU, on 8-bit levels.
    """

    random: ClassVar[bool] = False

    size: int = Field(5, ge=1, le=101, description="side of the square in pixels, odd")

    @model_validator(mode="after")
    def _around_a_pixel(self) -> MedianBlur:
        if self.size % 2 == 0:
            raise ValueError(f"size must be odd, to have a middle, got {self.size}")
        return self

    @property
    def needs_cpu(self) -> bool:
        """Always: OpenCV computes on the CPU."""
        return True

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return the filtered images, on 8-bit levels."""
        return opencv.each_picture(image, lambda _, picture: opencv.median(picture, self.size))
