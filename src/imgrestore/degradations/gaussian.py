"""White Gaussian noise."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from torch import Tensor

from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.streams import Streams
from imgrestore.parts.part import Field, Range, within
from imgrestore.parts.registry import register_degradation


@register_degradation
class Gaussian(Degradation):
    """White Gaussian noise, independent in every sample.

    ``image + sigma n`` with n ~ N(0, 1); not clipped. ``sigma`` is on the [0, 1] scale: the literature's "sigma 25" is
    25 / 255. Its default is the range of blind denoisers, as in K. Zhang et al., "Beyond a Gaussian Denoiser", IEEE TIP
    26, 2017, arXiv:1608.03981, which goes up to 55 / 255.
    """

    keeps_range: ClassVar[bool] = False

    sigma: Annotated[Range, within(0, 1)] = Field((0.0, 50 / 255), description="standard deviation on the [0, 1] scale")
    colour: Literal["rgb", "grey"] = Field("rgb", description="noise for each channel, or the same in all channels")

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return the noisy images, same shape."""
        sigma = streams.uniform(self.sigma, 1, 1, 1).to(image)
        channels = image.shape[1] if self.colour == "rgb" else 1
        return image + sigma * streams.normal(channels, *image.shape[2:]).to(image)
