"""Nothing at all."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.streams import Streams
from imgrestore.parts.registry import register_degradation


@register_degradation
class Identity(Degradation):
    """No change: the image as it is.

    For autoencoders that learn to reproduce their input, and for pairs whose low-quality image exists already.
    """

    random: ClassVar[bool] = False

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return a copy."""
        return image.clone()
