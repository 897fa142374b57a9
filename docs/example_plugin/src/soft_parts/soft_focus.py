"""The glow of a soft-focus lens."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.streams import Streams
from imgrestore.parts import Field, Range, register_degradation, within


@register_degradation
class SoftFocus(Degradation):
    """Soft focus: a blurred copy shines through the sharp image.

    ``(1 - glow) image + glow blurred``, with a mean over squares of ``2 radius + 1`` pixels.
    """

    glow: Annotated[Range, within(0, 1)] = Field((0.3, 0.7), description="share of the blurred copy")
    radius: int = Field(3, ge=1, description="of the blur, in pixels")

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return the softer images (N, C, H, W)."""
        around = pad(image, [self.radius] * 4, mode="replicate")
        blurred = avg_pool2d(around, 2 * self.radius + 1, stride=1)
        return image.lerp(blurred, streams.uniform(self.glow, 1, 1, 1).to(image))
