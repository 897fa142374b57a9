"""The training loop.

A run killed at any moment and resumed on the CPU ends with the same bytes as an uninterrupted one: the batches and the
random numbers of a step follow from the seed and the step, everything else is in the checkpoint.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from imgrestore.datasets.loader import batches
from imgrestore.datasets.samples import Batch, Share
from imgrestore.devices import is_out_of_memory
from imgrestore.distributed import Processes, joined, local_device
from imgrestore.engine import Restorer
from imgrestore.errors import ComputeError, UsageError
from imgrestore.evaluation import Pair, baselines, evaluate
from imgrestore.recipes.recipe import Recipe
from imgrestore.report import Report, Score
from imgrestore.training.beginning import Taken
from imgrestore.training.data import TrainingData, on_gpu, read_data
from imgrestore.training.page import SHOWN, Sample, draw_run, draw_samples
from imgrestore.training.plan import Plan
from imgrestore.training.run import Record, Run
from imgrestore.training.state import Training

DEFAULT_CACHE = 4 * 2**30
"""Bytes of decoded pictures kept in memory when the user names no limit."""

_NAMED = 5
"""Files that cannot be used are named one by one up to this number."""

_REDRAWN_AFTER = 15.0
"""Seconds after which the page of a run is drawn anew, if there is anything new."""

_CLUSTERED = 2**18
"""Clusters are found among this many samples at most."""


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
    say: Callable[[str], None] = lambda line: None,
) -> Iterator[Progress]:
    """Train a recipe, reporting after every step.

    Args:
        recipe: What to train.
        data: Folder of pictures.
        run: Folder of the run, see :mod:`imgrestore.training.run`.
        options: How to carry it out.
        stopped: Asked after every step; once it says True, in any process, the run stops with a checkpoint.
        warn: Told of every file of the data that cannot be used, and of earlier weights that do not fit.
        say: Told what was taken over from earlier weights.

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
        loop = _Loop(recipe, found, folder, options, processes, stopped)
        if taken := loop.open():
            (say if taken.whole else warn)(str(taken))
        yield from loop.steps()


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
        self.recipe, self.run, self.processes, self.options, self.stopped = recipe, run, processes, options, stopped
        self.plan = Plan.of(recipe, len(data.samples), processes.size)
        self.training = Training(
            recipe, self.plan, processes.device, processes, data=data.digest, compiled=options.compiled
        )
        self.data = on_gpu(data, processes.device)
        self.share = Share(self.data.samples, processes.rank, processes.size)
        self.unrestored: list[Score] = []
        self.began = time.monotonic()
        self.drawn = -math.inf
        self.pace = _Pace()

    def steps(self) -> Iterator[Progress]:
        state = "stopped"
        try:
            yield from self._train()
            state = "finished" if self.training.done >= 1 else state
        finally:
            if self.processes.first:
                draw_run(self.run, state)
        if state == "finished":
            if self.processes.first:
                self.run.save_weights(self.run.weights, self.training, self.data.name)
            self.processes.wait()
            yield self._progress({})

    def open(self) -> Taken | None:
        """Make the run ready for its next step, and return what it begins with if that is earlier weights."""
        training, options = self.training, self.options
        taken = training.start_from(options.start) if options.start else None
        if options.resume:
            training.load(self.run.checkpoint)
        else:
            training.rehearse(self.share[0])  # what does not fit together shows before anything is written
        if self.processes.first:
            self.run.go_on(training.step) if options.resume else self.run.begin(training)
        self.processes.wait()
        return taken

    def _train(self) -> Iterator[Progress]:
        training, accumulate = self.training, self.recipe.optimizer.accumulate
        pinned = training.device.type == "cuda"
        with closing(batches(self.share, training.step * accumulate, self.options.workers, pinned)) as loader:
            while training.done < 1:
                if training.step == training.stage.first and training.step:
                    training.next_stage(self._clustered())
                with self.pace.waiting():
                    taken = list(itertools.islice(loader, accumulate))
                self._advance(taken)
                halt = self._agree()
                yield self._progress(self._loss_record())
                if self._measurement_is_due():
                    yield self._progress(self._measure())
                if training.step % self.recipe.training.checkpoint_every == 0 or training.done >= 1 or halt:
                    self._checkpoint()
                if halt and training.done < 1:
                    return

    def _clustered(self) -> Iterator[Tensor]:
        """Give the low-quality images of samples drawn from all pictures; the same in every process."""
        samples, size = self.data.samples, self.recipe.data.batch
        count = min(len(samples), _CLUSTERED)
        for start in range(0, count, size):
            yield samples.batch(range(start, min(start + size, count)))[0].to(self.training.device)

    def _advance(self, taken: list[Batch]) -> None:
        try:
            self.rate = self.training.learning_rate
            self.training.advance(taken)
        except ComputeError as error:
            path = self.run.save_offending(self.training.step + 1, self.processes.rank, taken)
            error.hint = f"lower optimizer.learning_rate; the last checkpoint is intact, the batch is in {path}"
            raise
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise ComputeError(
                f"step {self.training.step + 1}: out of memory",
                hint="a smaller data.batch needs less, and optimizer.accumulate makes up for it",
            ) from error

    def _agree(self) -> bool:
        """Settle between all processes how long the step took, and return whether the run is to stop now."""
        late = self.processes.first and time.monotonic() - self.began > 60 * self.options.max_minutes
        self.lasted, asked = self.processes.agree(self.pace.stepped(), float(self.stopped() or late))
        self.training.seconds += self.lasted
        return asked > 0

    def _loss_record(self) -> Record:
        """Return a record of the losses since the last one if it is time for one."""
        training = self.training
        if training.step % self.recipe.training.log_every and training.done < 1:
            return {}
        counting = training.losses[-1][0]
        alike = [values for counted, values in training.losses if counted == counting]
        means = [sum(column) / len(alike) for column in zip(*alike, strict=True)]
        record: Record = {"step": training.step, "epoch": self.plan.epoch(training.step - 1)}
        record |= {"loss": sum(means), "learning_rate": self.rate}
        if len(means) > 1:
            record["terms"] = dict(zip(training.terms(counting), means, strict=True))
        if len(self.plan.stages) > 1:
            record["stage"] = self.plan.stage(training.step - 1).name
        training.losses.clear()
        return self._log(record | self.pace.taken() | {"minutes": round(training.seconds / 60, 3)})

    def _measurement_is_due(self) -> bool:
        training, every = self.training, self.plan.measured_every
        if not self.data.pairs:
            return False
        if every is None:  # time ends the run: ten measurements, spread evenly over it
            return int(10 * training.done) > int(10 * self.plan.done(0, training.seconds - self.lasted))
        return training.step % every == 0 or training.done >= 1

    def _measure(self) -> Record:
        """Measure the averaged weights on what was held out, shared out among the processes."""
        training, validation = self.training, self.recipe.validation
        rank, size = self.processes.rank, self.processes.size
        counting = training.counting(training.step - 1)
        with training.averaged() as model:
            made = (make() for make in self.data.held_out_batches()[rank::size])
            mine = [(training.loss_of(batch, counting), len(batch[0])) for batch in made]
            scores, samples = self._scores(Restorer(model, device=training.device, precision="fp32"))
        if self.processes.first:
            draw_samples(self.run, training.step, samples)
        losses = [loss for part in self.processes.gather(mine) for loss in part]
        mean = sum(loss * count for loss, count in losses) / sum(count for _, count in losses)
        training.history.append(("+".join(training.terms(counting)), mean))
        report = Report([s for part in self.processes.gather(scores) for s in part], validation.protocol)
        means = {f"{m.method}_{m.metric}": round(m.value, 4) for m in report.means() if math.isfinite(m.value)}
        record = {"step": training.step, "protocol": report.protocol, "held_out_loss": mean, **means}
        value = report.mean("model", validation.best)
        if value > training.best:
            training.best = value
            if self.processes.first:
                self.run.save_weights(self.run.best, training, self.data.name)
        logged = self._log(record)
        self.pace.skip()
        return logged

    def _scores(self, restorer: Restorer) -> tuple[list[Score], list[Sample]]:
        """Score this process's pairs, unrestored only once in a run, and keep some pictures to show."""
        validation = self.recipe.validation
        samples: list[Sample] = []
        metrics = tuple(dict.fromkeys(("psnr", "ssim", validation.best)))
        scores: list[Score] = []
        first = not self.unrestored
        for pair in self.data.pairs[self.processes.rank :: self.processes.size]:
            lq, gt = pair.load()
            restored = restorer.restore_tensor(lq)
            loaded = Pair(pair.name, lambda both=(lq, gt): both, pair.scale)  # type: ignore[misc]
            if first:
                self.unrestored += evaluate(baselines(pair.scale), [loaded], validation.protocol, metrics)
            done = {"model": lambda _, result=restored: result}
            scores += evaluate(done, [loaded], validation.protocol, metrics)
            if len(samples) < SHOWN:
                samples.append((lq, restored, gt))
        return [*self.unrestored, *scores], samples

    def _checkpoint(self) -> None:
        if self.processes.first:
            self.training.save(self.run.checkpoint)
        self.pace.skip()

    def _log(self, record: Record) -> Record:
        if self.processes.first:
            self.run.record(record)
            self.options.watch(record)
            if time.monotonic() - self.drawn > _REDRAWN_AFTER:
                draw_run(self.run, "running")
                self.drawn = time.monotonic()
        return record

    def _progress(self, record: Record) -> Progress:
        return Progress(self.training.step, self.plan.steps, self.training.done, record)


class _Pace:
    """How fast steps are taken, and how much of their time is spent waiting for data."""

    def __init__(self) -> None:
        self.mark = time.monotonic()
        self.steps, self.seconds, self.waited = 0, 0.0, 0.0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time of the block as waiting."""
        began = time.monotonic()
        yield
        self.waited += time.monotonic() - began

    def stepped(self) -> float:
        """Return the seconds since the last step, or since the last pause."""
        now = time.monotonic()
        lasted, self.mark = now - self.mark, now
        self.steps += 1
        self.seconds += lasted
        return lasted

    def skip(self) -> None:
        """Leave out what has happened since the last step."""
        self.mark = time.monotonic()

    def taken(self) -> Record:
        """Return steps per second and the share of time spent waiting since the last record."""
        record = {
            "steps_per_second": round(self.steps / max(self.seconds, 1e-9), 3),
            "waiting": round(self.waited / max(self.seconds, 1e-9), 3),
        }
        self.steps, self.seconds, self.waited = 0, 0.0, 0.0
        return record
