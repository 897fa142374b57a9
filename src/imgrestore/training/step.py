"""A step: from batches to changed weights, with nothing that the host would have to wait for.

Everything that a step reads or changes lies on the device as tensors: its number, the learning rate, the sums of the
losses, and whether something was not a finite number. A step with such a loss or gradient changes nothing, nor does any
after it; its number is kept until the host asks. So steps can be taken ahead of the host, or by a CUDA graph.
"""

from __future__ import annotations

import contextlib
import copy
import math
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from imgrestore.datasets.samples import Batch
from imgrestore.engine.devices import forbid_tf32, native_bfloat16
from imgrestore.errors import ComputeError
from imgrestore.models.contract import RestorationModel
from imgrestore.recipes.recipe import Recipe
from imgrestore.training.beginning import Taken, take_over
from imgrestore.training.distributed import Processes
from imgrestore.training.objective import Objective
from imgrestore.training.plan import Stage, check_stages
from imgrestore.weights.storage import build


class Step:
    """A network on its device, and what changes it.

    Attributes:
        model: The network.
        result: The network with running means of its weights and statistics; without averaging, the network itself.
        number: Steps taken, () int64 on the device.
        sums: Sums of the losses that count over ``summed`` steps, (losses,) float64 on the device.
        counting: Numbers of the losses that are summed.
        summed: Steps since the last reading, or since other losses began to count.
    """

    def __init__(self, recipe: Recipe, stage: Stage, device: torch.device, processes: Processes | None = None) -> None:
        """Prepare step 0.

        Args:
            recipe: What to train.
            stage: The first one.
            device: Where to compute.
            processes: Who shares the work.
        """
        torch.manual_seed(recipe.training.seed)
        self.recipe, self.device, self.processes = recipe, device, processes or Processes()
        self.model = build(recipe.model_name, recipe.dimensions)
        check_stages(recipe, self.model)
        forbid_tf32()
        torch.backends.cudnn.benchmark = True
        self.model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.number = torch.zeros((), dtype=torch.int64, device=device)
        self._bad, self._found = self.number.clone(), torch.zeros((), device=device)
        self._told = torch.zeros(2, device=device)
        self._rate, self._follows = torch.zeros((), device=device), torch.zeros((), device=device)
        self.counting: tuple[int, ...] = ()
        self.sums, self.summed = torch.zeros(0, dtype=torch.float64, device=device), 0
        self.enter(stage)

    @property
    def bf16(self) -> bool:
        """Whether the network computes in bfloat16: where the recipe says so and the device does it by itself."""
        return self.recipe.training.precision == "bf16" and native_bfloat16(self.device)

    def enter(self, stage: Stage) -> None:
        """Begin a stage, or come back to it: its own optimiser, and nothing trained that the stage does not train."""
        self.stage = stage
        self.model.enter(stage.name)
        self.model.train()
        self.trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.optimizer = self.recipe.optimizer.build(self.trained, self._rate)
        self.optimizer.found_inf = self._found  # type: ignore[attr-defined]
        self.result: RestorationModel = self.model
        if self.recipe.training.ema:
            self.result = copy.deepcopy(self.model).requires_grad_(False)
        own, running = list(self.model.state_dict().values()), list(self.result.state_dict().values())
        averaged = [number for number, tensor in enumerate(own) if tensor.is_floating_point()]
        self._own, self._running = [own[i] for i in averaged], [running[i] for i in averaged]
        self._counts = [pair for pair in zip(running, own, strict=True) if not pair[0].is_floating_point()]
        objective = Objective(self.model, self.recipe.loss, self.bf16)
        self._objective = self.processes.share(objective, partly_used=len(self.recipe.training.stages) > 1)

    def next_stage(self, stage: Stage, samples: Iterable[Tensor]) -> None:
        """Enter a further stage with a fresh optimiser; it builds on the averages, the result of the one before.

        Args:
            stage: The stage.
            samples: Low-quality images (N, C, H, W) in which clusters are found, if the stage asks for that.
        """
        self.model.load_state_dict(self.result.state_dict())
        if stage.clustered:
            self.model.cluster(samples)
        self.enter(stage)

    def start_from(self, path: Path) -> Taken:
        """Begin with earlier weights, as far as they fit; see :func:`take_over`."""
        taken = take_over(self.model, path)
        self.enter(self.stage)
        return taken

    def prepare(self, step: int, counting: tuple[int, ...], rate: float) -> None:
        """Tell the device what the coming step needs to know; random numbers depend on the step and the process alone.

        Args:
            step: Its number, counted from 0.
            counting: Numbers of the losses that count in it.
            rate: The learning rate.
        """
        seed = f"{self.recipe.training.seed} {step} {self.processes.rank}"
        torch.manual_seed(zlib.crc32(seed.encode()))
        if counting != self.counting:
            self.counting, self.summed = counting, 0
            self.sums = torch.zeros(len(counting), dtype=torch.float64, device=self.device)
        self.summed += 1
        self._rate.fill_(rate)
        taken = step - self.stage.first + 1  # the average follows faster in the beginning, when there is little of it
        self._follows.fill_(1 - min(self.recipe.training.ema, (1 + taken) / (10 + taken)))

    def take(self, batches: Sequence[Batch]) -> None:
        """Take the step that was prepared.

        Args:
            batches: As many as the recipe accumulates, on the CPU or on the device.
        """
        self.optimizer.zero_grad()
        statistics = list(self.model.buffers())
        before = [buffer.clone() for buffer in statistics]
        total = torch.zeros(len(self.counting), device=self.device)
        for i, batch in enumerate(batches):
            with self._synchronised(last=i + 1 == len(batches)):
                terms = self._objective(*moved(batch, self.device), self.counting)
                (terms.sum() / len(batches)).backward()
            total += terms.detach() / len(batches)
        norm = nn.utils.get_total_norm([weight.grad for weight in self.trained if weight.grad is not None])
        values = self.processes.mean(torch.cat([total, norm[None]]))
        self.number += 1
        self._judge(values)
        if clip := self.recipe.optimizer.clip:
            nn.utils.clip_grads_with_norm_(self.trained, clip, norm)
        self.optimizer.step()
        for buffer, old in zip(statistics, before, strict=True):
            buffer.copy_(torch.where(self._found > 0, old, buffer))
        self._follow()
        self.sums += values[:-1]

    def _judge(self, values: Tensor) -> None:
        """Look for losses and lengths of gradients that are no finite numbers, and remember the first of them."""
        first = ~values.isfinite().all() & (self._bad == 0)
        self._bad.copy_(torch.where(first, self.number, self._bad))
        self._told.copy_(torch.where(first, torch.stack([values[:-1].sum(), values[-1]]), self._told))
        self._found.copy_(self._bad > 0)

    @torch.no_grad()
    def _follow(self) -> None:
        """Let the averages follow the weights and statistics, unless the step changed nothing."""
        if self.result is self.model:
            return
        missing = torch._foreach_sub(self._own, self._running)
        torch._foreach_mul_(missing, self._follows * (1 - self._found))
        torch._foreach_add_(self._running, missing)
        for running, own in self._counts:
            running.copy_(own)

    def _synchronised(self, last: bool) -> contextlib.AbstractContextManager[None]:
        """Exchange gradients only with the last of several accumulated batches."""
        if last or not isinstance(self._objective, nn.parallel.DistributedDataParallel):
            return contextlib.nullcontext()
        return self._objective.no_sync()

    def check(self) -> None:
        """Wait for the device to say whether all losses and gradients were finite.

        Raises:
            ComputeError: In some step, in any process, one was not; nothing has changed since.
        """
        if not (bad := int(self._bad)):
            return
        loss, norm = self._told.tolist()
        what, value = ("length of the gradient", norm) if math.isfinite(loss) else ("loss", loss)
        raise ComputeError(
            f"step {bad}: the {what} is {value}",
            hint="lower optimizer.learning_rate; the weights are those before that step, whose batch can be made again "
            "(docs/training.md)",
        )

    def read(self) -> list[float]:
        """Return the mean of each loss that counts since the last reading, and begin anew; waits for the device.

        Raises:
            ComputeError: See :meth:`check`.
        """
        self.check()
        means: list[float] = (self.sums / max(1, self.summed)).tolist()
        self.sums.zero_()
        self.summed = 0
        return means

    def rehearse(self, batch: Batch) -> float:
        """Return the loss of a batch, made of all terms, to find out whether everything fits together.

        Raises:
            RecipeError: It does not.
        """
        objective = Objective(self.model.eval(), self.recipe.loss, self.bf16)
        with torch.no_grad():
            value = float(objective(*moved(batch, self.device), tuple(range(len(self.recipe.loss)))).sum())
        self.model.train()
        return value


def moved(batch: Batch, device: torch.device) -> Batch:
    """Return a batch on a device, in the memory format that convolutions like."""
    lq, gt = (images.to(device) for images in batch)
    return lq.contiguous(memory_format=torch.channels_last), gt
