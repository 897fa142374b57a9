"""The training loop.

A run is a folder: ``recipe.json`` (the resolved recipe), ``log.jsonl`` (one record per line),
``checkpoint.safetensors`` (everything needed to go on) and, at the end, ``<recipe>.safetensors`` (the averaged weights
with their card). A run killed at any moment and resumed on the CPU ends with the same bytes as an uninterrupted one.
"""

from __future__ import annotations

import contextlib
import json
import math
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from imgrestore import __version__
from imgrestore.cards import Card
from imgrestore.datasets import Crops, Photos, load_photos
from imgrestore.devices import describe_device
from imgrestore.engine import Restorer
from imgrestore.errors import ComputeError, InputError, OutputError, UsageError, WeightsError
from imgrestore.evaluation import Pair, baselines, measure
from imgrestore.files import remove_leftovers, write_atomically
from imgrestore.models.contract import RestorationModel
from imgrestore.recipes.recipe import Recipe
from imgrestore.weights import build, load_weights, save_weights

CHECKPOINT = "checkpoint.safetensors"
LOG = "log.jsonl"


@dataclass(frozen=True)
class Progress:
    """One report of a running training.

    Attributes:
        step: Steps done.
        steps: Steps of the whole run.
        record: What was logged: loss and learning rate, or a validation; empty when nothing is new.
    """

    step: int
    steps: int
    record: dict[str, Any]


class Training:
    """A run: the network, its averaged copy, the optimiser, and the step they have reached."""

    def __init__(self, recipe: Recipe, device: torch.device, data: str = "") -> None:
        """Prepare step 0 of a run; ``data`` tells its data from any other."""
        torch.manual_seed(recipe.training.seed)
        self.recipe = recipe
        self.device = device
        self.data = data
        self.model = build(recipe.model_name, recipe.dimensions)
        self.model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = [parameter.detach().clone() for parameter in self.model.parameters()]
        self.optimizer = torch.optim.Adam(
            self.model.parameters(), lr=recipe.optimizer.learning_rate, betas=recipe.optimizer.betas
        )
        self.losses = recipe.losses()
        self.step = 0
        self.losses_since_log: list[float] = []

    def advance(self, lq: Tensor, gt: Tensor) -> float:
        """Take one optimiser step on a batch and return its loss.

        Raises:
            ComputeError: The loss is not a finite number.
        """
        settings = self.recipe.training
        lq = lq.to(self.device).contiguous(memory_format=torch.channels_last)
        gt = gt.to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=settings.precision == "bf16"):
            restored = self.model(lq)
        loss = torch.stack([weight * term(restored.float(), gt) for weight, term in self.losses]).sum()  # type: ignore[operator]
        value = float(loss.detach())
        if not math.isfinite(value):
            raise ComputeError(
                f"step {self.step}: the loss is {value}",
                hint="the last checkpoint is intact; lower optimizer.learning_rate and resume or start again",
            )
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe, self.step)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.optimizer.clip)
        self.optimizer.step()
        decay = min(settings.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(self.average, list(self.model.parameters()), 1 - decay)
        self.step += 1
        return value

    @contextlib.contextmanager
    def averaged(self) -> Iterator[RestorationModel]:
        """Lend the network with its averaged weights."""
        parameters: list[Tensor] = list(self.model.parameters())
        current = [parameter.detach().clone() for parameter in parameters]
        with torch.no_grad():
            torch._foreach_copy_(parameters, self.average)
        try:
            yield self.model
        finally:
            with torch.no_grad():
                torch._foreach_copy_(parameters, current)

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
        self.average = [parameter.detach().clone() for parameter in self.model.parameters()]

    def save(self, path: Path) -> None:
        """Write everything needed to go on, all or nothing."""
        tensors = {f"model.{name}": t for name, t in self.model.state_dict().items()}
        tensors |= {f"average.{i}": t for i, t in enumerate(self.average)}
        for i, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{i}.{name}": t for name, t in state.items()}
        tensors["random"] = torch.get_rng_state()
        facts = {
            "step": str(self.step),
            "losses": json.dumps(self.losses_since_log),
            "recipe": fingerprint(self.recipe),
            "data": self.data,
        }
        cpu = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
        write_atomically(path, save(cpu, metadata=facts))

    def load(self, path: Path) -> None:
        """Go on from a checkpoint.

        Raises:
            WeightsError: The file is damaged.
        UsageError: It belongs to another recipe or other data.
        """
        try:
            with safe_open(path, "pt") as file:
                facts = file.metadata()
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        except (SafetensorError, OSError) as error:
            raise WeightsError(f"{path}: damaged checkpoint ({error})") from None
        for what, own in (("recipe", fingerprint(self.recipe)), ("data", self.data)):
            if facts[what] != own:
                raise UsageError(
                    f"{path}: was made with another {what}",
                    hint="resume with the --recipe, --set and --data that the run was started with",
                )
        self.model.load_state_dict({n.removeprefix("model."): t for n, t in tensors.items() if n.startswith("model.")})
        with torch.no_grad():
            for i, average in enumerate(self.average):
                average.copy_(tensors[f"average.{i}"])
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith("optimizer."):
                _, index, key = name.split(".")
                state.setdefault(int(index), {})[key] = tensor
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})
        torch.set_rng_state(tensors["random"])
        self.step = int(facts["step"])
        self.losses_since_log = json.loads(facts["losses"])


