"""What every degradation promises, and the struck pixels that some share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from imgrestore.degradations.streams import Streams
from imgrestore.parts.part import Field, Part, model_validator


class Degradation(Part):
    """Something that happens to photos, ``(image, streams) -> image``.

    Called with a batch (N, C, H, W) of float images in [0, 1], C being 1 (grey) or 3 (RGB), on any device, it returns
    the degraded batch: a new tensor of the same type on the same device. Everything random is drawn from ``streams``,
    which lie on that device, for each image from its own: so it comes out the same whatever others are in its batch.

    Attributes:
        random: Whether anything is drawn at all.
        keeps_range: Whether images stay in [0, 1], as long as no setting turns clipping off. Noise does not where the
            literature leaves it unclipped.
        probability: Share of the images it happens to.
    """

    group: ClassVar[str] = "degradation"
    random: ClassVar[bool] = True
    keeps_range: ClassVar[bool] = True

    probability: float = Field(1.0, gt=0, le=1, description="share of the images it happens to")

    @property
    def keeps_size(self) -> bool:
        """Whether the degraded image is as large as the image."""
        return True

    @property
    def needs_cpu(self) -> bool:
        """Whether images on a GPU have to leave it for this."""
        return False

    @model_validator(mode="after")
    def _only_some_images_keep_their_size(self) -> Degradation:
        if self.probability < 1 and not self.keeps_size:
            raise ValueError(f"{self.kind} changes the size, so it happens to all images: probability must be 1")
        return self

    def __call__(self, image: Tensor, streams: Streams) -> Tensor:
        """Degrade a batch."""
        own = streams.fork()
        return self.degrade_some(image, self.chosen(own), own) if self.probability < 1 else self.degrade(image, own)

    def chosen(self, streams: Streams) -> Tensor:
        """Draw to which images it happens, (N,) bool."""
        if self.probability == 1:
            return torch.ones(len(streams), dtype=torch.bool, device=streams.device)
        return streams.happens(self.probability)

    def degrade_some(self, image: Tensor, chosen: Tensor, streams: Streams) -> Tensor:
        """Degrade the images (N, C, H, W) that are chosen, (N,) bool.

        On a GPU, which would have to be waited for to know which they are, all are degraded and the others dropped.
        """
        if image.is_cuda:
            return torch.where(chosen[:, None, None, None], self.degrade(image, streams), image)
        result = image.clone()
        if bool(chosen.any()):
            result[chosen] = self.degrade(image[chosen], streams.pick(chosen))
        return result

    @abstractmethod
    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Degrade every image of a batch (N, C, H, W)."""


def degrade(gt: Tensor, degradations: Sequence[Degradation], streams: Streams) -> Tensor:
    """Apply degradations in their order to a batch (N, C, H, W) in [0, 1]."""
    lq = gt
    for degradation in degradations:
        lq = degradation(lq, streams)
    return lq


def struck_pixels(image: Tensor, amount: tuple[float, float], streams: Streams) -> Tensor:
    """Strike pixels at random, some of them more than once.

    Args:
        image: (N, C, H, W).
        amount: Strikes per pixel of an image: floor(amount H W) times, one of all its pixels is drawn with replacement,
            so that a share of about 1 - exp(-amount) is struck.
        streams: Source of everything drawn.

    Returns:
        (N, 1, H, W) bool, true where a pixel was struck.
    """
    count, _, height, width = image.shape
    pixels, most = height * width, int(amount[1] * height * width)
    strikes = (streams.uniform(amount) * pixels).floor()
    place = streams.integers(pixels, most)
    missing = torch.arange(most, device=place.device) >= strikes[:, None]  # those too many miss the image
    struck = torch.zeros(count, pixels + 1, dtype=torch.bool, device=place.device)
    return struck.scatter_(1, place.masked_fill(missing, pixels), True)[:, :pixels].reshape(count, 1, height, width)
