"""Which losses count when."""

from __future__ import annotations

from dataclasses import dataclass

from imgrestore.errors import RecipeError
from imgrestore.recipes.recipe import Recipe
from imgrestore.training.plan import Plan


@dataclass(frozen=True)
class Windows:
    """The losses of a recipe over the steps of a plan."""

    recipe: Recipe
    plan: Plan

    def counting(self, step: int) -> tuple[int, ...]:
        """Return the numbers of the losses that count in a step, counted from 0."""
        epoch, stage = self.plan.epoch(step), self.plan.stage(step).name
        return tuple(i for i, loss in enumerate(self.recipe.loss) if loss.counts(step + 1, epoch, stage))

    def terms(self, counting: tuple[int, ...]) -> list[str]:
        """Return names of losses: their kinds, with their numbers where a recipe has several of a kind."""
        kinds = [loss.kind for loss in self.recipe.loss]
        return [kinds[i] if kinds.count(kinds[i]) == 1 else f"{kinds[i]}-{i}" for i in counting]

    def check(self) -> None:
        """Check that some loss counts in every step, and that every loss would in some step of a run without end.

        Raises:
            RecipeError: There is a step without a loss, or a loss that can never count.
        """
        plan, steps = self.plan, self.plan.steps or 2**62
        turns = {0, *(stage.first for stage in plan.stages)}
        for loss in self.recipe.loss:
            turns |= {loss.from_step - 1, plan.first_step(loss.from_epoch)}
            turns |= {loss.to_step} if loss.to_step else set()
            turns |= {plan.first_step(loss.to_epoch + 1)} if loss.to_epoch else set()
        used: set[int] = set()
        hint = f"look at stage, from_… and to_… of the losses; the stages are {', '.join(s.name for s in plan.stages)}"
        for step in sorted(turns):
            counting = self.counting(step)
            used |= set(counting)
            if not counting and step < steps:
                raise RecipeError(f"step {step + 1}: no loss counts", hint=hint)
        for i, loss in enumerate(self.recipe.loss):
            if i not in used:
                raise RecipeError(f"'loss.{i}' ({loss.kind}) never counts", hint=hint)
