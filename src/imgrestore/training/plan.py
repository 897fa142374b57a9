"""How long a run is: epochs and stages of a recipe become steps, once the data is known."""

from __future__ import annotations

import math
from dataclasses import dataclass

from imgrestore.errors import RecipeError
from imgrestore.models.contract import RestorationModel
from imgrestore.recipes.recipe import Recipe

MEASUREMENTS = 10
"""How often a run is measured if the recipe does not say."""


@dataclass(frozen=True)
class Stage:
    """A part of a run.

    Attributes:
        name: What is trained.
        first: Number of its first step, from 0.
        last: One past its last step, or None if time ends it.
        clustered: Whether clusters are found before it.
    """

    name: str
    first: int
    last: int | None
    clustered: bool = False


@dataclass(frozen=True)
class Plan:
    """The steps of a run.

    Attributes:
        stages: One after the other.
        samples: Samples in an epoch.
        samples_per_step: Samples that all processes together see in a step.
        minutes: Wall-clock time of the run, if that is what ends it.
        measured_every: Steps between measurements, or None if time ends the run and decides about them.
    """

    stages: tuple[Stage, ...]
    samples: int
    samples_per_step: int
    minutes: float | None
    measured_every: int | None

    @classmethod
    def of(cls, recipe: Recipe, samples: int, processes: int) -> Plan:
        """Work out the plan of a recipe.

        Args:
            recipe: What to train.
            samples: Samples in an epoch.
            processes: How many processes share the work.
        """
        training, validation = recipe.training, recipe.validation
        per_step = recipe.data.batch * recipe.optimizer.accumulate * processes
        steps = training.steps
        if training.epochs is not None:
            steps = math.ceil(training.epochs * samples / per_step)
        stages: list[Stage] = []
        clustered = False
        for name in training.stages:
            if name == "cluster":
                clustered = True
                continue
            first = stages[-1].last if stages else 0
            assert first is not None, "only a run of one stage is measured in minutes"
            stages.append(Stage(name, first, None if steps is None else first + steps, clustered))
            clustered = False
        every = validation.every
        if validation.every_epochs is not None:
            every = max(1, round(validation.every_epochs * samples / per_step))
        if stages[-1].last is None:
            every = None
        elif every is None:
            every = math.ceil(stages[-1].last / MEASUREMENTS)
        return cls(tuple(stages), samples, per_step, training.minutes, every)

    @property
    def steps(self) -> int | None:
        """Steps of the whole run, or None if time ends it."""
        return self.stages[-1].last

    def stage(self, step: int) -> Stage:
        """Return the stage that a step, counted from 0, belongs to."""
        return next((stage for stage in self.stages if stage.last is None or step < stage.last), self.stages[-1])

    def epoch(self, step: int) -> int:
        """Return the epoch, counted from 1, in which a step, counted from 0, takes its first sample."""
        return step * self.samples_per_step // self.samples + 1

    def first_step(self, epoch: int) -> int:
        """Return the first step, counted from 0, that belongs to an epoch, counted from 1."""
        return math.ceil((epoch - 1) * self.samples / self.samples_per_step)

    def done(self, step: int, share: float) -> float:
        """Return the share of the whole run that is done after some steps, and a share of its time if that ends it."""
        return share if self.steps is None else step / self.steps

    def done_of_stage(self, step: int, share: float) -> float:
        """Return the share of a step's stage that is done."""
        stage = self.stage(step)
        return share if stage.last is None else (step - stage.first) / (stage.last - stage.first)

    def measured_at(self, step: int) -> bool:
        """Return whether a run of a number of steps is measured after one of them."""
        return bool(self.measured_every) and step > 0 and (step % (self.measured_every or 1) == 0 or step == self.steps)


def check_stages(recipe: Recipe, model: RestorationModel) -> None:
    """Check that a model knows the stages of its recipe.

    Raises:
        RecipeError: It does not, or a stage of clustering does not come before another one.
    """
    stages = recipe.training.stages
    for name in stages:
        if name not in model.stages:
            known = ", ".join(model.stages)
            raise RecipeError(f"'training.stages': {recipe.model_name} has no stage {name!r}", hint=f"it has {known}")
    if stages[-1] == "cluster" or stages[0] != "joint":
        raise RecipeError("'training.stages': must begin with joint, and cluster must be followed by another stage")