def learning_rate(recipe: Recipe, step: int) -> float:
    """Return the learning rate of a step: linear warm-up, then half a cosine down to its last value."""
    schedule, peak = recipe.schedule, recipe.optimizer.learning_rate
    if step < schedule.warmup:
        return peak * (step + 1) / schedule.warmup
    done = (step - schedule.warmup) / max(1, recipe.training.steps - schedule.warmup)
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    return peak * (schedule.final + (1 - schedule.final) * cosine)


def fingerprint(recipe: Recipe) -> str:
    """Return the recipe as canonical JSON: equal for equal runs."""
    return json.dumps(recipe.model_dump(mode="json"), sort_keys=True)


def train(
    recipe: Recipe,
    data: Path,
    run: Path,
    *,
    device: torch.device,
    resume: bool = False,
    start: Path | None = None,
    max_minutes: float = math.inf,
    stopped: Callable[[], bool] = lambda: False,
    warn: Callable[[str], None] = lambda line: None,
) -> Iterator[Progress]:
    """Train a recipe, reporting after every step.

    Args:
        recipe: What to train.
        data: Folder of photos, searched with its sub-folders.
        run: Folder of the run.
        device: Where to compute.
        resume: Go on from the folder's checkpoint instead of starting anew.
        start: Weights whose fitting numbers the run begins with.
        max_minutes: Stop with a checkpoint after this many minutes.
        stopped: Asked after every step; once it says True the run stops with a checkpoint.
        warn: Told of every file of the data that cannot be used.

    Yields:
        The state after each step, and once more when the weights of a finished run have been written.

    Raises:
        UsageError: The run folder already holds a run, or none to resume.
        InputError: The data cannot be used.
    """
    crops, pairs, data_name = _data(recipe, data, warn)
    training = Training(recipe, device, data_name)
    _open_run(training, run, resume, start)
    began, steps, losses = time.monotonic(), recipe.training.steps, training.losses_since_log
    while training.step < steps:
        losses.append(training.advance(*crops.at(training.step)))
        record: dict[str, Any] = {}
        if training.step % recipe.training.log_every == 0 or training.step == steps:
            rate = learning_rate(recipe, training.step - 1)
            record = {"step": training.step, "loss": sum(losses) / len(losses), "learning_rate": rate}
            losses.clear()
            _log(run, record)
        yield Progress(training.step, steps, record)
        if pairs and (training.step % recipe.validation.every == 0 or training.step == steps):
            validation = _validate(training, pairs)
            _log(run, validation)
            yield Progress(training.step, steps, validation)
        halt = stopped() or time.monotonic() - began > 60 * max_minutes
        if training.step % recipe.training.checkpoint_every == 0 or training.step == steps or halt:
            training.save(run / CHECKPOINT)
        if halt and training.step < steps:
            return
    _save_result(training, run)
    yield Progress(steps, steps, {})


