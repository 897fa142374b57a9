"""The noise of a camera, as its files hold it."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Annotated, Any

import torch
from torch import Tensor
from torch.fft import fftfreq, irfft2, rfft2, rfftfreq
from torch.nn.functional import conv2d, pad

from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.jpeg import Jpeg
from imgrestore.degradations.streams import Streams
from imgrestore.image.color import luma
from imgrestore.parts.part import Field, Range, within
from imgrestore.parts.registry import register_degradation

Share = Annotated[float, Field(ge=0, le=1)]

_XYZ_OF_RGB = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
_CAMERAS_OF_XYZ = (
    ((1.0234, -0.2969, -0.2266), (-0.5625, 1.6328, -0.0469), (-0.0703, 0.2188, 0.6406)),
    ((0.4913, -0.0541, -0.0202), (-0.6130, 1.3513, 0.2906), (-0.1564, 0.2151, 0.7183)),
    ((0.8380, -0.2630, -0.0639), (-0.2887, 1.0725, 0.2496), (-0.0627, 0.1427, 0.5438)),
    ((0.6596, -0.2079, -0.0562), (-0.4782, 1.3016, 0.1933), (-0.0970, 0.1581, 0.5181)),
)
"""What four cameras make of CIE XYZ, as Brooks et al. took them from raw converters."""

_RED_GAIN, _BLUE_GAIN, _EXPOSURE = (1.4, 2.6), (1.4, 2.8), (0.8, 0.1)
"""White balance from lamps to shade, and mean and deviation of what sRGB white is in raw."""

_BITS = (10, 12, 14)
_OVEREXPOSED = 0.94
"""Value of the darkest channel from which on a pixel is taken to be overexposed, and its noise to fade."""

_GAMMA, _DARKEST = 2.2, 1e-6
_BILINEAR = (
    ((0, 0, 0, 0, 0), (0, 0, 2, 0, 0), (0, 2, 0, 2, 0), (0, 0, 2, 0, 0), (0, 0, 0, 0, 0)),
    ((0, 0, 0, 0, 0), (0, 0, 0, 0, 0), (0, 4, 0, 4, 0), (0, 0, 0, 0, 0), (0, 0, 0, 0, 0)),
    ((0, 0, 0, 0, 0), (0, 2, 0, 2, 0), (0, 0, 0, 0, 0), (0, 2, 0, 2, 0), (0, 0, 0, 0, 0)),
)
_MALVAR = (
    ((0, 0, -1, 0, 0), (0, 0, 2, 0, 0), (-1, 2, 4, 2, -1), (0, 0, 2, 0, 0), (0, 0, -1, 0, 0)),
    ((0, 0, 0.5, 0, 0), (0, -1, 0, -1, 0), (-1, 4, 5, 4, -1), (0, -1, 0, -1, 0), (0, 0, 0.5, 0, 0)),
    ((0, 0, -1.5, 0, 0), (0, 2, 0, 2, 0), (-1.5, 0, 6, 0, -1.5), (0, 2, 0, 2, 0), (0, 0, -1.5, 0, 0)),
)
"""Eighths by which a mosaic gives green where another colour was measured, a colour between two of its samples in a row
(turned: in a column), and a colour between four of its samples."""


@register_degradation
class Camera(Degradation):
    """Noise of a camera: of its sensor, demosaiced, developed and compressed like the rest of the photo.

    The photo is taken back to what a sensor measured (inverse tone curve ``3 v^2 - 2 v^3``, gamma 2.2, inverse colour
    matrix and white balance, each drawn for the image), where every pixel of a Bayer mosaic of any phase gets noise of
    variance ``shot x + read``. ``shot`` is the ``sensor``'s at ISO 100 times the sensitivity, ``ln read`` is normal
    about ``2.18 ln shot + 1.20`` with deviation 0.26; some sensors add noise by rows; the sum is clipped and rounded to
    10, 12 or 14 bits. The noise is demosaiced by a filter between the bilinear one and that of H. S. Malvar, L. He, R.
    Cutler ("High-Quality Linear Interpolation for Demosaicing of Bayer-Patterned Color Images", ICASSP 2004,
    doi:10.1109/ICASSP.2004.1326587), unless the photo was ``halved``, for which each pixel had all its colours, and
    everything developed again. What a camera's smoothing of luma and colour and its sharpening do to noise is done to
    the noise alone: the photo has been through that before. At last some results are ``compressed``; all have 8 bits.

    So noise depends on brightness and colour, neighbours and channels are correlated, shadows are noisier, and colour
    is blotchy; at high sensitivities clipping makes shadows brighter and the tone curve makes lights darker. T. Brooks
    et al., "Unprocessing Images for Learned Raw Denoising", CVPR 2019, arXiv:1811.11127, from whom curves, matrices and
    the line of read noise are taken; there photos are mosaiced too, here only their noise, so that the photo without
    noise is the photo.
    """

    iso: Annotated[Range, within(1, 1e6)] = Field((100, 25600), description="sensitivity, all factors equally frequent")
    sensor: Annotated[Range, within(1e-7, 1)] = Field(
        (1.5e-5, 1.2e-4), description="variance of the shot noise of white at ISO 100: large sensors have little"
    )
    banding: Share = Field(0.1, description="share of the photos with noise by rows")
    halved: Share = Field(0.3, description="share of the photos that were halved in size")
    smoothed: Share = Field(0.5, description="share of the photos whose noise the camera has smoothed")
    sharpened: Share = Field(0.4, description="share of the photos that the camera has sharpened")
    compressed: Share = Field(0.7, description="share of the photos that are JPEG files")
    quality: Annotated[Range, within(1, 100)] = Field((80, 98), description="quality of these")

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return the noisy photos, same shape, on 8-bit levels."""
        gt = image.float().clamp(0, 1).expand(-1, 3, -1, -1)
        development = _Development(streams.fork())
        raw = development.raw(gt)
        noisy = development.photo(raw + self._demosaiced(raw, streams))
        noise = self._processed(noisy - gt, streams) * _fading(gt)
        if image.shape[1] == 1:
            noise = luma(noise)
        lq = Jpeg(quality=self.quality, subsampling="random", cropped=0.5).degrade_some(
            (image.float().clamp(0, 1) + noise).clamp(0, 1), streams.happens(self.compressed), streams.fork()
        )
        return ((lq * 255).round() / 255).to(image)

    def measured(self, raw: Tensor, streams: Streams) -> Tensor:
        """Return what the noise adds to raw values (N, 1 or 3, H, W) in [0, 1] at each of them."""
        shot = (streams.log_uniform(self.iso, 1, 1, 1) / 100) * streams.log_uniform(self.sensor, 1, 1, 1)
        read = (2.18 * shot.log() + 1.20 + 0.26 * streams.normal(1, 1, 1)).exp()
        noise = (shot * raw.clamp_min(0) + read).sqrt() * streams.normal(*raw.shape[1:])
        rows = read.sqrt() * streams.uniform((0.2, 1), 1, 1, 1) * streams.happens(self.banding)[:, None, None, None]
        noise = noise + rows * streams.normal(1, raw.shape[2], 1)
        levels = 2.0 ** _there(_BITS, raw.device)[streams.integers(len(_BITS), 1, 1, 1)]
        return ((raw + noise).clamp_max(1) * levels).round() / levels - raw

    def _demosaiced(self, raw: Tensor, streams: Streams) -> Tensor:
        """Return the noise of raw photos (N, 3, H, W) with all colours at each pixel."""
        halved = streams.happens(self.halved)[:, None, None, None]
        around = pad(raw, (2, 2, 2, 2), mode="replicate")
        colours = _mosaic(around, streams)
        noise = self.measured((around * colours).sum(1, keepdim=True), streams.fork())
        return torch.where(halved, self._binned(raw, streams.fork()), _demosaic(noise, colours, streams.uniform()))

    def _binned(self, raw: Tensor, streams: Streams) -> Tensor:
        """Return the noise of photos halved: four pixels of the mosaic, two of them green, are one of the photo."""
        return self.measured(raw, streams) * _there((1.0, math.sqrt(0.5), 1.0), raw.device)[:, None, None]

    def _processed(self, noise: Tensor, streams: Streams) -> Tensor:
        """Return noise (N, 3, H, W) as smoothing and sharpening leave it, by one filter for luma and one for colour."""
        height, width = noise.shape[-2:]
        down, across = fftfreq(height, device=noise.device), rfftfreq(width, device=noise.device)
        frequency = down[:, None] ** 2 + across**2

        def lowpass(sigma: Tensor) -> Tensor:
            return torch.exp(-2 * (math.pi * sigma[:, None, None]) ** 2 * frequency)

        def share(happens: Tensor, bounds: tuple[float, float]) -> Tensor:
            return (happens * streams.uniform(bounds))[:, None, None]

        smoothed = streams.happens(self.smoothed)
        of_luma = 1 - share(smoothed, (0, 0.8)) * (1 - lowpass(streams.uniform((0.4, 1.2))))
        of_colour = 1 - share(smoothed, (0.6, 1)) * (1 - lowpass(streams.log_uniform((0.5, 6))))
        sharpened = share(streams.happens(self.sharpened), (0.2, 1.5))
        of_luma = of_luma * (1 + sharpened * (1 - lowpass(streams.uniform((0.5, 1.2)))))
        spectrum = rfft2(torch.cat([luma(noise), noise - luma(noise)], dim=1))
        spectrum = spectrum * torch.stack([of_luma, of_colour, of_colour, of_colour], dim=1)
        filtered: Tensor = irfft2(spectrum, s=(height, width))
        return filtered[:, :1] + filtered[:, 1:]


