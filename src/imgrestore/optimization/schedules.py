"""Schedules: how the learning rate changes during a stage of training.

A schedule is a pure function, so a resumed run needs nothing but the step, the share of the stage that is done and the
losses measured on held-out images so far.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from imgrestore.parts.part import Field, Part
from imgrestore.parts.registry import register_schedule

History = Sequence[tuple[str, float]]
"""Held-out losses in the order they were measured, each with a name of the loss terms that counted then."""


class Schedule(Part):
    """A factor of the learning rate."""

    group: ClassVar[str] = "schedule"
    default_kind: ClassVar[str] = "constant"

    @abstractmethod
    def factor(self, step: int, done: float, history: History) -> float:
        """Return what the learning rate is multiplied with.

        Args:
            step: Steps taken in this stage.
            done: Share of the stage that is done, 0 to 1: of its steps, or of its time if the recipe gives minutes.
            history: What was measured on held-out images in this stage.
        """


@register_schedule
class Constant(Schedule):
    """The same learning rate throughout."""

    def factor(self, step: int, done: float, history: History) -> float:
        """Return 1."""
        return 1.0


@register_schedule
class Cosine(Schedule):
    """Half a cosine from 1 down to ``final``, after a linear rise over ``warmup`` steps.

    I. Loshchilov, F. Hutter, "SGDR", ICLR 2017, arXiv:1608.03983, without restarts.
    """

    warmup: int = Field(0, ge=0)
    final: float = Field(0.0, ge=0, le=1)

    def factor(self, step: int, done: float, history: History) -> float:
        """Return min(1, (step + 1) / warmup) (final + (1 - final) (1 + cos(pi done)) / 2)."""
        rise = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        return rise * (self.final + (1 - self.final) * (1 + math.cos(math.pi * min(1.0, done))) / 2)


@register_schedule
class Exponential(Schedule):
    """Multiplied by ``rate`` in the course of each ``interval`` steps: smoothly, or at their end as a ``staircase``."""

    rate: float = Field(0.9, gt=0, le=1)
    interval: int = Field(1000, ge=1)
    staircase: bool = False

    def factor(self, step: int, done: float, history: History) -> float:
        """Return rate^(step / interval)."""
        times = step // self.interval if self.staircase else step / self.interval
        return float(self.rate**times)


@register_schedule
class Triangular2(Schedule):
    """Up and down between ``lowest`` and 1, half as high in each further cycle.

    L. Smith, "Cyclical Learning Rates for Training Neural Networks", WACV 2017, arXiv:1506.01186, policy triangular2.
    """

    lowest: float = Field(0.1, ge=0, le=1)
    half_cycle: int = Field(2000, ge=1)

    def factor(self, step: int, done: float, history: History) -> float:
        """Return lowest + (1 - lowest) t / 2^c, with t rising from 0 to 1 and falling again in cycle c."""
        cycle = step // (2 * self.half_cycle)
        height = 1 - abs(step / self.half_cycle - 2 * cycle - 1)
        return self.lowest + (1 - self.lowest) * height * 0.5**cycle


@register_schedule
class Plateau(Schedule):
    """Multiplied by ``rate`` each time the held-out loss has not improved for more than ``patience`` measurements.

    An improvement is a loss below the best by more than ``threshold`` times the size of the best. When other loss terms
    begin to count, losses before and after cannot be compared, so the best is forgotten. Otherwise as PyTorch's
    ReduceLROnPlateau, which knows losses above zero alone.
    """

    rate: float = Field(0.1, gt=0, lt=1)
    patience: int = Field(10, ge=0)
    threshold: float = Field(1e-4, ge=0, lt=1)

    def factor(self, step: int, done: float, history: History) -> float:
        """Return rate^(number of reductions so far)."""
        reductions, bad, best, terms = 0, 0, None, None
        for measured, loss in history:
            if measured != terms:
                terms, best, bad = measured, None, 0
            if best is None or loss < best - self.threshold * abs(best):
                best, bad = loss, 0
            else:
                bad += 1
            if bad > self.patience:
                reductions, bad = reductions + 1, 0
        return float(self.rate**reductions)
