"""Noise of luma and colour apart."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar

import torch
from torch import Tensor

from imgrestore.color import rgb_of_chroma
from imgrestore.degradations.blur import convolve, gaussian_kernels
from imgrestore.degradations.contract import Degradation
from imgrestore.parts import Field, Range, within
from imgrestore.registry import register_degradation
from imgrestore.streams import Streams


@register_degradation
class ChromaNoise(Degradation):
    """Blotches of colour under fine grain, as cameras leave them.

    Gaussian noise in YCbCr: white and of standard deviation ``luma`` in Y; blurred by a Gaussian of ``grain`` pixels
    and scaled back to a standard deviation of ``chroma`` in Cb and Cr. So neighbours and channels depend on each other,
    as they do after demosaicking, denoising and colour subsampling in a camera: S. Nam et al., "A Holistic Approach to
    Cross-Channel Image Noise Modeling and its Application to Image Denoising", CVPR 2016. Not clipped; grey images get
    the noise of Y alone.
    """

    keeps_range: ClassVar[bool] = False

    luma: Annotated[Range, within(0, 1)] = Field(
        (0.0, 0.04), description="standard deviation in Y, on the [0, 1] scale"
    )
    chroma: Annotated[Range, within(0, 1)] = Field(
        (0.02, 0.08), description="standard deviation in Cb and Cr, likewise"
    )
    grain: Annotated[Range, within(0, 16)] = Field((0.5, 2.0), description="blur of the colour noise in pixels")

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return the noisy images, same shape."""
        noisy = image + streams.uniform(self.luma, 1, 1, 1).to(image) * streams.normal(1, *image.shape[2:]).to(image)
        if image.shape[1] == 1:
            return noisy
        chroma = streams.uniform(self.chroma, 1, 1, 1).to(image) * self._grain(image, streams)
        return noisy + rgb_of_chroma(*chroma.chunk(2, dim=1))

    def _grain(self, image: Tensor, streams: Streams) -> Tensor:
        """Return blurred noise (N, 2, H, W) of variance one everywhere, which is why it is drawn beyond the edges."""
        grain = streams.uniform(self.grain)
        kernels = gaussian_kernels(grain, grain, torch.zeros_like(grain), self.grain[1])
        furthest, height, width = math.ceil(4 * self.grain[1]), *image.shape[-2:]
        unused = furthest - kernels.shape[-1] // 2
        noise = streams.normal(2, height + 2 * furthest, width + 2 * furthest).to(image)
        noise = noise[..., unused : noise.shape[-2] - unused, unused : noise.shape[-1] - unused]
        return convolve(noise, kernels / kernels.square().sum(dim=(1, 2), keepdim=True).sqrt())
