"""The training loop.

A run killed at any moment and resumed on the CPU ends with the same bytes as an uninterrupted one: the batches and the
random numbers of a step follow from the seed and the step, everything else is in the checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from imgrestore.datasets.gathered import Gathered, obstacle
from imgrestore.datasets.samples import Share
from imgrestore.engine.devices import is_out_of_memory
from imgrestore.errors import ComputeError
from imgrestore.recipes.recipe import Recipe
from imgrestore.training.clock import Clock
from imgrestore.training.data import TrainingData, read_data
from imgrestore.training.distributed import Processes, joined, local_device
from imgrestore.training.measuring import Measuring
from imgrestore.training.options import Options, Progress
from imgrestore.training.page import draw_run, draw_samples
from imgrestore.training.plan import MEASUREMENTS, Plan
from imgrestore.training.run import Record, Run
from imgrestore.training.state import State, load_checkpoint, save_checkpoint
from imgrestore.training.step import Step
from imgrestore.training.taking import FromLoader, OnDevice, Taking
from imgrestore.training.windows import Windows

_NAMED = 5
"""Files that cannot be used are named one by one up to this number."""

_CLUSTERED = 2**18
"""Clusters are found among this many samples at most."""

_MEASURING, _DRAWING, _SAVING = 0.03, 0.01, 0.01
"""Shares of the time that measuring, drawing the page and writing checkpoints may take where the clock decides."""

_REDRAWN_AFTER, _SAVED_AFTER = 15.0, 60.0
"""Seconds between two pages, and two checkpoints, at least."""


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
        warn: Told of every file of the data that cannot be used, of earlier weights that do not fit, and of what makes
            the run slower than it could be.
        say: Told what was taken over from earlier weights.

    Yields:
        The state after each step, and once more when the weights of a finished run have been written.

    Raises:
        UsageError: The run folder already holds a run, or none to resume.
        InputError: The data cannot be used.
        ComputeError: The loss became infinite or not a number, or another process died.
    """
    options = options or Options()
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
        loop.open(warn, say)
        yield from loop.steps(warn)


