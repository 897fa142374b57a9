"""The training loop.

A run killed at any moment and resumed on the CPU ends with the same bytes as an uninterrupted one: the batches and the
random numbers of a step follow from the seed and the step, everything else is in the checkpoint.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from imgrestore.datasets.loader import batches
from imgrestore.datasets.samples import Batch, Share
from imgrestore.distributed import Processes, joined, local_device
from imgrestore.engine import Restorer
from imgrestore.errors import ComputeError, UsageError
from imgrestore.evaluation import baselines, evaluate
from imgrestore.recipes.recipe import Recipe
from imgrestore.report import Report
from imgrestore.training.data import TrainingData, on_gpu, read_data
from imgrestore.training.page import draw_run, draw_samples
from imgrestore.training.plan import Plan
from imgrestore.training.run import Record, Run
from imgrestore.training.state import Training

DEFAULT_CACHE = 4 * 2**30
"""Bytes of decoded pictures kept in memory when the user names no limit."""

_NAMED = 5
"""Files that cannot be used are named one by one up to this number."""

_REDRAWN_AFTER = 15.0
"""Seconds after which the page of a run is drawn anew, if there was a measurement."""


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
    """How a run is carried out; none of it changes what the run computes.

    Attributes:
        device: Where to compute; under ``torchrun``, ``cuda`` is a GPU for each process.
        resume: Go on from the folder's checkpoint instead of starting anew.
        start: Weights whose fitting numbers the run begins with.
        max_minutes: Stop with a checkpoint after this many minutes.
        workers: Processes that prepare batches; 0 prepares them between the steps.
        cache: Bytes of decoded pictures that may be kept in memory.
        compiled: Compile the step first; for GPUs.
        watch: Told of every record besides the log.
    """

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    resume: bool = False
    start: Path | None = None
    max_minutes: float = math.inf
    workers: int = 0
    cache: int = DEFAULT_CACHE
    compiled: bool = False
    watch: Callable[[Record], None] = lambda record: None


def train(
    recipe: Recipe,
    data: Path,
    run: Path,
    options: Options | None = None,
    *,
    stopped: Callable[[], bool] = lambda: False,
    warn: Callable[[str], None] = lambda line: None,
) -> Iterator[Progress]:
    """Train a recipe, reporting after every step.

    Args:
        recipe: What to train.
        data: Folder of pictures.
        run: Folder of the run, see :mod:`imgrestore.training.run`.
        options: How to carry it out.
        stopped: Asked after every step; once it says True, in any process, the run stops with a checkpoint.
        warn: Told of every file of the data that cannot be used.

    Yields:
        The state after each step, and once more when the weights of a finished run have been written.

    Raises:
        UsageError: The run folder already holds a run, or none to resume.
        InputError: The data cannot be used.
        ComputeError: The loss became infinite or not a number, or another process died.
    """
    options = options or Options()
    if options.compiled and options.device.type != "cuda":
        raise UsageError("--compile is for GPUs", hint="leave it out")
    folder = Run(run, recipe.name)
    folder.check(options.resume, options.start)
    found = read_data(recipe, data, options.cache)
    for line in found.skipped[:_NAMED]:
        warn(f"skipped {line}")
    if len(found.skipped) > _NAMED:
        warn(f"skipped {len(found.skipped) - _NAMED} more; --check names them all")
    if options.workers and not found.samples.pictures.portable:
        warn("the system shares too little memory with workers (/dev/shm): batches are made between the steps")
    with joined(local_device(options.device)) as processes:
        yield from _Loop(recipe, found, folder, options, processes, stopped).steps()


class _Loop:
    """One process's part in a run."""

    def __init__(
        self,
        recipe: Recipe,
        data: TrainingData,
        run: Run,
        options: Options,
        processes: Processes,
        stopped: Callable[[], bool],
    ) -> None:
        device = local_device(options.device)
        self.recipe, self.run, self.processes, self.options, self.stopped = recipe, run, processes, options, stopped
        self.plan = Plan.of(recipe, len(data.samples), processes.size)
        self.training = Training(recipe, self.plan, device, processes, data=data.digest, compiled=options.compiled)
        self.data = on_gpu(data, device)
        self.share = Share(self.data.samples, processes.rank, processes.size)
        self.began = time.monotonic()
        self.drawn = -math.inf
        self.pace = _Pace()

    def steps(self) -> Iterator[Progress]:
        training, accumulate = self.training, self.recipe.optimizer.accumulate
        self._open()
        pinned = training.device.type == "cuda"
        with closing(batches(self.share, training.step * accumulate, self.options.workers, pinned)) as loader:
            while training.done < 1:
                if training.step == training.stage.first and training.step:
                    self._next_stage()
                with self.pace.waiting():
                    taken = list(itertools.islice(loader, accumulate))
                yield self._progress(self._step(taken))
                if self._measurement_is_due():
                    yield self._progress(self._measure())
                halt = self._halts()
                if training.step % self.recipe.training.checkpoint_every == 0 or training.done >= 1 or halt:
                    self._checkpoint()
                if halt and training.done < 1:
                    return
        if self.processes.first:
            self.run.save_weights(self.run.weights, training, self.data.name)
            draw_run(self.run, finished=True)
        self.processes.wait()
        yield self._progress({})

    def _open(self) -> None:
        training, options = self.training, self.options
        if options.resume:
            training.load(self.run.checkpoint)
        else:
            if options.start is not None:
                training.start_from(options.start)
            training.loss_of(self.share[0])  # what does not fit together shows before anything is written
        if self.processes.first:
            self.run.go_on(training.step) if options.resume else self.run.begin(training)
        self.processes.wait()

    def _next_stage(self) -> None:
        stage = self.training.plan.stage(self.training.step)
        if stage.clustered:
            self.training.model.cluster(self._epoch())
        self.training.next_stage()

    def _epoch(self) -> Iterator[Tensor]:
        """Go through the low-quality images of all samples once; the same in every process."""
        samples, size = self.data.samples, self.recipe.data.batch
        for start in range(0, len(samples), size):
            yield samples.batch(range(start, min(start + size, len(samples))))[0].to(self.training.device)

    def _step(self, taken: list[Batch]) -> Record:
        """Take a step; return a record of the loss if it is time for one."""
        training, terms, rate = self.training, self.training.terms, self.training.learning_rate
        try:
            training.advance(taken)
        except ComputeError as error:
            if self.run.folder.is_dir():
                path = self.run.save_offending(training.step + 1, self.processes.rank, taken)
                error.hint = f"lower optimizer.learning_rate; the last checkpoint is intact, the batch is in {path}"
            raise
        training.seconds += self.pace.stepped()
        if training.step % self.recipe.training.log_every and training.done < 1:
            return {}
        alike = [values for values in training.losses if len(values) == len(training.losses[-1])]
        means = [sum(column) / len(alike) for column in zip(*alike, strict=True)]
        record: Record = {"step": training.step, "epoch": self.plan.epoch(training.step - 1)}
        record |= {"loss": sum(means), "learning_rate": rate}
        if len(means) > 1:
            record["terms"] = dict(zip(terms.split("+"), means, strict=True))
        if len(self.plan.stages) > 1:
            record["stage"] = self.plan.stage(training.step - 1).name
        training.losses.clear()
        return self._log(record | self.pace.taken())

    def _measurement_is_due(self) -> bool:
        training, every = self.training, self.plan.measured_every
        if not self.data.pairs:
            return False
        if every is None:  # time ends the run: ten measurements, spread evenly over it
            return int(10 * training.done) > int(10 * self.plan.done(0, training.seconds - self.pace.last))
        return training.step % every == 0 or training.done >= 1

    def _measure(self) -> Record:
        """Measure the averaged weights on what was held out, shared out among the processes."""
        training, validation = self.training, self.recipe.validation
        rank, size = self.processes.rank, self.processes.size
        with training.averaged() as model:
            mine = [training.loss_of(make()) for make in self.data.held_out_batches()[rank::size]]
            restorer = Restorer(model, device=training.device, precision="fp32")
            methods = {**baselines(self.recipe.scale), "model": restorer.restore_tensor}
            metrics = tuple(dict.fromkeys(("psnr", "ssim", validation.best)))
            scores = list(evaluate(methods, self.data.pairs[rank::size], validation.protocol, metrics))
            if self.processes.first:
                draw_samples(self.run, training.step, self.data.pairs, restorer)
        losses = [loss for part in self.processes.gather(mine) for loss in part]
        report = Report([s for part in self.processes.gather(scores) for s in part], validation.protocol)
        training.history.append((training.terms, sum(losses) / len(losses)))
        means = {f"{mean.method}_{mean.metric}": round(mean.value, 4) for mean in report.means()}
        record = {"step": training.step, "protocol": report.protocol, "held_out_loss": training.history[-1][1], **means}
        value = report.mean("model", validation.best)
        if value > training.best:
            training.best = value
            if self.processes.first:
                self.run.save_weights(self.run.best, training, self.data.name)
        logged = self._log(record)
        if self.processes.first and time.monotonic() - self.drawn > _REDRAWN_AFTER:
            draw_run(self.run, finished=False)
            self.drawn = time.monotonic()
        self.pace.skip()
        return logged

    def _halts(self) -> bool:
        """Return whether any process was asked to stop, or the time is up for the first one."""
        late = self.processes.first and time.monotonic() - self.began > 60 * self.options.max_minutes
        asked = torch.tensor(float(self.stopped() or late), device=self.training.device)
        return float(self.processes.mean(asked)) > 0

    def _checkpoint(self) -> None:
        if self.processes.first:
            self.training.save(self.run.checkpoint)
        self.pace.skip()

    def _log(self, record: Record) -> Record:
        if self.processes.first:
            self.run.record(record)
            self.options.watch(record)
        return record

    def _progress(self, record: Record) -> Progress:
        return Progress(self.training.step, self.plan.steps, self.training.done, record)


