"""Impulse noise."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.streams import Streams
from imgrestore.parts.part import Field, Range, within
from imgrestore.parts.registry import register_degradation


@register_degradation
class Impulse(Degradation):
    """Impulse noise: a share of the pixels, or of the samples of each channel, is lost to other values.

    Each one is struck by itself with probability ``amount``, drawn log-evenly for each image: so are pixels lost in
    transmission and by sensors. What takes their place is 0 or 1 (salt and pepper: R. H. Chan, C.-W. Ho, M. Nikolova,
    IEEE TIP 14(10), 2005, doi:10.1109/TIP.2005.852196) or, in a share of the images, any value between (random-valued
    impulses: R. H. Chan, C. Hu, M. Nikolova, IEEE SPL 11(12), 2004, doi:10.1109/LSP.2004.838190). Whole pixels become
    black, white or a colour drawn evenly from the RGB cube. ``salt-pepper`` and ``colour-replace`` draw pixels with
    replacement instead, as one paper does.
    """

    amount: Annotated[Range, within(1e-6, 1)] = Field((0.001, 0.3), description="share of the pixels or samples")
    random_valued: float = Field(0.5, ge=0, le=1, description="share of the images whose impulses have any value")
    per_channel: float = Field(0.5, ge=0, le=1, description="share of the images whose channels are struck apart")

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return the images with their impulses."""
        amount = streams.log_uniform(self.amount, 1, 1, 1)
        per_channel, random_valued = (
            streams.happens(share)[:, None, None, None] for share in (self.per_channel, self.random_valued)
        )
        drawn, value = (streams.uniform((0, 1), *image.shape[1:]) for _ in range(2))
        struck = torch.where(per_channel, drawn, drawn[:, :1]) < amount
        extreme = (torch.where(per_channel, value, value[:, :1]) < 0.5).float()
        return torch.where(struck, torch.where(random_valued, value, extreme).to(image), image)