class _Development:
    """How one camera makes photos of raw values, and raw values of photos."""

    def __init__(self, streams: Streams) -> None:
        share = -streams.uniform((1e-8, 1), len(_CAMERAS_OF_XYZ)).log()
        cameras = _there(_CAMERAS_OF_XYZ, streams.device)
        of_xyz = torch.einsum("nk,kij->nij", share / share.sum(1, keepdim=True), cameras)
        of_rgb = of_xyz @ _there(_XYZ_OF_RGB, streams.device)
        self.of_rgb = of_rgb / of_rgb.sum(2, keepdim=True)  # white stays white
        exposure = _EXPOSURE[0] + _EXPOSURE[1] * streams.normal().clamp(-3, 3)
        gains = [streams.uniform(_RED_GAIN), torch.ones_like(exposure), streams.uniform(_BLUE_GAIN)]
        self.gains = torch.stack(gains, dim=1) / exposure[:, None]

    def raw(self, photo: Tensor) -> Tensor:
        """Turn photos (N, 3, H, W) in [0, 1] into raw values without noise."""
        curved = 0.5 - torch.sin(torch.asin(1 - 2 * photo) / 3)
        light = curved.clamp_min(_DARKEST) ** _GAMMA
        return torch.einsum("nij,njhw->nihw", self.of_rgb, light) / self.gains[:, :, None, None]

    def photo(self, raw: Tensor) -> Tensor:
        """Turn raw values into photos, clipped to [0, 1]."""
        balanced = raw * self.gains[:, :, None, None]
        light = torch.einsum("nij,njhw->nihw", _inverse(self.of_rgb), balanced)
        curved = light.clamp(_DARKEST, 1) ** (1 / _GAMMA)
        return (3 - 2 * curved) * curved**2


