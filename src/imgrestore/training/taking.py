"""Where a run's steps come from: batches of worker processes, or data and step together on a GPU."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable
from contextlib import nullcontext
from typing import Protocol

import torch

from imgrestore.datasets.gathered import Gathered
from imgrestore.datasets.loader import batches
from imgrestore.datasets.samples import Share
from imgrestore.training.step import Step

_WARM_UP = 3
"""Steps before a graph is captured, in which libraries choose their kernels and take their memory."""

_AHEAD = 8
"""Steps that the host goes ahead of a GPU: enough to keep it busy, few enough to know the time."""


class Taking(Protocol):
    """What takes prepared steps, one after the other.

    Attributes:
        waited: Seconds that the network waited for data.
    """

    waited: float

    def __call__(self) -> None:
        """Take a step."""

    def close(self) -> None:
        """End all that runs beside the steps."""


class FromLoader:
    """Steps whose batches are made on the CPU."""

    def __init__(self, step: Step, share: Share, first: int, workers: int) -> None:
        """Begin with a step, counted from 0; see :func:`imgrestore.datasets.loader.batches`."""
        self.waited = 0.0
        self._step, self._accumulate = step, step.recipe.optimizer.accumulate
        self._batches = batches(share, first * self._accumulate, workers)

    def __call__(self) -> None:
        """Take a step."""
        began = time.monotonic()
        taken = list(itertools.islice(self._batches, self._accumulate))
        self.waited += time.monotonic() - began
        self._step.take(taken)

    def close(self) -> None:
        """End the workers."""
        self._batches.close()


class OnDevice:
    """Steps whose batches are made on the device; on a GPU all of it becomes one CUDA graph after a few steps."""

    def __init__(self, step: Step, gathered: Gathered, say: Callable[[str], None] = lambda line: None) -> None:
        """Begin with the step that is next.

        Args:
            step: What is trained.
            gathered: Where its batches come from.
            say: Told if steps cannot be captured.
        """
        self.waited = 0.0
        self._step, self._gathered, self._say = step, gathered, say
        self._capturing = step.device.type == "cuda" and step.processes.size == 1
        self._stream = torch.cuda.Stream() if self._capturing else None  # type: ignore[no-untyped-call]
        self._ahead: deque[torch.cuda.Event] = deque()
        self._graph: torch.cuda.CUDAGraph | None = None
        self._kind: object = None
        self._taken = 0

    def __call__(self) -> None:
        """Take a step."""
        kind = self._step.stage, self._step.counting
        if kind != self._kind:  # other losses count, or another stage has begun
            self._kind, self._graph, self._taken = kind, None, 0
        if self._graph is None and self._capturing and self._taken >= _WARM_UP:
            self._capture()
        if self._graph is not None:
            self._graph.replay()
        else:
            self._eagerly()
        self._taken += 1
        if self._step.device.type == "cuda":
            self._ahead.append(torch.cuda.Event())  # type: ignore[no-untyped-call]
            self._ahead[-1].record()
            if len(self._ahead) > _AHEAD:
                self._ahead.popleft().synchronize()

    def close(self) -> None:
        """Do nothing: nothing runs beside the steps."""

    def _work(self) -> None:
        accumulate = self._step.recipe.optimizer.accumulate
        first = self._step.number * accumulate
        self._step.take([self._gathered[first + i] for i in range(accumulate)])

    def _eagerly(self) -> None:
        if self._stream is not None:  # what is to be captured must have run on a stream beside
            self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream) if self._stream is not None else nullcontext():
            self._work()
        if self._stream is not None:
            torch.cuda.current_stream().wait_stream(self._stream)

    def _capture(self) -> None:
        graph, stream = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
        try:
            with torch.cuda.graph(graph, stream=self._stream):
                self._work()
        except RuntimeError as error:
            torch.cuda.set_stream(stream)  # to end a broken capture is an error too, which leaves its stream in place
            why = str(error.__context__ or error).splitlines()[0]
            self._say(f"steps are taken kernel by kernel, no graph can be made of them: {why}")
            self._capturing = False
        else:
            self._graph = graph
