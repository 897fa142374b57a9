"""Degradations of a part of the image."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from torch import Tensor

from imgrestore.degradations.contract import Degradation, degrade
from imgrestore.degradations.streams import Streams
from imgrestore.parts.part import Field, Range, SerializeAsAny, model_validator, within
from imgrestore.parts.registry import register_degradation

_SHAPES = ("rectangle", "ellipse", "band")
_LONGEST = 4
_WHOLE = 0.9999
"""Share of a side from which a rectangle takes all of it, and has no edge there that could fade."""


@register_degradation
class Regional(Degradation):
    """Other degradations in one random region of the image; the rest stays as it is.

    ``m D(image) + (1 - m) image``, where D is what the degradations ``inside`` do one after the other, and m is 1 in
    the region: a rectangle or an ellipse anywhere inside the image, its sides (as shares of the image's) up to 1 : 4,
    or a band from one side to the other. Across ``edge`` pixels m rises from 0 to 1. An ellipse covers at most pi / 4
    of the image. Results stay in [0, 1] if those of the parts inside do. In the manner of the regional noise and blur
    of Y. Yang et al. (2020; later arXiv:2104.00253).
    """

    inside: tuple[SerializeAsAny[Degradation], ...] = Field(min_length=1, description="what happens in the region")
    shape: Literal["rectangle", "ellipse", "band", "random"] = Field("random", description="form of the region")
    area: Annotated[Range, within(0, 1)] = Field((0.1, 0.4), description="share of the image that the region covers")
    edge: float = Field(0, ge=0, description="width in pixels over which the region fades; 0 cuts it off")

    @model_validator(mode="after")
    def _keeps_the_size_inside(self) -> Regional:
        for part in self.inside:
            if not part.keeps_size:
                raise ValueError(f"{part.kind} changes the size, so it cannot happen to a part of an image")
        return self

    @property
    def needs_cpu(self) -> bool:
        """Whether any of what happens inside needs it."""
        return any(part.needs_cpu for part in self.inside)

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return the images with their regions."""
        return torch.lerp(image, degrade(image, self.inside, streams), self.mask(image, streams))

    def mask(self, image: Tensor, streams: Streams) -> Tensor:
        """Draw a region for each image of a batch (N, C, H, W): (N, 1, H, W), 1 inside and 0 outside."""
        shape = streams.integers(len(_SHAPES))
        if self.shape != "random":
            shape.fill_(_SHAPES.index(self.shape))
        ellipse, band = shape == _SHAPES.index("ellipse"), shape == _SHAPES.index("band")
        form, top, left = streams.uniform((0, 1), 3).unbind(1)

        area = streams.uniform(self.area)
        area = torch.where(ellipse, area * 4 / math.pi, area).clamp(1e-6, 1)  # now of the frame around the region
        longest = torch.where(band, 1 / area, (1 / area).clamp_max(_LONGEST))
        ratio = longest ** torch.where(band, (form - 0.5).sign(), 2 * form - 1)
        tall, wide = (area * ratio).sqrt(), (area / ratio).sqrt()

        y, x = _from_middle(image.shape[-2], tall, top), _from_middle(image.shape[-1], wide, left)
        down, across = (tall * image.shape[-2] / 2)[:, None, None], (wide * image.shape[-1] / 2)[:, None, None]
        in_ellipse = (1 - torch.hypot(y[:, :, None], x[:, None, :])) * torch.minimum(down, across)
        y, x = y * (tall < _WHOLE)[:, None], x * (wide < _WHOLE)[:, None]
        in_rectangle = torch.minimum((1 - y[:, :, None]) * down, (1 - x[:, None, :]) * across)
        depth = torch.where(ellipse[:, None, None], in_ellipse, in_rectangle)[:, None]
        return (depth > 0 if self.edge == 0 else (depth / self.edge + 0.5).clamp(0, 1)).to(image)


def _from_middle(length: int, share: Tensor, place: Tensor) -> Tensor:
    """Measure how far the pixels of an axis are from the middle of a stretch of it.

    Args:
        length: Pixels of the axis.
        share: How much of the axis the stretch takes, (N,).
        place: Where it lies, (N,), from 0 (at the start) to 1 (at the end).

    Returns:
        (N, length) in halves of the stretch: 1 at its ends.
    """
    pixels = (torch.arange(length, device=share.device) + 0.5) / length
    middle = share / 2 + (1 - share) * place
    return (pixels - middle[:, None]).abs() / (share / 2)[:, None]
