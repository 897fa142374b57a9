"""What a run has come to, besides the numbers of its network, and the file that keeps both."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from imgrestore.errors import UsageError, WeightsError
from imgrestore.files import write_atomically
from imgrestore.recipes.recipe import Recipe, difference
from imgrestore.training.plan import Plan
from imgrestore.training.step import Step

_LAYOUT = 2
"""What a checkpoint holds; another number is another version's."""


@dataclass
class State:
    """A run between two steps.

    Attributes:
        step: Steps taken.
        seconds: Wall-clock time of the run, all of its pieces together.
        share: Share of the time of a run in minutes that is done.
        history: Losses on held-out images in this stage, see :data:`imgrestore.optimization.schedules.History`.
        best: The best measurement so far.
        measured: Steps taken when the run was last measured.
    """

    step: int = 0
    seconds: float = 0.0
    share: float = 0.0
    history: list[tuple[str, float]] = field(default_factory=list)
    best: float = -math.inf
    measured: int = 0


def save_checkpoint(path: Path, state: State, step: Step, data: str) -> None:
    """Write everything needed to go on, all or nothing.

    Args:
        path: The file.
        state: What the run has come to.
        step: What it trains.
        data: Tells the run's data from any other.
    """
    tensors = {f"model.{name}": tensor for name, tensor in step.model.state_dict().items()}
    if step.result is not step.model:
        tensors |= {f"result.{name}": tensor for name, tensor in step.result.state_dict().items()}
    for i, kept in step.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{i}.{name}": tensor for name, tensor in kept.items() if isinstance(tensor, Tensor)}
    tensors["sums"] = step.sums
    facts = {
        "layout": _LAYOUT,
        "state": asdict(state),
        "counting": step.counting,
        "summed": step.summed,
        "recipe": step.recipe.fingerprint(),
        "data": data,
    }
    cpu = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    write_atomically(path, save(cpu, metadata={"training": json.dumps(facts)}))


def load_checkpoint(path: Path, step: Step, plan: Plan, data: str) -> State:
    """Go on from a checkpoint.

    Args:
        path: The file.
        step: What is trained; it is put where the checkpoint left off.
        plan: The plan of the run.
        data: See :func:`save_checkpoint`.

    Raises:
        WeightsError: The file is damaged.
        UsageError: It belongs to another recipe, other data, another number of processes or an older version.
    """
    try:
        with safe_open(path, "pt") as file:
            facts = json.loads(file.metadata()["training"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path}: damaged checkpoint ({error})") from None
    _check(path, facts, step.recipe, data)
    state = State(**facts["state"])
    state.history = [(terms, loss) for terms, loss in state.history]
    step.model.load_state_dict(_part(tensors, "model"))
    step.enter(plan.stage(max(0, state.step - 1)))
    if step.result is not step.model:
        step.result.load_state_dict(_part(tensors, "result"))
    step.number.fill_(state.step)
    step.counting, step.summed, step.sums = tuple(facts["counting"]), facts["summed"], tensors["sums"].to(step.device)
    for name, tensor in _part(tensors, "optimizer").items():
        number, _, key = name.partition(".")
        parameter = step.trained[int(number)]
        step.optimizer.state[parameter][key] = _laid_out_like(parameter, tensor)
    return state


def _check(path: Path, facts: dict[str, object], recipe: Recipe, data: str) -> None:
    again = "begin a new run from its weights with --weights"
    if facts.get("layout") != _LAYOUT:
        raise UsageError(f"{path}: was made by another version of imgrestore", hint=again)
    for what, own in (("recipe", recipe.fingerprint()), ("data", data)):
        found = str(facts[what])
        if found != own:
            told = difference(json.loads(found), json.loads(own)) if what == "recipe" else found
            raise UsageError(
                f"{path}: was made with {'another' if what == 'recipe' else 'other'} {what} ({told})",
                hint=f"resume it as it began, or {again}",
            )


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) + 1 :]: tensor for name, tensor in tensors.items() if name.startswith(f"{prefix}.")}


def _laid_out_like(parameter: Tensor, kept: Tensor) -> Tensor:
    """Return an optimiser's tensor in the memory format of its parameter, which fused steps need."""
    if kept.shape != parameter.shape:
        return kept.to(parameter.device)
    return torch.empty_like(parameter).copy_(kept)
