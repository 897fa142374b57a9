"""A run in memory: the network, its averaged copy, the optimiser, and the step they have reached."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from imgrestore.datasets.samples import Batch
from imgrestore.devices import forbid_tf32
from imgrestore.distributed import Processes
from imgrestore.errors import ComputeError, RecipeError, UsageError, WeightsError
from imgrestore.files import write_atomically
from imgrestore.models.contract import RestorationModel
from imgrestore.recipes.recipe import Recipe, difference
from imgrestore.training.beginning import Taken, take_over
from imgrestore.training.objective import Objective
from imgrestore.training.plan import Plan, Stage, check_stages
from imgrestore.weights import build


class Training:
    """A run between two steps.

    Attributes:
        model: The network.
        average: Running means of its parameters, which are the result; the parameters themselves without averaging.
        step: Steps taken.
        seconds: Wall-clock time spent, over all pieces of the run.
        history: Losses on held-out images in this stage, see :data:`imgrestore.schedules.History`.
        best: The best measurement so far.
        losses: Of the steps since the last record, which losses counted and their terms, as means over all processes.
    """

    def __init__(
        self,
        recipe: Recipe,
        plan: Plan,
        device: torch.device,
        processes: Processes | None = None,
        *,
        data: str = "",
        compiled: bool = False,
    ) -> None:
        """Prepare step 0 of a run.

        Args:
            recipe: What to train.
            plan: How long.
            device: Where to compute.
            processes: Who shares the work.
            data: Tells the run's data from any other.
            compiled: Whether the step is compiled first.
        """
        torch.manual_seed(recipe.training.seed)
        self.recipe, self.plan, self.device = recipe, plan, device
        self.processes = processes or Processes()
        self.data = f"{data}, {self.processes.size} processes" if self.processes.size > 1 else data
        self.compiled = compiled
        self.model = build(recipe.model_name, recipe.dimensions)
        check_stages(recipe, self.model)
        forbid_tf32()
        self.model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.objective = Objective(self.model, recipe.loss, recipe.training.precision == "bf16")
        self.step = 0
        self.seconds = 0.0
        self.history: list[tuple[str, float]] = []
        self.best = -math.inf
        self.losses: list[tuple[tuple[int, ...], list[float]]] = []
        self._enter(plan.stage(0))

    def _enter(self, stage: Stage) -> None:
        """Begin a stage, or come back to it: its own optimiser, and nothing trained that the stage does not train."""
        self.model.enter(stage.name)
        self.model.train()
        self.trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.optimizer = self.recipe.optimizer.build(self.trained)
        self.average = [parameter.detach().clone() for parameter in self.model.parameters()] if self._averages else []
        self._shared = self.processes.share(self.objective, partly_used=len(self.plan.stages) > 1)
        self._module = torch.compile(self._shared) if self.compiled else self._shared

    def next_stage(self, samples: Iterable[Tensor]) -> None:
        """Enter the stage that the coming step belongs to, with fresh optimiser and schedule.

        It builds on the averaged weights, which are the result of the stage before.

        Args:
            samples: Low-quality images (N, C, H, W) in which clusters are found, if the stage asks for that.
        """
        stage = self.plan.stage(self.step)
        if self._averages:
            with torch.no_grad():
                torch._foreach_copy_(list(self.model.parameters()), self.average)
        if stage.clustered:
            self.model.cluster(samples)
        self.history.clear()
        self._enter(stage)

    @property
    def stage(self) -> Stage:
        """The stage that the coming step belongs to; the last one when all are done."""
        return self.plan.stage(self.step)

    @property
    def _averages(self) -> bool:
        return self.recipe.training.ema > 0

    def counting(self, step: int) -> tuple[int, ...]:
        """Return the numbers of the losses that count in a step, counted from 0."""
        epoch, stage = self.plan.epoch(step), self.plan.stage(step).name
        return tuple(i for i, loss in enumerate(self.recipe.loss) if loss.counts(step + 1, epoch, stage))

    def terms(self, counting: tuple[int, ...]) -> list[str]:
        """Return names of losses: their kinds, with their numbers where a recipe has several of a kind."""
        kinds = [loss.kind for loss in self.recipe.loss]
        return [kinds[i] if kinds.count(kinds[i]) == 1 else f"{kinds[i]}-{i}" for i in counting]

    def check_windows(self) -> None:
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

    @property
    def done(self) -> float:
        """Share of the run that is done."""
        return self.plan.done(self.step, self.seconds)

    @property
    def learning_rate(self) -> float:
        """Learning rate of the coming step."""
        step = self.step - self.stage.first
        done = self.plan.done_of_stage(self.step, self.seconds)
        return self.recipe.optimizer.learning_rate * self.recipe.schedule.factor(step, done, self.history)

    def advance(self, batches: Sequence[Batch]) -> float:
        """Take one optimiser step and return its loss.

        Args:
            batches: As many as the recipe accumulates, on the CPU or on the device.

        Raises:
            ComputeError: The loss or its gradient is not a finite number, in any process; nothing has changed then.
        """
        self._seed()
        self.optimizer.zero_grad()
        counting = self.counting(self.step)
        total = torch.zeros(len(counting), device=self.device)
        for i, batch in enumerate(batches):
            with self._synchronised(last=i + 1 == len(batches)):
                terms = self._module(*self._moved(batch), counting)
                (terms.sum() / len(batches)).backward()
            total += terms.detach() / len(batches)
        norm = nn.utils.get_total_norm([weight.grad for weight in self.trained if weight.grad is not None])
        *values, length = self.processes.mean(torch.cat([total, norm[None]])).tolist()
        for what, value in (("loss", sum(values)), ("length of the gradient", length)):
            if not math.isfinite(value):
                raise ComputeError(f"step {self.step + 1}: the {what} is {value}")
        if clip := self.recipe.optimizer.clip:
            nn.utils.clip_grads_with_norm_(self.trained, clip, norm)
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate
        self.optimizer.step()
        self._follow()
        self.step += 1
        self.losses.append((counting, values))
        return float(sum(values))

    def loss_of(self, batch: Batch, counting: tuple[int, ...]) -> float:
        """Return the loss of a batch, made of some of the terms, without learning from it."""
        self.model.eval()
        with torch.no_grad():
            value = float(self.objective(*self._moved(batch), counting).sum())
        self.model.train()
        return value

    def rehearse(self, batch: Batch) -> float:
        """Put a batch through the network and all losses, to find out whether everything fits together.

        Raises:
            RecipeError: It does not.
        """
        self.check_windows()
        return self.loss_of(batch, tuple(range(len(self.recipe.loss))))

    def _seed(self) -> None:
        """Let a step's random numbers (dropout, sampled codes) depend on the step and the process alone."""
        torch.manual_seed(hash((self.recipe.training.seed, self.step, self.processes.rank)))

    def _moved(self, batch: Batch) -> Batch:
        lq, gt = (images.to(self.device, non_blocking=True) for images in batch)
        return lq.contiguous(memory_format=torch.channels_last), gt

    def _synchronised(self, last: bool) -> contextlib.AbstractContextManager[None]:
        """Exchange gradients only with the last of several accumulated batches."""
        if last or not isinstance(self._shared, nn.parallel.DistributedDataParallel):
            return contextlib.nullcontext()
        return self._shared.no_sync()

    def _follow(self) -> None:
        """Let the averaged weights follow; faster in the beginning, when there is little to average."""
        if self._averages:
            step = self.step - self.stage.first
            decay = min(self.recipe.training.ema, (1 + step) / (10 + step))
            with torch.no_grad():
                torch._foreach_lerp_(self.average, list(self.model.parameters()), 1 - decay)

    @contextlib.contextmanager
    def averaged(self) -> Iterator[RestorationModel]:
        """Lend the network with its averaged weights."""
        parameters: list[Tensor] = list(self.model.parameters()) if self._averages else []
        current = [parameter.detach().clone() for parameter in parameters]
        with torch.no_grad():
            if parameters:
                torch._foreach_copy_(parameters, self.average)
        try:
            yield self.model
        finally:
            with torch.no_grad():
                if parameters:
                    torch._foreach_copy_(parameters, current)
            self.model.train()

    def start_from(self, path: Path) -> Taken:
        """Begin with earlier weights, as far as they fit; see :func:`take_over`."""
        taken = take_over(self.model, path)
        self._enter(self.stage)
        return taken

    def save(self, path: Path) -> None:
        """Write everything needed to go on, all or nothing."""
        tensors = {f"model.{name}": t for name, t in self.model.state_dict().items()}
        tensors |= {f"average.{i}": t for i, t in enumerate(self.average)}
        for i, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{i}.{name}": t for name, t in state.items() if isinstance(t, Tensor)}
        facts = {
            "step": self.step,
            "seconds": self.seconds,
            "history": self.history,
            "best": self.best,
            "losses": self.losses,
            "recipe": self.recipe.fingerprint(),
            "data": self.data,
        }
        cpu = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
        write_atomically(path, save(cpu, metadata={"training": json.dumps(facts)}))

    def load(self, path: Path) -> None:
        """Go on from a checkpoint.

        Raises:
            WeightsError: The file is damaged.
            UsageError: It belongs to another recipe, other data or another number of processes.
        """
        try:
            with safe_open(path, "pt") as file:
                facts = json.loads(file.metadata()["training"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise WeightsError(f"{path}: damaged checkpoint ({error})") from None
        facts["recipe"] = json.dumps({**json.loads(facts["recipe"]), "summary": ""}, sort_keys=True)  # once it was kept
        for what, own in (("recipe", self.recipe.fingerprint()), ("data", self.data)):
            if facts[what] != own:
                told = difference(json.loads(facts[what]), json.loads(own)) if what == "recipe" else facts[what]
                raise UsageError(
                    f"{path}: was made with {'another' if what == 'recipe' else 'other'} {what} ({told})",
                    hint="resume it as it began, or begin a new run from its weights with --weights",
                )
        self.step, self.seconds, self.best = facts["step"], facts["seconds"], facts["best"]
        self.history = [(terms, loss) for terms, loss in facts["history"]]
        self.losses = [(tuple(counting), values) for counting, values in facts["losses"]]
        self.model.load_state_dict({n.removeprefix("model."): t for n, t in tensors.items() if n.startswith("model.")})
        last = self.plan.stage(self.step - 1) if self.step else self.stage
        self._enter(last)
        with torch.no_grad():
            for i, average in enumerate(self.average):
                average.copy_(tensors[f"average.{i}"])
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith("optimizer."):
                _, index, key = name.split(".")
                state.setdefault(int(index), {})[key] = _laid_out_like(self.trained[int(index)], tensor)
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})


def _laid_out_like(parameter: Tensor, state: Tensor) -> Tensor:
    """Return an optimiser's tensor in the memory format of its parameter, which keeps its steps quick."""
    return torch.empty_like(parameter).copy_(state) if state.shape == parameter.shape else state
