"""The noise of a sensor."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.streams import Streams
from imgrestore.image.color import to_linear, to_srgb
from imgrestore.parts.part import Field, Range, within
from imgrestore.parts.registry import register_degradation


@register_degradation
class ShotRead(Degradation):
    """Sensor noise: shot and read noise in linear light, strong in shadows once it is an sRGB image.

    ``srgb(x + sqrt(shot max(x, 0) + r) n)`` with x the linear light of the image and n ~ N(0, 1) for each sample;
    clipped unless ``clip`` is off. ``shot`` is drawn log-evenly, and the variance of the read noise follows it as in
    real cameras: ``ln r = ln read + 2.18 ln shot + 1.20 + 0.26 m`` with m ~ N(0, 1) for each image. T. Brooks et al.,
    "Unprocessing Images for Learned Raw Denoising", CVPR 2019, arXiv:1811.11127, from whom range and line are taken;
    here the noise meets linear RGB, with neither mosaic, white balance nor colour matrix. The Gaussian model of both
    noises is that of A. Foi et al., "Practical Poissonian-Gaussian Noise Modeling and Fitting for Single-Image
    Raw-Data", IEEE TIP 17(10), 2008, doi:10.1109/TIP.2008.2001399.
    """

    shot: Annotated[Range, within(1e-6, 1)] = Field((1e-4, 0.012), description="variance of the noise of white light")
    read: Annotated[Range, within(0, 100)] = Field(
        (1, 1), description="variance of the read noise, 1 being usual for the shot noise"
    )
    clip: bool = Field(True, description="clip the result to [0, 1], as a camera does")

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return the noisy images, same shape."""
        shot = streams.log_uniform(self.shot, 1, 1, 1).to(image)
        usual = (2.18 * shot.log() + 1.20 + 0.26 * streams.normal(1, 1, 1).to(image)).exp()
        read = streams.uniform(self.read, 1, 1, 1).to(image) * usual
        light = to_linear(image)
        noisy = to_srgb(light + (shot * light.clamp_min(0) + read).sqrt() * streams.normal(*image.shape[1:]).to(image))
        return noisy.clamp(0, 1) if self.clip else noisy
