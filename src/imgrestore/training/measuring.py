"""Measuring a run on what was held out from its data.

The held-out pictures are cut to crops, degraded once and kept. During the run they are measured where the network is
trained; the last time by what ``imgrestore evaluate`` measures by.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from imgrestore.datasets.samples import Batch
from imgrestore.engine.restorer import Restorer
from imgrestore.evaluation.evaluate import Pair, Restore, baselines, evaluate
from imgrestore.evaluation.report import Report, Score
from imgrestore.metrics.tensors import measure
from imgrestore.models.contract import RestorationModel
from imgrestore.recipes.recipe import Recipe
from imgrestore.training.data import TrainingData
from imgrestore.training.distributed import Processes
from imgrestore.training.objective import Objective
from imgrestore.training.page import SHOWN, Sample
from imgrestore.training.step import moved


@dataclass(frozen=True)
class Measurement:
    """How a network does on what was held out.

    Attributes:
        loss: Mean over all held-out samples.
        report: Scores of the network, and of doing nothing.
        samples: Some pictures to show.
    """

    loss: float
    report: Report
    samples: Sequence[Sample]

    def record(self) -> dict[str, Any]:
        """Return what is logged of it."""
        means = {f"{m.method}_{m.metric}": round(m.value, 4) for m in self.report.means() if math.isfinite(m.value)}
        return {"protocol": self.report.protocol, "held_out_loss": self.loss, **means}


class Measuring:
    """What this process measures of what was held out."""

    def __init__(self, recipe: Recipe, data: TrainingData, device: torch.device, processes: Processes) -> None:
        """Prepare to measure.

        Args:
            recipe: What is trained.
            data: What is held out.
            device: Where to measure.
            processes: Who shares the work.
        """
        self._recipe, self._data, self._device, self._processes = recipe, data, device, processes
        self._baselines = baselines(recipe.scale)

    @property
    def _mine(self) -> Sequence[Pair]:
        return self._data.pairs[self._processes.rank :: self._processes.size]

    @cached_property
    def _pairs(self) -> list[Pair]:
        return [_kept(pair) for pair in self._mine]

    @cached_property
    def _batches(self) -> list[Batch]:
        made = self._data.held_out_batches()[self._processes.rank :: self._processes.size]
        return [moved(make(), self._device) for make in made]

    @cached_property
    def _unrestored(self) -> list[Score]:
        return [score for pair in self._pairs for score in self._scores(self._baselines, pair)]

    def expected(self, model: RestorationModel) -> tuple[float, float]:
        """Return the seconds that a measurement takes, and the last one, found out on one picture."""
        if not self._mine:
            return 0.0, 0.0
        methods = {**self._baselines, "model": self._restorer(copy.deepcopy(model)).restore_tensor}
        times = [time.monotonic()]
        for exactly in (False, True):
            self._scores(methods, _kept(self._mine[0]), exactly)
            times.append(time.monotonic())
        return len(self._mine) * (times[1] - times[0]), len(self._mine) * (times[2] - times[1])

    def __call__(self, model: RestorationModel, counting: tuple[int, ...], *, last: bool) -> Measurement:
        """Measure a network, shared out among the processes.

        Args:
            model: The network.
            counting: Numbers of the losses that count.
            last: Whether this is the measurement that stays.
        """
        model = copy.deepcopy(model).eval()  # what prepares a network to restore may lay out its weights anew
        objective = Objective(model, self._recipe.loss, bf16=False)
        with torch.no_grad():
            losses = [(float(objective(*batch, counting).sum()), len(batch[0])) for batch in self._batches]
        restorer = self._restorer(model)
        samples: list[Sample] = []
        scores = [] if last else list(self._unrestored)
        for pair in self._pairs:
            lq, gt = pair.load()
            restored = restorer.restore_tensor(lq)
            methods: dict[str, Restore] = {"model": lambda _, result=restored: result}  # type: ignore[misc]
            scores += self._scores({**(self._baselines if last else {}), **methods}, pair, last)
            if len(samples) < SHOWN:
                samples.append((lq, restored, gt))
        every = [loss for part in self._processes.gather(losses) for loss in part]
        mean = sum(loss * count for loss, count in every) / sum(count for _, count in every)
        gathered = [score for part in self._processes.gather(scores) for score in part]
        return Measurement(mean, Report(gathered, self._recipe.validation.protocol), samples)

    def _restorer(self, model: RestorationModel) -> Restorer:
        return Restorer(model, device=self._device, precision="fp32")

    def _scores(self, methods: Mapping[str, Restore], pair: Pair, exactly: bool = False) -> list[Score]:
        """Score methods on a pair: exactly as ``imgrestore evaluate`` does, or on the device."""
        protocol = self._recipe.validation.protocol
        metrics = tuple(dict.fromkeys(("psnr", "ssim", self._recipe.validation.best)))
        if exactly:
            return list(evaluate(methods, [pair], protocol, metrics))
        lq, gt = pair.load()
        return [
            Score(name, pair.name, metric, value)
            for name, restore in methods.items()
            for metric, value in measure(
                restore(lq).to(self._device), gt.to(self._device), protocol, pair.scale, metrics
            ).items()
        ]


def _kept(pair: Pair) -> Pair:
    """Return a pair that need not be made again."""
    both: tuple[Tensor, Tensor] = pair.load()
    return Pair(pair.name, lambda: both, pair.scale)
