"""The screen of printed pictures."""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple

import torch
from torch import Tensor

from imgrestore.degradations.blur import gaussian_blur
from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.correlated_noise import correlated_noise
from imgrestore.degradations.streams import Streams
from imgrestore.image.color import luma, to_srgb
from imgrestore.parts.part import Field, Range, within
from imgrestore.parts.registry import register_degradation


class _Ink(NamedTuple):
    """An ink: the angle of its screen in degrees, and which share of red, green and blue light it sends back."""

    angle: float
    pure: tuple[float, float, float]
    real: tuple[float, float, float]


_CYAN = _Ink(15, (0, 1, 1), (0.0, 0.34, 0.77))
_MAGENTA = _Ink(75, (1, 0, 1), (0.79, 0.0, 0.21))
_YELLOW = _Ink(0, (1, 1, 0), (1.0, 0.85, 0.0))
_BLACK = _Ink(45, (0, 0, 0), (0.012, 0.012, 0.011))
"""Real inks are those of offset printing on coated paper (FOGRA39, ISO 12647-2) in linear sRGB."""

_SOFT, _PLACES = 1.0, (-0.25, 0.25)
"""Pixels see a screen at two places, so far right of and below their middle, with edges that pass this share of the
threshold in a pixel, times the pitch: dots seen as exactly as by 36 places, but for a few thousandths."""


@register_degradation
class Halftone(Degradation):
    """A scanned print: dots of cyan, magenta, yellow and black ink on four screens, or of black ink alone.

    Colours are separated as ``C = 1 - R``, likewise M and Y, of whose least the cube is printed in black instead.
    Each ink has a screen of its angle (C 15, M 75, Y 0, K 45 degrees) and of ``pitch`` pixels; dots are where its
    amount is above the rank of ``cos u + cos v``, whose values meet in a chessboard at one half, with edges as soft as
    pixels make them. Dots grow in print: an amount a becomes ``a + 4 gain a (1 - a)``, the usual parabola (ISO 12647-1
    calls it tone value increase). Light passes the inks one after the other (in the mean the equations of H. E. J.
    Neugebauer, 1937), is blurred by the scanner, and becomes an sRGB image: a gain near 0.25 makes linear light of the
    separated sRGB values, so tones stay about as they are, and less gain makes a lighter print. R. Ulichney, "Digital
    Halftoning", MIT Press, 1987. Grey images are printed in black; a share of the others too, which loses their colour.
    """

    pitch: Annotated[Range, within(2, 64)] = Field((3, 9), description="distance of the dots in pixels, log-even")
    gain: Annotated[Range, within(0, 0.25)] = Field((0.15, 0.25), description="growth of a dot that covers one half")
    skew: Annotated[Range, within(-45, 45)] = Field((-2, 2), description="turn of the sheet on the scanner in degrees")
    detail: Annotated[Range, within(0, 2)] = Field((0.05, 0.25), description="blur before printing, in pitches")
    scan: Annotated[Range, within(0, 8)] = Field((0.5, 1.0), description="blur of the scanner in pixels")
    black: float = Field(0.2, ge=0, le=1, description="share of the images printed in black alone, as in newspapers")
    inks: Annotated[Range, within(0, 1)] = Field((0, 0.3), description="from ideal inks (0) to those of offset (1)")
    paper: Annotated[Range, within(0, 1)] = Field((0, 0.1), description="yellowing of the paper")
    texture: Annotated[Range, within(0, 1)] = Field((0, 0.03), description="standard deviation of the paper's grain")

    def degrade(self, image: Tensor, streams: Streams) -> Tensor:
        """Return the scanned prints, same shape."""
        pitch = streams.log_uniform(self.pitch)
        gain, skew, impure, yellow, texture = (
            streams.uniform(bounds, 1, 1, 1).to(image)
            for bounds in (self.gain, self.skew, self.inks, self.paper, self.texture)
        )
        detail = streams.uniform(self.detail) * pitch
        picture = gaussian_blur(image.clamp(0, 1), detail, self.detail[1] * self.pitch[1]).clamp(0, 1)

        light = 1 - yellow * (torch.arange(image.shape[1], device=image.device).view(-1, 1, 1) + 1) / 3
        grain = correlated_noise(streams, (1, *image.shape[2:]), torch.ones_like(pitch)[:, None], 1)
        light = light * (1 + texture * grain.to(image))
        for ink, amount in self._separated(picture, streams):
            grown = (amount + 4 * gain * amount * (1 - amount)).clamp(0, 1)
            dots = _screened(grown, ink.angle + skew.flatten(), pitch.to(image), streams)
            for channel in range(image.shape[1]):
                absorbed = 1 - ink.pure[channel] + impure * (ink.pure[channel] - ink.real[channel])
                light[:, channel] *= (1 - absorbed * dots)[:, 0]
        scanned = gaussian_blur(light.clamp(0, 1), streams.uniform(self.scan), self.scan[1])
        return to_srgb(scanned).clamp(0, 1)

    def _separated(self, image: Tensor, streams: Streams) -> list[tuple[_Ink, Tensor]]:
        """Return the inks and how much of each is wanted, (N, 1, H, W)."""
        in_black = streams.happens(self.black)[:, None, None, None]
        grey = 1 - luma(image)
        if image.shape[1] == 1:
            return [(_BLACK, grey)]
        wanted = (1 - image).chunk(3, dim=1)
        black = torch.minimum(torch.minimum(wanted[0], wanted[1]), wanted[2]) ** 3
        share = ~in_black / (1 - black).clamp_min(1e-3)
        inks = [(ink, (amount - black) * share) for ink, amount in zip((_CYAN, _MAGENTA, _YELLOW), wanted, strict=True)]
        return [*inks, (_BLACK, torch.where(in_black, grey, black))]


