"""A random pipeline that stands for whatever happened to a photo found on the internet."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Annotated, Self

import torch
from torch import Tensor
from torch.nn.functional import pad

from imgrestore.degradations.blur import blur, convolve, gaussian_kernels, trimmed
from imgrestore.degradations.canvas import (
    Canvas,
    canvas_of,
    filling,
    mirrored,
    resize_each,
    room,
    scaled,
    white_noise,
)
from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.downsample import Kernel
from imgrestore.degradations.jpeg import save
from imgrestore.degradations.ringing import Ringing
from imgrestore.degradations.streams import Streams, counts
from imgrestore.image.color import luma
from imgrestore.parts.part import Field, Range, RecipeTable, model_validator, within
from imgrestore.parts.registry import register_degradation

_KERNELS: tuple[Kernel, ...] = ("bilinear", "bicubic", "lanczos")
_RINGING, _ROUND = 0.1, 0.7
"""Shares of the blurs that are sharp low-pass filters, and of the others that are round."""


@dataclass(frozen=True)
class Drawn:
    """What was drawn for photos, each attribute (N, …)."""

    def of(self, chosen: Tensor) -> Self:
        """Return what was drawn for some of them."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        picked = {k: v.pick(chosen) if isinstance(v, Streams) else v[chosen] for k, v in own.items()}
        return replace(self, **picked)


