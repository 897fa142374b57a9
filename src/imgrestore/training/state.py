"""A run in memory: the network, its averaged copy, the optimiser, and the step they have reached."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from imgrestore.datasets.samples import Batch
from imgrestore.distributed import Processes
from imgrestore.errors import ComputeError, RecipeError, UsageError, WeightsError
from imgrestore.files import write_atomically
from imgrestore.models.contract import RestorationModel
from imgrestore.recipes.recipe import Recipe, difference
from imgrestore.training.objective import Objective
from imgrestore.training.plan import Plan, Stage, check_stages
from imgrestore.weights import build, load_weights


class Training:
    """A run between two steps.

    Attributes:
        model: The network.
        average: Running means of its parameters, which are the result; the parameters themselves without averaging.
        step: Steps taken.
        seconds: Wall-clock time spent, over all pieces of the run.
        history: Losses on held-out images in this stage, see :data:`imgrestore.schedules.History`.
        best: The best measurement so far.
        losses: Loss terms of the steps since the last record, each as the mean over all processes.
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
        self.model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.objective = Objective(self.model, recipe.loss, recipe.training.precision == "bf16")
        self.step = 0
        self.seconds = 0.0
        self.history: list[tuple[str, float]] = []
        self.best = -math.inf
        self.losses: list[list[float]] = []
        self._enter(plan.stage(0))

    def _enter(self, stage: Stage) -> None:
        """Begin a stage, or come back to it: its own optimiser, and nothing trained that the stage does not train."""
        self.model.enter(stage.name)
        self.model.train()
        self.trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.optimizer = self.recipe.optimizer.build(self.trained)
        self.average = [parameter.detach().clone() for parameter in self.model.parameters()] if self._averages else []
        several = len(self.plan.stages) > 1
        module = self.processes.share(self.objective, self.device, several)
        self._module = torch.compile(module) if self.compiled else module

    def next_stage(self) -> Stage:
        """Enter the stage that the coming step belongs to, with fresh optimiser and schedule."""
        stage = self.plan.stage(self.step)
        self.history.clear()
        self._enter(stage)
        return stage

    @property
    def stage(self) -> Stage:
        """The stage that the coming step belongs to; the last one when all are done."""
        return self.plan.stage(self.step)

    @property
    def _averages(self) -> bool:
        return self.recipe.training.ema > 0

    @property
    def counting(self) -> tuple[int, ...]:
        """Numbers of the losses that count in the coming step."""
        step, epoch = self.step + 1, self.plan.epoch(self.step)
        losses = enumerate(self.recipe.loss)
        counting = tuple(i for i, loss in losses if loss.counts(step, epoch, self.stage.name))
        if not counting:
            raise RecipeError(f"step {step}: no loss counts", hint="look at stage, from_… and to_… of its losses")
        return counting

    @property
    def terms(self) -> str:
        """Names of the losses that count in the coming step, for the history and the log."""
        return "+".join(self.recipe.loss[i].kind for i in self.counting)

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
            ComputeError: The loss is not a finite number, in any process; nothing has changed then.
            RecipeError: No loss counts in this step, or one of them needs an output that the model does not give.
        """
        self._seed()
        self.optimizer.zero_grad()
        counting = self.counting
        total = torch.zeros(len(counting), device=self.device)
        for i, batch in enumerate(batches):
            with self._synchronised(last=i + 1 == len(batches)):
                terms = self._module(*self._moved(batch), counting)
                (terms.sum() / len(batches)).backward()
            total += terms.detach() / len(batches)
        values = self.processes.mean(total).tolist()
        if not math.isfinite(sum(values)):
            raise ComputeError(f"step {self.step + 1}: the loss is {sum(values)}")
        optimizer = self.recipe.optimizer
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate
        if optimizer.clip:
            nn.utils.clip_grad_norm_(self.trained, optimizer.clip)
        self.optimizer.step()
        self._follow()
        self.step += 1
        self.losses.append(values)
        return float(sum(values))

    def loss_of(self, batch: Batch) -> float:
        """Return the loss of a batch without learning from it."""
        self.model.eval()
        with torch.no_grad():
            value = float(self.objective(*self._moved(batch), self.counting).sum())
        self.model.train()
        return value

    def _seed(self) -> None:
        """Let a step's random numbers (dropout, sampled codes) depend on the step and the process alone."""
        torch.manual_seed(hash((self.recipe.training.seed, self.step, self.processes.rank)))

    def _moved(self, batch: Batch) -> Batch:
        lq, gt = (images.to(self.device, non_blocking=True) for images in batch)
        return lq.contiguous(memory_format=torch.channels_last), gt

    def _synchronised(self, last: bool) -> contextlib.AbstractContextManager[None]:
        """Exchange gradients only with the last of several accumulated batches."""
        if last or not isinstance(self._module, nn.parallel.DistributedDataParallel):
            return contextlib.nullcontext()
        return self._module.no_sync()

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

    def start_from(self, path: Path) -> None:
        """Take over all numbers of earlier weights that fit in name and shape.

        Raises:
            WeightsError: Nothing fits.
        """
        earlier = load_weights(path)[0].state_dict()
        own = self.model.state_dict()
        fitting = {name: t for name, t in earlier.items() if name in own and own[name].shape == t.shape}
        if not fitting:
            raise WeightsError(f"{path}: nothing in it fits {self.recipe.model_name}")
        self.model.load_state_dict(own | fitting)
        self._enter(self.stage)

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
        for what, own in (("recipe", self.recipe.fingerprint()), ("data", self.data)):
            if facts[what] != own:
                told = difference(json.loads(facts[what]), json.loads(own)) if what == "recipe" else facts[what]
                raise UsageError(
                    f"{path}: was made with another {what} ({told})",
                    hint="resume it as it began, or begin a new run from its weights with --weights",
                )
        self.step, self.seconds, self.best = facts["step"], facts["seconds"], facts["best"]
        self.history = [(terms, loss) for terms, loss in facts["history"]]
        self.losses = facts["losses"]
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
                state.setdefault(int(index), {})[key] = tensor
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})
