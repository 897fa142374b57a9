"""Noise of luma and colour apart."""

from __future__ import annotations

from typing import Annotated, ClassVar

from torch import Tensor

from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.correlated_noise import correlated_noise
from imgrestore.degradations.streams import Streams
from imgrestore.image.color import rgb_of_chroma
from imgrestore.parts.part import Field, Range, within
from imgrestore.parts.registry import register_degradation


@register_degradation
class ChromaNoise(Degradation):
    """Blotches of colour under fine grain, as cameras leave them.

    Gaussian noise in YCbCr (ITU-R BT.601, full range, as in JPEG files): white and of standard deviation ``luma`` in Y;
    blurred by a Gaussian of ``grain`` pixels and scaled back to a standard deviation of ``chroma`` in Cb and Cr, where
    it correlates over twice as many pixels. So neighbours and channels depend on each other, as they do after
    demosaicking, denoising and colour subsampling in a camera: S. Nam et al., "A Holistic Approach to Cross-Channel
    Image Noise Modeling and its Application to Image Denoising", CVPR 2016. ``luma = 0`` with a ``grain`` of 1 to 6
    leaves colour blotches alone, as in photos whose grain a camera has smoothed. Not clipped; grey images get the noise
    of Y alone.
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
        chroma, grain = streams.uniform(self.chroma, 1, 1, 1), streams.uniform(self.grain, 1)
        blotches = chroma * correlated_noise(streams, (2, *image.shape[2:]), grain, self.grain[1])
        return noisy + rgb_of_chroma(*blotches.to(image).chunk(2, dim=1))
