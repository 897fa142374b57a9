"""Resizing there and back."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.downsample import Kernel
from imgrestore.filters import resize
from imgrestore.parts import Field, Range, within
from imgrestore.registry import register_degradation
from imgrestore.streams import Streams


@register_degradation
class RandomResize(Degradation):
    """Resizing by a random factor and back to the size before, each with a random kernel.

    What a picture goes through that somebody scaled for a message or a page and somebody else scaled up again. Kernels
    are antialiased when shrinking (except ``nearest``) and centred; overshoot at edges is clipped. One part of the
    random pipeline of K. Zhang et al., "Designing a Practical Degradation Model for Deep Blind Image Super-Resolution",
    ICCV 2021, arXiv:2103.14006.
    """

    factor: Annotated[Range, within(1 / 16, 16)] = Field((0.25, 1.5), description="factor of the first resizing")
    kernels: tuple[Kernel, ...] = Field(
        ("nearest", "bilinear", "bicubic", "lanczos"), min_length=1, description="kernels to draw from, each time anew"
    )

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return the images at their own size."""
        height, width = image.shape[-2:]
        results = []
        for photo, factor in zip(image.chunk(len(image)), streams.uniform(self.factor).tolist(), strict=True):
            between = max(1, round(height * factor)), max(1, round(width * factor))
            there = resize(photo, between, self._kernel(streams)).clamp(0, 1)
            results.append(resize(there, (height, width), self._kernel(streams)))
        return torch.cat(results).clamp(0, 1)

    def _kernel(self, streams: Streams) -> Kernel:
        return self.kernels[int(streams.integers(len(self.kernels)))]
