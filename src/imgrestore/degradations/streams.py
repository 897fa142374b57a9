"""Random numbers that each image of a batch has for itself, the same on every device.

A stream is a key; its n-th number is a hash of key and n, so nothing but a position has to be kept, and what an image
is given depends neither on the others of its batch nor on the device. The hash is that of SplitMix64: G. L. Steele, D.
Lea, C. H. Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014, doi:10.1145/2660193.2660195; to draw by
counting is the idea of J. K. Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011,
doi:10.1145/2063384.2063405.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

_STEP = -7046029254386353131
_MIX_1, _MIX_2 = -4658895280553007687, -7723592293110705685
"""0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9 and 0x94D049BB133111EB as signed numbers."""

_SEED = 0x243F6A8885A308D3
"""Digits of pi, added to seeds: as 0 hashes to 0, the images of seed 0 would be given the forks of others."""

_FEW = 4.0
"""Mean of a Poisson distribution up to which its values are counted up one by one."""

_MOST_OF_FEW = 18
"""Largest of those values: more come about once in 10^8."""

_CACHED = 2**16
"""Counts made at a time on a CPU, so that what they are made of stays in its cache."""


class Streams:
    """One stream of random numbers for each image of a batch.

    Everything drawn has the batch as its first axis, is float32 (or int64, bool) and lies on the device of the streams.
    The first numbers of an image are the same however many are drawn at once.
    """

    def __init__(self, keys: Tensor, position: int = 0) -> None:
        """Begin streams.

        Args:
            keys: (N,) int64, one for each image.
            position: Numbers drawn already from each.
        """
        self.keys, self._position = keys, position

    @classmethod
    def seeded(cls, seed: int, numbers: Sequence[int] | Tensor = (0,)) -> Streams:
        """Begin the streams of some numbered images under a seed; both may be any whole numbers of 64 bits."""
        counted = numbers if isinstance(numbers, Tensor) else torch.tensor([_signed(number) for number in numbers])
        start = torch.full((1,), _signed(seed), device=counted.device)
        return cls(_mixed(_mixed(start * _STEP + _SEED) + counted * _STEP))

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.keys)

    @property
    def device(self) -> torch.device:
        """Where numbers are drawn."""
        return self.keys.device

    def copy(self) -> Streams:
        """Return streams that give what these will give."""
        return Streams(self.keys, self._position)

    def fork(self) -> Streams:
        """Return streams of their own, so that how much is drawn from them changes nothing for these."""
        return Streams(self._hashes(1)[:, 0])

    def split(self, parts: int) -> Streams:
        """Return streams for parts of each image, (N parts) of them; the first are the same however many there are."""
        return Streams(self._hashes(parts).flatten())

    def pick(self, chosen: Tensor) -> Streams:
        """Return the streams of some images, by their numbers or a mask."""
        return Streams(self.keys[chosen], self._position)

    def uniform(self, bounds: tuple[float, float] = (0.0, 1.0), *shape: int) -> Tensor:
        """Draw evenly between two bounds, (N, *shape); the upper one is left out but for rounding."""
        unit = (self._bits(math.prod(shape)) >> 8).float().mul_(2.0**-24).add_(0.5)
        return unit.mul_(bounds[1] - bounds[0]).add_(bounds[0]).view(len(self), *shape)

    def log_uniform(self, bounds: tuple[float, float], *shape: int) -> Tensor:
        """Draw between two bounds above 0 so that every factor is equally frequent, (N, *shape)."""
        return self.uniform((math.log(bounds[0]), math.log(bounds[1])), *shape).exp_()

    def normal(self, *shape: int) -> Tensor:
        """Draw standard normal numbers, (N, *shape).

        They are 65,536 equally frequent ones, the means of as many equal shares of the distribution: to look them up
        takes a third of the time of computing them, and what lies beyond 4.4 deviations is not missed in images.
        """
        count = math.prod(shape)
        bits = self._hashes((count + 3) // 4).view(torch.int16)[:, :count].int().add_(2**15)
        drawn: Tensor = _normal_numbers(self.device).index_select(0, bits.flatten())
        return drawn.view(len(self), *shape)

    def integers(self, bound: int | Tensor, *shape: int) -> Tensor:
        """Draw whole numbers from 0 to ``bound - 1`` (at most 2^31), (N, *shape) int64; a bound may be (N, 1)."""
        bits = self._bits(math.prod(shape)).long()
        return bits.add_(2**31).mul_(bound).bitwise_right_shift_(32).view(len(self), *shape)

    def happens(self, share: float | Tensor) -> Tensor:
        """Draw whether something happens that has a probability, (N,) bool."""
        return self.uniform() < share

    def permutation(self, count: int) -> Tensor:
        """Draw an order of the numbers from 0 to ``count - 1``, (N, count) int64."""
        return self._hashes(count).argsort(dim=1, stable=True)

    def poisson(self, mean: Tensor) -> Tensor:
        """Draw counts of the given means (N, …), as float32 of the same shape."""
        return counts(mean, self.normal(*mean.shape[1:]))

    def _bits(self, count: int) -> Tensor:
        """Draw 32 random bits at a time, (N, count) int32."""
        return self._hashes((count + 1) // 2).view(torch.int32)[:, :count]

    def _hashes(self, count: int) -> Tensor:
        """Draw 64 random bits at a time, (N, count) int64."""
        first = self._position + 1
        self._position += count
        counter = torch.arange(first, first + count, device=self.device).mul_(_STEP)
        return _mixed(counter[None] + self.keys[:, None])


@lru_cache(maxsize=8)
@torch.inference_mode(mode=False)  # what is kept must serve training too
def _normal_numbers(device: torch.device) -> Tensor:
    """Return 2^16 numbers of mean 0 and variance 1, each the mean of its share of the normal distribution."""
    edges = torch.special.ndtri(torch.arange(2**16 + 1, dtype=torch.float64) / 2**16)
    means: Tensor = -(-edges.square() / 2).exp().diff() * 2**16 / math.sqrt(2 * math.pi)
    means /= means.square().mean().sqrt()
    return means.float().to(device)


def counts(mean: Tensor, normal: Tensor) -> Tensor:
    """Turn normal numbers into counts with Poisson distributions.

    Small means by counting up the distribution, others by the expansion of E. A. Cornish, R. A. Fisher (1938) of its
    quantiles, rounded, whose variance is 2 % too large where they meet, and less beyond.

    Args:
        mean: Of the distributions, any shape.
        normal: Standard normal numbers, same shape.

    Returns:
        Same shape, float32.
    """
    mean, normal = mean.float().contiguous(), normal.float().contiguous()
    counted = torch.empty_like(mean)
    pieces = 1 if counted.is_cuda else max(1, counted.numel() // _CACHED)
    for each in zip(*(numbers.flatten().chunk(pieces) for numbers in (mean, normal, counted)), strict=True):
        _count(*each)
    return counted


def _count(mean: Tensor, normal: Tensor, counted: Tensor) -> None:
    """Fill in counts for means and normal numbers, all of the same shape (K)."""
    root, square = mean.clamp_min(1).sqrt_(), normal.square()
    many = (1 - square).div_(72).div_(root).add_(root).mul_(normal).add_(mean).add_(square, alpha=1 / 6)
    many.add_(0.5 - 1 / 6).floor_().clamp_min_(0)
    if mean.is_cuda:
        torch.where(mean < _FEW, _few(mean.clamp_max(_FEW), normal), many, out=counted)
        return
    counted.copy_(many)
    small = (mean < _FEW).nonzero()[:, 0]
    if len(small):
        counted.index_copy_(0, small, _few(mean[small], normal[small]))


def _few(mean: Tensor, normal: Tensor) -> Tensor:
    """Count for means of up to :data:`_FEW`."""
    below, power = torch.special.ndtr(normal).mul_(mean.exp()), torch.ones_like(mean)
    reached, more, count = torch.ones_like(mean), torch.empty_like(mean), torch.zeros_like(mean)
    for k in range(1, _MOST_OF_FEW + 1):
        count += torch.lt(reached, below, out=more)
        reached.add_(power.mul_(mean), alpha=1 / math.factorial(k))
    return count


def _mixed(x: Tensor) -> Tensor:
    """Hash whole numbers of 64 bits in place."""
    x ^= (x >> 30).bitwise_and_((1 << 34) - 1)
    x *= _MIX_1
    x ^= (x >> 27).bitwise_and_((1 << 37) - 1)
    x *= _MIX_2
    x ^= (x >> 31).bitwise_and_((1 << 33) - 1)
    return x


def _signed(number: int) -> int:
    """Return the number of 64 bits with a sign that has the same bits."""
    number &= 2**64 - 1
    return number - 2**64 if number >= 2**63 else number
