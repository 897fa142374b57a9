"""White Gaussian noise."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from imgrestore.parts import Field, Part
from imgrestore.registry import register_degradation


@register_degradation
class Gaussian(Part):
    """Add white Gaussian noise: image + sigma n, with n ~ N(0, 1) for each sample; the result is not clipped.

    ``sigma`` is drawn evenly from [``low``, ``high``] for each image, on the [0, 1] scale: the literature's "sigma 25"
    is 25 / 255.
    """

    low: float = Field(0.0, ge=0, le=1)
    high: float = Field(50 / 255, ge=0, le=1)

    def __call__(self, image: Tensor, generator: Generator) -> Tensor:
        """Return the noisy images, same shape."""
        drawn = torch.rand((image.shape[0], 1, 1, 1), generator=generator)
        sigma = (self.low + (self.high - self.low) * drawn).to(image)
        return image + sigma * torch.randn(image.shape, generator=generator).to(image)