def weights_path(recipe: Recipe, run: Path) -> Path:
    """Return where a finished run's weights are written."""
    return run / f"{recipe.name}.safetensors"


def _open_run(training: Training, run: Path, resume: bool, start: Path | None) -> None:
    checkpoint = run / CHECKPOINT
    remove_leftovers(run)
    if resume:
        if start is not None:
            raise UsageError("--resume goes on from a checkpoint, --start begins anew", hint="leave one out")
        if not checkpoint.is_file():
            raise UsageError(f"{run}: holds no checkpoint to resume", hint="leave out --resume to start a run")
        training.load(checkpoint)
        _cut_log(run, training.step)
        return
    if checkpoint.exists():
        raise UsageError(f"{run}: already holds a run", hint="add --resume to go on, or give another --run folder")
    if start is not None:
        training.start_from(start)
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{run}: cannot be made ({error.strerror})") from None
    write_atomically(run / "recipe.json", fingerprint(training.recipe).encode())
    (run / LOG).unlink(missing_ok=True)
    training.save(checkpoint)


def _data(recipe: Recipe, folder: Path, warn: Callable[[str], None]) -> tuple[Crops, list[Pair], str]:
    settings, scale = recipe.data, int(recipe.dimensions.get("scale", 1))
    side = Crops.side(settings.patch, settings.context, scale)
    photos: Photos = load_photos(folder, side, recipe.validation.images)
    for line in photos.skipped:
        warn(f"skipped {line}")
    degradations = recipe.degradations()
    crops = Crops(
        photos.training, degradations, settings.patch, settings.context, scale, settings.batch, recipe.training.seed
    )
    lq, gt = crops.at(0)
    if gt.shape[-1] != lq.shape[-1] * scale:
        raise InputError(
            f"recipe {recipe.name}: degraded crops are {lq.shape[-1]} pixels for {gt.shape[-1]}, not 1/{scale}",
            hint="the degradations must shrink by the model's scale",
        )
    pairs = [
        Pair.degraded(name, lambda pixels=pixels: pixels, degradations, scale)  # type: ignore[misc]
        for name, pixels in photos.held_out
    ]
    digest = zlib.crc32(repr([photo.shape for photo in photos.training]).encode())
    return crops, pairs, f"{folder.resolve().name} ({len(photos.training)} images, {digest:08x})"


def _validate(training: Training, pairs: list[Pair]) -> dict[str, Any]:
    protocol = training.recipe.validation.protocol
    with training.averaged() as model:
        restorer = Restorer(model, device=training.device, precision="fp32")
        methods = {**baselines(pairs[0].scale), "model": restorer.restore_tensor}
        report = measure(methods, pairs, protocol, metrics=("psnr", "ssim"))
        model.train()
    means = {f"{mean.method}_{mean.metric}": round(mean.value, 4) for mean in report.means()}
    return {"step": training.step, "protocol": protocol, **means}


def _save_result(training: Training, run: Path) -> None:
    recipe = training.recipe
    with training.averaged() as model:
        tensors = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    card = Card(
        model=recipe.model_name,
        dimensions=recipe.dimensions,
        recipe=recipe.model_dump(mode="json"),
        data=training.data.partition(", ")[0] + ")",
        licence=recipe.licence,
        version=__version__,
        steps=training.step,
        device=describe_device(training.device),
    )
    save_weights(weights_path(recipe, run), tensors, card)


def _log(run: Path, record: dict[str, Any]) -> None:
    with (run / LOG).open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def _cut_log(run: Path, step: int) -> None:
    """Drop records beyond the checkpoint: those steps are about to be taken again."""
    path = run / LOG
    if not path.exists():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines():
        with contextlib.suppress(ValueError):
            if json.loads(line)["step"] <= step:
                kept.append(line + "\n")
    write_atomically(path, "".join(kept).encode())
