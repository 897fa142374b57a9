"""What every degradation promises, and the random numbers and plain images they share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from imgrestore.parts import Field, Part, model_validator


class Degradation(Part):
    """Something that happens to photos, ``(image, generator) -> image``.

    Called with a batch (N, C, H, W) of float images in [0, 1], C being 1 (grey) or 3 (RGB), on any device, it returns
    the degraded batch: a new tensor of the same type on the same device. Everything random is drawn from ``generator``
    and anew for each image, so equal generators give equal results.

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
    def draws(self) -> bool:
        """Whether results depend on random numbers; if not, a batch comes out as its images one by one would."""
        return self.random or self.probability < 1

    @property
    def needs_cpu(self) -> bool:
        """Whether images on a GPU have to leave it for this."""
        return False

    @model_validator(mode="after")
    def _only_some_images_keep_their_size(self) -> Degradation:
        if self.probability < 1 and not self.keeps_size:
            raise ValueError(f"{self.kind} changes the size, so it happens to all images: probability must be 1")
        return self

    def __call__(self, image: Tensor, generator: Generator) -> Tensor:
        """Degrade a batch."""
        if self.probability == 1:
            return self.degrade(image, generator)
        chosen = self.chosen(len(image), generator).to(image.device)
        result = image.clone()
        if bool(chosen.any()):
            result[chosen] = self.degrade(image[chosen], generator)
        return result

    def chosen(self, count: int, generator: Generator) -> Tensor:
        """Draw to which of ``count`` images it happens, (count,) bool on the generator's device."""
        if self.probability == 1:
            return torch.ones(count, dtype=torch.bool, device=generator.device)
        return uniform(count, (0, 1), generator) < self.probability

    @abstractmethod
    def degrade(self, image: Tensor, generator: Generator) -> Tensor:
        """Degrade every image of a batch (N, C, H, W)."""


def degrade(gt: Tensor, degradations: Sequence[Degradation], generator: Generator) -> Tensor:
    """Apply degradations in their order to a batch (N, C, H, W) in [0, 1]."""
    lq = gt
    for degradation in degradations:
        lq = degradation(lq, generator)
    return lq


def uniform(count: int, bounds: tuple[float, float], generator: Generator) -> Tensor:
    """Draw ``count`` numbers evenly between two bounds, (count,) float32 on the generator's device."""
    drawn = torch.rand(count, generator=generator, device=generator.device)
    return bounds[0] + (bounds[1] - bounds[0]) * drawn


def uniform_like(image: Tensor, bounds: tuple[float, float], generator: Generator) -> Tensor:
    """Draw one number for each image, as (N, 1, 1, 1) of the image's type and device."""
    return uniform(len(image), bounds, generator).to(image)[:, None, None, None]


def rand_like(image: Tensor, generator: Generator) -> Tensor:
    """Draw a number evenly from [0, 1) for each sample of the batch."""
    return torch.rand(image.shape, generator=generator, device=generator.device).to(image)


def normal_like(image: Tensor, generator: Generator) -> Tensor:
    """Draw a standard normal number for each sample of the batch."""
    return torch.randn(image.shape, generator=generator, device=generator.device).to(image)


def integer(bound: int, generator: Generator) -> int:
    """Draw a whole number from 0 to ``bound - 1``."""
    return int(torch.randint(bound, (), generator=generator, device=generator.device))


def struck_pixels(image: Tensor, amount: tuple[float, float], generator: Generator) -> Tensor:
    """Strike pixels at random, some of them more than once.

    Args:
        image: (N, C, H, W).
        amount: Strikes per pixel of an image: floor(amount H W) times, one of all its pixels is drawn with replacement,
            so that a share of about 1 - exp(-amount) is struck.
        generator: Source of everything drawn.

    Returns:
        (N, 1, H, W) bool on the image's device, true where a pixel was struck.
    """
    count, _, height, width = image.shape
    pixels, most = height * width, int(amount[1] * height * width)
    strikes = (uniform(count, amount, generator) * pixels).floor()
    place = torch.randint(pixels, (count, most), generator=generator, device=generator.device)
    place[torch.arange(most, device=place.device) >= strikes[:, None]] = pixels  # those too many miss the image
    struck = torch.zeros(count, pixels + 1, dtype=torch.bool, device=place.device).scatter_(1, place, True)
    return struck[:, :pixels].reshape(count, 1, height, width).to(image.device)


Picture = NDArray[np.uint8]
"""One image as OpenCV wants it: (H, W, C) or, for a single channel, (H, W)."""


def each_picture(image: Tensor, change: Callable[[int, Picture], Picture]) -> Tensor:
    """Change every image of a batch, rounded to 8 bits, by an operator that works on arrays on the CPU.

    Args:
        image: (N, C, H, W); what lies outside [0, 1] is clipped.
        change: Given the number of the image and its pixels (H, W, C), returns new ones of the same size.
    """
    levels = (image.detach().clamp(0, 1) * 255).round().to(torch.uint8).cpu().permute(0, 2, 3, 1).contiguous()
    changed = [torch.from_numpy(change(i, picture)) for i, picture in enumerate(levels.numpy())]
    return torch.stack(changed).view(levels.shape).permute(0, 3, 1, 2).contiguous().to(image) / 255