def _screened(amount: Tensor, angle: Tensor, pitch: Tensor, streams: Streams) -> Tensor:
    """Turn amounts (N, 1, H, W) into dots, at angles (N,) in degrees and of a pitch (N,) in pixels.

    The mean of the dots is the amount, within 0.013: the rank of ``s = (cos u + cos v) / 2`` among its own values is
    taken to be ``(1 - sign(s) |s|^(2/3)) / 2``.
    """
    angle = torch.deg2rad(angle)
    across, down = (2 * math.pi * part / pitch for part in (angle.cos(), angle.sin()))
    phase = streams.uniform((0, 2 * math.pi), 2).to(amount)
    soft = (_SOFT / pitch)[:, None, None, None]
    edge = torch.minimum(amount, 1 - amount)
    # below soft / 2, where the soft threshold reaches beyond none or all, it is moved so that the mean stays
    moved = (soft / 2 + edge - (2 * soft * edge).sqrt()).where(edge < soft / 2, 0).copysign(amount - 0.5)
    reach, dots = (amount + moved) / soft + 0.5, torch.zeros_like(amount)
    for place in _PLACES:
        spot = _spots(amount, across, down, phase + place * torch.stack([across - down, across + down], dim=1))
        rank = 0.5 - 0.5 * spot.abs().pow_(2 / 3).copysign_(spot)
        dots += (reach - rank[:, None] / soft).clamp_(0, 1)
    return dots / len(_PLACES)


def _spots(like: Tensor, across: Tensor, down: Tensor, phase: Tensor) -> Tensor:
    """Return ``(cos u + cos v) / 2``, (N, H, W), where u and v are at right angles.

    A wave in two directions is a sum of products of waves in one: ``cos(x + y) = cos x cos y - sin x sin y``.

    Args:
        like: Of the height, width, type and device wanted.
        across: Radians (N,) that u gains with every pixel to the right, and v downwards.
        down: Radians (N,) that v gains to the right, and u upwards.
        phase: Of u and v in the first pixel, (N, 2).
    """
    x, y = (torch.arange(like.shape[axis], device=like.device) for axis in (3, 2))
    slope = torch.stack([across, down, -down, across], dim=1)[..., None]
    along_x, along_y = slope[:, :2] * x + phase[..., None], slope[:, 2:] * y
    columns = torch.cat([along_x.cos(), -along_x.sin()], dim=1)
    rows = torch.cat([along_y.cos(), along_y.sin()], dim=1)
    return rows.mT @ columns / 2
