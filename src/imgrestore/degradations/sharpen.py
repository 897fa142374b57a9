"""Sharpening."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from imgrestore.degradations.blur import gaussian_blur
from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.streams import Streams
from imgrestore.image.color import luma
from imgrestore.parts.part import Field, Range, within
from imgrestore.parts.registry import register_degradation


@register_degradation
class Sharpen(Degradation):
    """Unsharp mask: edges made steeper, with bright and dark halos, and noise lifted.

    ``clip(x + amount d)`` with ``d = x - blur(x)``, left out where it is at most ``threshold``; the blur is a Gaussian
    of standard deviation ``radius``. So a frequency of f cycles per pixel is multiplied by ``1 + amount (1 - exp(-2
    pi^2 radius^2 f^2))``. Cameras sharpen luma and add its ``d`` to all channels, programs mostly each channel by
    itself. What phones, scanners and chat programs do to every photo: A. Polesel, G. Ramponi, V. J. Mathews, "Image
    Enhancement via Adaptive Unsharp Masking", IEEE TIP 9(3), 2000, doi:10.1109/83.826787, describe the filter and its
    faults.
    """

    radius: Annotated[Range, within(0, 16)] = Field((0.5, 2.5), description="standard deviation of the blur in pixels")
    amount: Annotated[Range, within(0, 10)] = Field((0.3, 3.0), description="how many times the difference is added")
    threshold: Annotated[Range, within(0, 1)] = Field(
        (0.0, 0.0), description="differences up to this are left, on the [0, 1] scale"
    )
    on_luma: float = Field(0.5, ge=0, le=1, description="share of the images of which luma alone is sharpened")

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return the sharpened images, same shape."""
        amount, threshold = (streams.uniform(bounds, 1, 1, 1).to(image) for bounds in (self.amount, self.threshold))
        on_luma = streams.happens(self.on_luma)[:, None, None, None]
        difference = image - gaussian_blur(image, streams.uniform(self.radius), self.radius[1])
        difference = torch.where(on_luma, luma(difference), difference)
        return (image + amount * difference * (difference.abs() > threshold)).clamp(0, 1)
