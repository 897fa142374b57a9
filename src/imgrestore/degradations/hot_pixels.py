"""Hot pixels of a sensor."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.streams import Streams
from imgrestore.parts.part import Field, Range, within
from imgrestore.parts.registry import register_degradation


@register_degradation
class HotPixels(Degradation):
    """Hot pixels: isolated bright points, red, green or blue, each spread over its neighbours by demosaicing.

    A photosite that leaks current is too bright by ``strength``; of four sites two are green. Bilinear demosaicing
    halves red and blue for each step to the side and up or down, and gives a quarter of green to four neighbours. Grey
    images get the points as they are. How demosaicing and files enlarge such defects: G. Chapman et al., "Image
    Degradation due to Interacting Adjacent Hot Pixels", IEEE DFT 2022, doi:10.1109/DFT56152.2022.9962368.
    """

    amount: Annotated[Range, within(1e-6, 1)] = Field((1e-4, 2e-3), description="share of the sites, drawn log-evenly")
    strength: Annotated[Range, within(0, 1)] = Field(
        (0.1, 1.0), description="what is added to a site, drawn for each, on the [0, 1] scale"
    )

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return the images with their hot pixels."""
        channels, height, width = image.shape[1:]
        amount = streams.log_uniform(self.amount, 1, 1, 1)
        drawn = streams.uniform((0, 1), 1, height + 2, width + 2)
        excess = streams.uniform(self.strength, 1, height + 2, width + 2) * (drawn < amount)
        if channels == 1:
            return (image + excess[..., 1:-1, 1:-1].to(image)).clamp(0, 1)
        step = torch.arange(-1, 2, device=image.device).abs()
        red = (1 - 0.5 * step[:, None]) * (1 - 0.5 * step)
        green = (1 - 0.5 * (step[:, None] + step)) ** 2
        site = drawn / amount * 4  # where struck, even between 0 and 4
        sites = torch.cat([site < 1, (site >= 1) & (site < 3), site >= 3], dim=1)
        spread = conv2d(excess * sites, torch.stack([red, green, red])[:, None], groups=3)
        return (image + spread.to(image)).clamp(0, 1)