@dataclass(frozen=True)
class _Decision:
    """What all processes do after a step.

    Attributes:
        halt: Whether the run stops here.
        measure: Whether it is measured.
        save: Whether a checkpoint is written.
    """

    halt: bool
    measure: bool
    save: bool


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
        self.recipe, self.data, self.run, self.options = recipe, data, run, options
        self.processes, self.stopped = processes, stopped
        self.share = Share(data.samples, processes.rank, processes.size)
        self.plan = Plan.of(recipe, len(data.samples), processes.size)
        self.windows = Windows(recipe, self.plan)
        self.clock = Clock(self.plan.minutes, options.max_minutes, options.began)
        self.step = Step(recipe, self.plan.stage(0), processes.device, processes)
        self.state = State()
        self.measuring = Measuring(recipe, data, processes.device, processes)
        self.digest = f"{data.digest}, {processes.size} processes" if processes.size > 1 else data.digest
        self.logged = (0, 0.0, 0.0)

    def open(self, warn: Callable[[str], None], say: Callable[[str], None]) -> None:
        """Make the run ready for its next step; what does not fit together shows before anything is written."""
        step, options, costs = self.step, self.options, self.clock.costs
        if options.start and (taken := step.start_from(options.start)):
            (say if taken.whole else warn)(str(taken))
        if self.recipe.training.precision == "bf16" and not step.bf16:
            say("computing in float32: this processor has no bfloat16 of its own")
        with self._memory():
            if options.resume:
                self.state = load_checkpoint(self.run.checkpoint, step, self.plan, self.digest)
            else:
                self.windows.check()
                step.rehearse(self.share[0])
            costs["measure"], costs["final"] = self.measuring.expected(step.result)
        if self.processes.first:
            self.run.go_on(self.state.step) if options.resume else self.run.begin(self.recipe)
        self._checkpoint()
        costs["weights"] = costs["checkpoint"]
        self._draw("running")
        self.processes.wait()

    def steps(self, warn: Callable[[str], None]) -> Iterator[Progress]:
        """Take the steps that are left."""
        outcome = "stopped"
        try:
            with closing(self._taking(warn)) as taking:
                self.clock.start(self.state.seconds, self.state.share)
                self.logged = self.state.step, self.clock.working, taking.waited
                yield from self._train(taking)
            if self.done >= 1:
                if self.processes.first:
                    self.run.save_weights(self.run.weights, self.step, self.data.name, self.state.step)
                outcome = "finished"
        finally:
            self._draw(outcome)
        if outcome == "finished":
            self.processes.wait()
            yield self._progress({})

    @property
    def done(self) -> float:
        """Share of the run that is done."""
        return self.plan.done(self.state.step, self.state.share)

    def _taking(self, warn: Callable[[str], None]) -> Taking:
        """Return what takes the steps: on a GPU with data and all, if the data allows."""
        if self.step.device.type == "cuda":
            why = obstacle(self.data.samples)
            try:
                if not why:
                    return OnDevice(self.step, Gathered.of(self.share, self.step.device), warn)
            except torch.OutOfMemoryError:
                why = "the GPU has no room for the pictures"
            warn(f"batches are made on the CPU: {why}")
        return FromLoader(self.step, self.share, self.state.step, self.options.workers)

    def _train(self, taking: Taking) -> Iterator[Progress]:
        state = self.state
        if self.data.pairs and self.plan.measured_at(state.step) and state.measured < state.step:
            yield self._progress(self._measure())  # there was no time for it before the run stopped
        while self.done < 1:
            stage = self.plan.stage(state.step)
            if state.step == stage.first and state.step:
                self.step.next_stage(stage, self._clustered())
                state.history.clear()
            with self._memory():
                rate = self._learning_rate()
                self.step.prepare(state.step, self.windows.counting(state.step), rate)
                taking()
            state.step += 1
            if self.step.device.type == "cpu":  # elsewhere this would be waiting
                self.step.check()
            decision = self._decide()
            yield self._progress(self._losses(rate, taking.waited))
            if decision.measure:
                yield self._progress(self._measure())
            if decision.save:
                self._checkpoint()
            if self.processes.first and self.clock.due("page", _DRAWING, _REDRAWN_AFTER):
                self._draw("running")
            if decision.halt:
                return

    def _learning_rate(self) -> float:
        """Return the learning rate of the coming step."""
        state, stage = self.state, self.plan.stage(self.state.step)
        done = self.plan.done_of_stage(state.step, state.share)
        factor = self.recipe.schedule.factor(state.step - stage.first, done, state.history)
        return self.recipe.optimizer.learning_rate * factor

    def _decide(self) -> _Decision:
        """Settle what all processes do now, by the clock of the first one and by what any of them was asked."""
        state, clock, plan = self.state, self.clock, self.plan
        clock.stepped()
        state.seconds = clock.seconds
        by_step = plan.measured_at(state.step) and bool(self.data.pairs)
        told = [0.0] * 4
        if self.processes.first:
            now_and_then = clock.due("measure", _MEASURING, 60 * (plan.minutes or math.inf) / MEASUREMENTS)
            told = [
                clock.share,
                clock.late(*["measure"] * by_step),
                now_and_then and clock.share < 1 - 0.5 / MEASUREMENTS and not clock.late("measure"),
                clock.due("checkpoint", _SAVING, _SAVED_AFTER),
            ]
        state.share, late, by_time, due, asked = self.processes.agree(*told, self.stopped())
        ends, every = self.done >= 1, self.recipe.training.checkpoint_every
        halt = bool(late or asked)
        measure = bool(self.data.pairs) and (ends or (not halt and bool(by_step or by_time)))
        save = state.step % every == 0 if every else bool(due)
        return _Decision(halt, measure, save or ends or halt)

    def _losses(self, rate: float, waited: float) -> Record:
        """Return a record of the losses since the last one if it is time for one."""
        step, state, clock = self.step, self.state, self.clock
        if state.step % self.recipe.training.log_every and self.done < 1:
            return {}
        means = step.read()
        record: Record = {"step": state.step, "epoch": self.plan.epoch(state.step - 1)}
        record |= {"loss": sum(means), "learning_rate": rate}
        if len(means) > 1:
            record["terms"] = dict(zip(self.windows.terms(step.counting), means, strict=True))
        if len(self.plan.stages) > 1:
            record["stage"] = self.plan.stage(state.step - 1).name
        now = state.step, clock.working, waited
        steps, seconds, waiting = (after - before for after, before in zip(now, self.logged, strict=True))
        self.logged = now
        record["steps_per_second"] = round(steps / max(seconds, 1e-9), 3)
        record["waiting"] = round(waiting / max(seconds, 1e-9), 3)
        return self._log(record | {"minutes": round(clock.seconds / 60, 3)})

    def _measure(self) -> Record:
        """Measure what the steps have come to."""
        step, state, best = self.step, self.state, self.recipe.validation.best
        step.check()
        counting = self.windows.counting(state.step - 1)
        with self.clock.aside("final" if self.done >= 1 else "measure"), self._memory():
            found = self.measuring(step.result, counting, last=self.done >= 1)
            if self.processes.first:
                draw_samples(self.run, state.step, found.samples)
        state.history.append(("+".join(self.windows.terms(counting)), found.loss))
        state.measured = state.step
        value = found.report.mean("model", best)
        if value > state.best:
            state.best = value
            if self.processes.first:
                self.run.save_weights(self.run.best, step, self.data.name, state.step)
        return self._log({"step": state.step, **found.record()})

    def _checkpoint(self) -> None:
        self.step.check()
        with self.clock.aside("checkpoint"):
            if self.processes.first:
                save_checkpoint(self.run.checkpoint, self.state, self.step, self.digest)
                self.run.save_weights(self.run.latest, self.step, self.data.name, self.state.step)

    def _draw(self, outcome: str) -> None:
        with self.clock.aside("page"):
            if self.processes.first:
                draw_run(self.run, outcome)

    def _clustered(self) -> Iterator[Tensor]:
        """Give the low-quality images of samples drawn from all pictures; the same in every process."""
        samples, size = self.data.samples, self.recipe.data.batch
        count = min(len(samples), _CLUSTERED)
        for start in range(0, count, size):
            yield samples.batch(range(start, min(start + size, count)))[0].to(self.step.device)

    @contextmanager
    def _memory(self) -> Iterator[None]:
        """Tell of memory that runs out in words."""
        try:
            yield
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise ComputeError(
                f"step {self.state.step + 1}: out of memory",
                hint="a smaller data.batch needs less, and optimizer.accumulate makes up for it",
            ) from error

    def _log(self, record: Record) -> Record:
        if self.processes.first:
            self.run.record(record)
            self.options.watch(record)
        return record

    def _progress(self, record: Record) -> Progress:
        return Progress(self.state.step, self.plan.steps, self.done, record)
