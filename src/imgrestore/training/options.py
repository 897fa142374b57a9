"""How a run is carried out, and what it reports."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from imgrestore.training.run import Record

DEFAULT_CACHE = 4 * 2**30
"""Bytes of decoded pictures kept in memory when the user names no limit."""


@dataclass(frozen=True)
class Progress:
    """One report of a running training.

    Attributes:
        step: Steps done.
        steps: Steps of the whole run, or None if time ends it.
        done: Share of the run that is done.
        record: What was logged: loss and learning rate, or a measurement; empty when nothing is new.
    """

    step: int
    steps: int | None
    done: float
    record: Record


@dataclass(frozen=True)
class Options:
    """How a run is carried out; none of it changes what the run computes, but for rounding.

    Attributes:
        device: Where to compute; under ``torchrun``, ``cuda`` is a GPU for each process.
        resume: Go on from the folder's checkpoint instead of starting anew.
        start: Weights whose fitting numbers the run begins with.
        max_minutes: Stop with a checkpoint before this many minutes are over.
        began: When minutes began to count, by ``time.monotonic``; by default, when these options were made.
        workers: Processes that prepare batches where the CPU makes them; 0 prepares them between the steps.
        cache: Bytes of decoded pictures that may be kept in memory.
        watch: Told of every record besides the log.
    """

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    resume: bool = False
    start: Path | None = None
    max_minutes: float = math.inf
    began: float = field(default_factory=time.monotonic)
    workers: int = 0
    cache: int = DEFAULT_CACHE
    watch: Callable[[Record], None] = lambda record: None