@dataclass(frozen=True)
class Wear(Drawn):
    """What happens to photos in one pass.

    Attributes:
        blurred: Whether they are blurred.
        kernels: By what, (N, k, k).
        factor: How many times larger they become.
        kernel: Which kernel they are resized by.
        grey: Whether noise is the same in all channels.
        gaussian: Whether it is Gaussian.
        sigma: Its standard deviation then, (N, 1, 1, 1).
        peak: Photons of white if not, (N, 1, 1, 1).
        noise: What the noise is drawn from.
        quality: Of the JPEG files.
    """

    blurred: Tensor
    kernels: Tensor
    factor: Tensor
    kernel: Tensor
    grey: Tensor
    gaussian: Tensor
    sigma: Tensor
    peak: Tensor
    noise: Streams
    quality: Tensor

    def worn(self, photo: Tensor, sizes: Tensor, around: Canvas, most: float) -> tuple[Tensor, Tensor]:
        """Blur photos, resize them to sizes around the given one, and add noise.

        Args:
            photo: (N, C, H, W), in the corners of a canvas.
            sizes: Of the photos, (N, 2).
            around: Height and width that they are resized around.
            most: The largest factor there may be.

        Returns:
            The photos on another canvas, and their sizes.
        """
        photo = _some(self.blurred, photo, lambda photo: self._blurred(photo, sizes))
        targets = scaled(filling(around, photo), self.factor)
        photo = resize_each(photo, sizes, targets, room(targets, around, most), _KERNELS, self.kernel)
        return self._noisy(photo), targets

    def saved(self, photo: Tensor, sizes: Tensor) -> Tensor:
        """Save photos as JPEG."""
        return save(photo, self.quality, ("4:2:0",), torch.zeros_like(self.kernel), sizes=sizes)

    def _blurred(self, photo: Tensor, sizes: Tensor) -> Tensor:
        kernels = trimmed(self.kernels)
        return convolve(mirrored(photo, sizes, kernels.shape[-1] // 2), kernels).clamp_(0, 1)

    def _noisy(self, photo: Tensor) -> Tensor:
        def drawn(channels: int) -> Tensor:
            return white_noise(channels, canvas_of(photo), self.noise.copy()).to(photo).expand(photo.shape)

        def counted(photo: Tensor) -> Tensor:
            exposed = _some(self.grey, photo, lambda photo: luma(photo).expand(photo.shape)).clamp(0, 1)
            return (photo - exposed).add_(counts(exposed * self.peak, noise).to(photo).div_(self.peak))

        noise = _some(self.grey, photo, lambda _: drawn(1))
        noise = _some(~self.grey, noise, lambda _: drawn(photo.shape[1]))
        noisy = _some(self.gaussian, photo, lambda photo: photo + self.sigma.to(photo) * noise)
        return _some(~self.gaussian, noisy, lambda _: counted(photo))


@dataclass(frozen=True)
class End(Drawn):
    """What happens to photos in the end.

    Attributes:
        file: Whether the JPEG file is made last, not before the last resizing.
        kernel: Which kernel they are resized by.
        ringing: Whether there is ringing.
        sharp: Its kernels, (N, k, k).
    """

    file: Tensor
    kernel: Tensor
    ringing: Tensor
    sharp: Tensor


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

    @property
    def most(self) -> float:
        """The largest factor of resizing."""
        return self.enlarge[1] if self.enlarged else 1.0

    def draw(self, streams: Streams) -> Wear:
        """Draw what happens to photos."""
        blurred, sharp, rounded = (streams.happens(share) for share in (self.blur, _RINGING, _ROUND))
        along, across = streams.uniform(self.sigma), streams.uniform(self.sigma)
        oblong = torch.where(rounded, along, across), streams.uniform((0, math.pi))
        way, larger, smaller = streams.uniform(), streams.uniform(self.enlarge), streams.uniform(self.shrink)
        smaller = torch.where(way < self.enlarged + self.shrunk, smaller, 1.0)
        return Wear(
            blurred=blurred,
            kernels=_either(sharp, Ringing().kernels(streams), gaussian_kernels(along, *oblong, self.sigma[1])),
            factor=torch.where(way < self.enlarged, larger, smaller),
            kernel=streams.integers(len(_KERNELS)),
            grey=streams.happens(self.grey),
            gaussian=streams.happens(self.gaussian),
            sigma=streams.uniform(self.noise, 1, 1, 1),
            peak=streams.uniform((self.peak[1] ** -0.5, self.peak[0] ** -0.5), 1, 1, 1) ** -2,
            noise=streams.fork(),
            quality=streams.uniform(self.quality).round(),
        )


@register_degradation
class TwoPass(Degradation):
    """The wear of a photo from the internet: twice blurred, resized, made noisy and compressed, all at random.

    Each photo goes through blur, resizing, noise and JPEG, and through all of it again; in the second pass it is
    resized to 1 / ``scale`` at last, with a little ringing, before or after the JPEG file. The second-order pipeline of
    X. Wang et al., "Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data", ICCVW 2021,
    arXiv:2107.10833, with its shares and ranges. What differs: resizing is antialiased, blurs are plain Gaussians
    (round or oblong) or sharp low-pass filters, and everything is drawn for each photo, not for each batch. Height and
    width must be multiples of ``scale``.
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

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return (N, C, H / scale, W / scale)."""
        first, second, end = self.draw(streams)
        if image.is_cuda:
            return self.together(image, first, second, end)
        each = torch.arange(len(image)).chunk(len(image))
        return torch.cat([self.together(image[i], first.of(i), second.of(i), end.of(i)) for i in each])

    def draw(self, streams: Streams) -> tuple[Wear, Wear, End]:
        """Draw what happens to photos."""
        end = End(
            file=streams.happens(0.5),
            kernel=streams.integers(len(_KERNELS)),
            ringing=streams.happens(self.ringing),
            sharp=Ringing().kernels(streams),
        )
        return self.first.draw(streams), self.second.draw(streams), end

    def together(self, image: Tensor, first: Wear, second: Wear, end: End) -> Tensor:
        """Return the same, all photos on one canvas: mostly empty, it would cost a CPU more than it gains."""
        whole = canvas_of(image)
        final = whole[0] // self.scale, whole[1] // self.scale
        photo, sizes = first.worn(image, filling(whole, image), whole, self.first.most)
        photo, sizes = second.worn(first.saved(photo, sizes), sizes, final, self.second.most)
        finished = filling(final, image)
        photo = _some(~end.file, photo, lambda photo: second.saved(photo, sizes))
        photo = resize_each(photo, sizes, finished, final, _KERNELS, end.kernel)
        photo = _some(end.ringing, photo, lambda photo: blur(photo, end.sharp).clamp(0, 1))
        return _some(end.file, photo, lambda photo: second.saved(photo, finished))


def _some(chosen: Tensor, photo: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """Change the photos that are chosen, (N,) bool; a GPU, which would be waited for to know, changes all of them."""
    if not photo.is_cuda and not bool(chosen.any()):
        return photo
    changed = change(photo)
    alone = len(photo) == 1 and not photo.is_cuda
    return changed if alone else torch.where(chosen[:, None, None, None], changed, photo)


def _either(chosen: Tensor, kernels: Tensor, others: Tensor) -> Tensor:
    """Take kernels (N, k, k) for the images that are chosen, and others (N, l, l) for the rest."""
    reach = max(kernels.shape[-1], others.shape[-1]) // 2
    kernels, others = (pad(each, (reach - each.shape[-1] // 2,) * 4) for each in (kernels, others))
    return torch.where(chosen[:, None, None], kernels, others)