class _Pace:
    """How fast steps are taken, and how much of their time is spent waiting for data."""

    def __init__(self) -> None:
        self.mark = time.monotonic()
        self.last = 0.0
        self.restart()

    def restart(self) -> None:
        self.steps, self.seconds, self.waited = 0, 0.0, 0.0

    def waiting(self) -> _Wait:
        return _Wait(self)

    def stepped(self) -> float:
        """Return the seconds since the last step, or since the last pause."""
        now = time.monotonic()
        self.last, self.mark = now - self.mark, now
        self.steps += 1
        self.seconds += self.last
        return self.last

    def skip(self) -> None:
        """Leave out what has happened since the last step."""
        self.mark = time.monotonic()

    def taken(self) -> Record:
        """Return steps per second and the share of time spent waiting since the last record."""
        record = {
            "steps_per_second": round(self.steps / max(self.seconds, 1e-9), 3),
            "waiting": round(self.waited / max(self.seconds, 1e-9), 3),
        }
        self.restart()
        return record


class _Wait:
    """Counts the time of a block as waiting."""

    def __init__(self, pace: _Pace) -> None:
        self.pace = pace

    def __enter__(self) -> None:
        self.began = time.monotonic()
        self.drawn = -math.inf

    def __exit__(self, *problem: object) -> None:
        self.pace.waited += time.monotonic() - self.began


__all__ = ["DEFAULT_CACHE", "Options", "Progress", "train"]
