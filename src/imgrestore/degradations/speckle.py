"""Multiplicative noise."""

from __future__ import annotations

from typing import Annotated, ClassVar

from torch import Tensor

from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.streams import Streams
from imgrestore.parts.part import Field, Range, within
from imgrestore.parts.registry import register_degradation


@register_degradation
class Speckle(Degradation):
    """Speckle: Gaussian noise in proportion to the value it disturbs.

    ``image (1 + mean + sigma n)`` with n ~ N(0, 1) for each sample; not clipped. The multiplicative model of J.-S. Lee,
    "Digital Image Enhancement and Noise Filtering by Use of Local Statistics", IEEE TPAMI 2(2), 1980,
    doi:10.1109/TPAMI.1980.4766994; the regional noise of Y. Yang et al. (2020; later arXiv:2104.00253) has a mean of
    0.2.
    """

    keeps_range: ClassVar[bool] = False

    mean: float = Field(0.0, ge=-1, le=1, description="mean of the noise")
    sigma: Annotated[Range, within(0, 1)] = Field((0.0, 0.2), description="standard deviation of the noise")

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return the noisy images, same shape."""
        sigma = streams.uniform(self.sigma, 1, 1, 1).to(image)
        return image * (1 + self.mean + sigma * streams.normal(*image.shape[1:]).to(image))
