"""Degradations of which an image suffers one at most."""

from __future__ import annotations

from torch import Tensor

from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.streams import Streams
from imgrestore.parts.part import Field, SerializeAsAny, model_validator
from imgrestore.parts.registry import register_degradation

_ROUNDING = 1e-6


@register_degradation
class OneOf(Degradation):
    """One of several degradations for each image, drawn by their probabilities; what is left of 1 stays as it is.

    Damage that has one cause in a photo, such as blur of the lens or of the hand, does not add up as it would if each
    kind happened by itself. Results stay in [0, 1] if those of the parts do.
    """

    among: tuple[SerializeAsAny[Degradation], ...] = Field(min_length=1, description="what may happen")

    @model_validator(mode="after")
    def _are_alternatives(self) -> OneOf:
        for part in self.among:
            if not part.keeps_size:
                raise ValueError(f"{part.kind} changes the size, so it cannot happen to some images alone")
        total = sum(part.probability for part in self.among)
        if total > 1 + _ROUNDING:
            raise ValueError(f"the probabilities of what may happen add up to {total:g}, which is more than 1")
        return self

    @property
    def needs_cpu(self) -> bool:
        """Whether any of what may happen needs it."""
        return any(part.needs_cpu for part in self.among)

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return the images, each degraded by what was drawn for it."""
        drawn, first, result = streams.uniform(), 0.0, image.clone()
        for part in self.among:
            chosen = (drawn >= first) & (drawn < first + part.probability)
            result = part.degrade_some(result, chosen, streams.fork())
            first += part.probability
        return result
