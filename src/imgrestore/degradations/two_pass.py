"""A random pipeline that stands for whatever happened to a photo found on the internet."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from torch import Tensor

from imgrestore.degradations.anisotropic_blur import AnisotropicBlur
from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.downsample import Kernel
from imgrestore.degradations.gaussian import Gaussian
from imgrestore.degradations.gaussian_blur import GaussianBlur
from imgrestore.degradations.jpeg import Jpeg
from imgrestore.degradations.poisson import Poisson
from imgrestore.degradations.ringing import Ringing
from imgrestore.filters import resize
from imgrestore.parts import Field, Range, RecipeTable, model_validator, within
from imgrestore.registry import register_degradation
from imgrestore.streams import Streams

_KERNELS: tuple[Kernel, ...] = ("bilinear", "bicubic", "lanczos")
_RINGING, _ROUND = 0.1, 0.7
"""Shares of the blurs that are sharp low-pass filters, and of the others that are round."""

Share = Annotated[float, Field(ge=0, le=1)]


class Pass(RecipeTable):
    """What one pass does to a photo: blur, resizing, noise, JPEG."""

    blur: Share = Field(1.0, description="share of the photos that are blurred")
    sigma: Annotated[Range, within(0, 50)] = Field((0.2, 3.0), description="standard deviation of the blur in pixels")
    enlarged: Share = Field(0.2, description="share of the photos that are enlarged")
    shrunk: Share = Field(0.7, description="share of the photos that are shrunk")
    enlarge: Annotated[Range, within(1, 4)] = Field((1, 1.5), description="factor of enlarging")
    shrink: Annotated[Range, within(0.05, 1)] = Field((0.15, 1), description="factor of shrinking")
    gaussian: Share = Field(0.5, description="share of the photos with Gaussian noise; the others get photon noise")
    noise: Annotated[Range, within(0, 1)] = Field(
        (1 / 255, 30 / 255), description="standard deviation of the Gaussian noise on the [0, 1] scale"
    )
    peak: Annotated[Range, within(1, 1e6)] = Field((28, 1e5), description="photons of white in the photon noise")
    grey: Share = Field(0.4, description="share of the photos whose noise is the same in all channels")
    quality: Annotated[Range, within(1, 100)] = Field((30, 95), description="quality of the JPEG file")

    @model_validator(mode="after")
    def _shares_of_one_whole(self) -> Pass:
        if self.enlarged + self.shrunk > 1:
            raise ValueError("enlarged and shrunk are shares of the same photos: together they must not exceed 1")
        return self

    def worn(self, photo: Tensor, around: tuple[int, int], streams: Streams) -> Tensor:
        """Blur a photo (1, C, H, W), resize it to a size around the given one, and add noise."""
        return self._noisy(self._resized(self._blurred(photo, streams), around, streams), streams)

    def compressed(self, photo: Tensor, streams: Streams) -> Tensor:
        """Save a photo as JPEG."""
        return Jpeg(quality=self.quality)(photo, streams)

    def _blurred(self, photo: Tensor, streams: Streams) -> Tensor:
        if not _happens(self.blur, streams):
            return photo
        if _happens(_RINGING, streams):
            return Ringing()(photo, streams)
        if _happens(_ROUND, streams):
            return GaussianBlur(sigma=self.sigma)(photo, streams)
        return AnisotropicBlur(sigma_x=self.sigma, sigma_y=self.sigma)(photo, streams)

    def _resized(self, photo: Tensor, around: tuple[int, int], streams: Streams) -> Tensor:
        way, factor = float(streams.uniform()), 1.0
        if way < self.enlarged + self.shrunk:
            factor = float(streams.uniform(self.enlarge if way < self.enlarged else self.shrink))
        return _resize(photo, (max(1, round(around[0] * factor)), max(1, round(around[1] * factor))), streams)

    def _noisy(self, photo: Tensor, streams: Streams) -> Tensor:
        colour: Literal["rgb", "grey"] = "grey" if _happens(self.grey, streams) else "rgb"
        if _happens(self.gaussian, streams):
            return Gaussian(sigma=self.noise, colour=colour)(photo, streams)
        return Poisson(peak=self.peak, colour=colour)(photo, streams)


@register_degradation
class TwoPass(Degradation):
    """The wear of a photo from the internet: twice blurred, resized, made noisy and compressed, all at random.

    Each photo goes through blur, resizing, noise and JPEG, and through all of it again; in the second pass it is
    resized to 1 / ``scale`` at last, with a little ringing, before or after the JPEG file. The second-order pipeline of
    X. Wang et al., "Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data", ICCVW 2021,
    arXiv:2107.10833, with its shares and ranges. What differs: resizing is antialiased, blurs are plain Gaussians
    (round or oblong) or sharp low-pass filters, and everything is drawn for each photo, not for each batch. Height and
    width must be multiples of ``scale``. The JPEG files are made on the CPU.
    """

    scale: int = Field(ge=1, le=16, description="how many times smaller; 1 keeps the size")
    first: Pass = Field(Pass(), description="the first pass")
    second: Pass = Field(
        Pass(
            blur=0.8,
            sigma=(0.2, 1.5),
            enlarged=0.3,
            shrunk=0.4,
            enlarge=(1, 1.2),
            shrink=(0.3, 1),
            noise=(1 / 255, 25 / 255),
            peak=(41, 1e5),
        ),
        description="the second pass, which resizes around the final size",
    )
    ringing: Share = Field(0.8, description="share of the photos with ringing at the end")

    @property
    def keeps_size(self) -> bool:
        """Whether nothing shrinks."""
        return self.scale == 1

    @property
    def needs_cpu(self) -> bool:
        """Always: OpenCV computes on the CPU."""
        return True

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return (N, C, H / scale, W / scale)."""
        return torch.cat([self._worn(image[i : i + 1], streams.pick(torch.tensor([i]))) for i in range(len(image))])

    def _worn(self, photo: Tensor, streams: Streams) -> Tensor:
        height, width = photo.shape[-2:]
        final = height // self.scale, width // self.scale
        photo = self.first.compressed(self.first.worn(photo, (height, width), streams), streams)
        photo = self.second.worn(photo, final, streams)
        if int(streams.integers(2)):
            return self.second.compressed(self._finished(photo, final, streams), streams)
        return self._finished(self.second.compressed(photo, streams), final, streams)

    def _finished(self, photo: Tensor, size: tuple[int, int], streams: Streams) -> Tensor:
        resized = _resize(photo, size, streams)
        return Ringing()(resized, streams) if _happens(self.ringing, streams) else resized


def _happens(share: float, streams: Streams) -> bool:
    return float(streams.uniform()) < share


def _resize(photo: Tensor, size: tuple[int, int], streams: Streams) -> Tensor:
    return resize(photo, size, _KERNELS[int(streams.integers(len(_KERNELS)))]).clamp(0, 1)