def _fading(gt: Tensor) -> Tensor:
    """Return how much of its noise a pixel (N, 3, H, W) keeps, (N, 1, H, W): overexposed ones have none."""
    return ((1 - gt.amin(1, keepdim=True)) / (1 - _OVEREXPOSED)).clamp(0, 1)


def _mosaic(raw: Tensor, streams: Streams) -> Tensor:
    """Return which colour each pixel measures, as ones and zeros (N, 3, H, W), in one of four phases."""
    top, left = streams.integers(2, 2)[:, :, None, None].unbind(1)
    row = (torch.arange(raw.shape[2], device=raw.device)[:, None] + top) % 2
    column = (torch.arange(raw.shape[3], device=raw.device) + left) % 2
    return torch.stack([(row + column == 0), (row + column == 1), (row + column == 2)], dim=1).to(raw)


def _demosaic(mosaic: Tensor, colours: Tensor, quality: Tensor) -> Tensor:
    """Give each pixel of a mosaic all colours.

    Args:
        mosaic: (N, 1, H + 4, W + 4), with two pixels around.
        colours: What each measures, (N, 3, H + 4, W + 4); red and green share rows, green and blue others.
        quality: (N,) from 0, bilinear, to 1, Malvar et al.

    Returns:
        (N, 3, H, W).
    """
    kernels = _there((_BILINEAR, _MALVAR), mosaic.device) / 8
    both = conv2d(mosaic, torch.cat([kernels, kernels[:, 1:2].mT], dim=1).flatten(0, 1)[:, None])
    chosen = torch.lerp(both[:, :4], both[:, 4:], quality[:, None, None, None])
    green, along_row, between, along_column = chosen.chunk(4, dim=1)
    red_row = colours[:, :1, 2:-2].amax(3, keepdim=True)
    mosaic, colours = mosaic[..., 2:-2, 2:-2], colours[..., 2:-2, 2:-2]
    is_red, is_green, is_blue = colours.chunk(3, dim=1)
    in_red_row = is_green * red_row
    in_blue_row = is_green - in_red_row
    red = is_red * mosaic + in_red_row * along_row + in_blue_row * along_column + is_blue * between
    blue = is_blue * mosaic + in_blue_row * along_row + in_red_row * along_column + is_red * between
    return torch.cat([red, is_green * mosaic + (1 - is_green) * green, blue], dim=1)


@lru_cache(maxsize=32)
@torch.inference_mode(mode=False)  # what is kept must serve training too
def _there(numbers: tuple[Any, ...], device: torch.device) -> Tensor:
    """Return numbers where they are needed, so that a GPU waits for them once, and a CUDA graph never."""
    return torch.tensor(numbers, device=device)


def _inverse(matrices: Tensor) -> Tensor:
    """Invert matrices (N, 3, 3); ``torch.linalg.inv`` would ask a GPU whether it could."""
    a, b, c = matrices.unbind(1)
    columns = torch.stack([torch.linalg.cross(*pair) for pair in ((b, c), (c, a), (a, b))], dim=2)
    return columns / (a[:, None] @ columns[:, :, :1])
