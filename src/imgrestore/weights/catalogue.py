"""Which model, weights and network scale a request means. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from imgrestore.errors import UnknownNameError, UsageError, WeightsError, nearest
from imgrestore.files import content_hash
from imgrestore.parts import registry
from imgrestore.parts.registry import ModelEntry
from imgrestore.weights.cards import Card, comes_with_package, read_card, shipped

_PICKLED = (".pth", ".pt", ".ckpt", ".bin", ".pkl", ".onnx")
"""Endings of weights in formats that are not read."""

DEFAULT_MODELS = {"upscale": "resnet-sr", "denoise": "resnet-denoise", "deblur": "resnet-deblur"}
"""The model that does a task when none is named, where weights for it are shipped."""

PAPER_MODELS = {
    "block-ae": "block-ae-multi",
    "cae-small": "cae-small-a",
    "fourier-ae": "fourier-ae-small",
    "mnist-vae": "mnist-vae-stft",
    "sfl-cae": "sfl-cae-fast",
}
"""The weights that a model of the papers has when it is named without saying which."""

THEN = "+"
"""Stands between the names of models of which each restores what the one before it gives."""


@dataclass(frozen=True)
class Choice:
    """A model made definite.

    Attributes:
        entry: The model.
        weights: Its weights file, or None for a model without.
        network_scale: Enlargement by the network itself.
        scale: Enlargement of the result, reached by resampling if it is not the network's.
        card: What the weights say of themselves.
        before: Models that restore the image first, one after the other, at its own size.
    """

    entry: ModelEntry
    weights: Path | None
    network_scale: float
    scale: float
    card: Card | None = None
    before: tuple[Choice, ...] = ()

    @property
    def steps(self) -> tuple[Choice, ...]:
        """All models, in turn."""
        return (*self.before, replace(self, before=()))

    @property
    def name(self) -> str:
        """What outputs and records call it: the model, or the weights."""
        if self.before:
            return THEN.join(step.name for step in self.steps)
        return self._shipped or (self.entry.name if self.weights is None else self.weights.stem)

    @property
    def model(self) -> str:
        """Name of the model, or names of the models in turn, as :func:`choose` takes it for shipped weights."""
        return THEN.join(step._shipped or step.entry.name for step in self.steps)

    @property
    def _shipped(self) -> str:
        """Name of the weights if they are shipped ones, or empty."""
        return next((name for (name, _), path in shipped().items() if path == self.weights), "")

    @property
    def sha256(self) -> str:
        """SHA-256 of the weights file, or of the weights files in turn; empty for a model without."""
        return THEN.join("" if step.weights is None else content_hash(step.weights) for step in self.steps)

    @property
    def notices(self) -> tuple[str, ...]:
        """What a person who restores photos with it should know."""
        return tuple(
            f"{step.name} reproduces a paper ({step.entry.reproduces}) and is not made for photos; "
            f"{DEFAULT_MODELS[step.entry.task]} is, or --task {step.entry.task}"
            for step in self.steps
            if step.entry.reproduces
        )

    def after(self, first: Choice) -> Choice:
        """Return the same for an image that another model restores first.

        Raises:
            UsageError: They cannot work one after the other.
        """
        entries = first.entry, self.entry
        if first.scale != 1 or not all(entry.trained and not entry.fixed_size for entry in entries):
            raise UsageError(
                f"{first.name}{THEN}{self.name}: these models cannot work in turn",
                hint="only networks that take any size can, and all but the last must keep it",
            )
        return replace(self, before=(*first.steps, *self.before))


def labelled(choices: Sequence[Choice]) -> dict[str, Choice]:
    """Return choices by the names that tables give them: the model's, with its weights file where two are alike."""
    names = [choice.name for choice in choices]
    labels = [
        f"{name} ({choice.weights.name})" if choice.weights is not None and names.count(name) > 1 else name
        for name, choice in zip(names, choices, strict=True)
    ]
    for label in labels:
        if labels.count(label) > 1:
            raise UsageError(f"two models are called {label}", hint="name each one once, or rename a weights file")
    return dict(zip(labels, choices, strict=True))


def choose(model: str, scale: float | None = None) -> Choice:
    """Settle which weights serve a request.

    Args:
        model: Name of a model or of shipped weights, path of a weights file, or names that :data:`THEN` joins.
        scale: Enlargement factor wanted; the model's own by default. Where no network has it, the next larger one is
            taken and its result resampled down.

    Raises:
        UnknownNameError: No model has that name.
        UsageError: The scale is out of reach.
        WeightsError: There are no weights, or they cannot be read.
    """
    if scale is not None and not 0 < scale <= 64:
        raise UsageError(f"scale must be between 0 and 64, got {scale:g}")
    path = Path(model)
    first, joined, last = model.partition(THEN)
    if joined and not path.is_file():
        return choose(last, scale).after(choose(first))
    if path.suffix == ".safetensors":
        card = read_card(path)
        return _at_scale(card.entry(path), {card.scale: path}, scale, card.scale)
    if path.suffix in _PICKLED or (path.suffix and path.is_file()):
        raise WeightsError(
            f"{model}: only weights in the safetensors format are read",
            hint="other formats can hold programs; train anew",
        )
    entry, available = find(model)
    if available:
        default = entry.default_scale if entry.default_scale in available else min(available)
        return _at_scale(entry, available, scale, default)
    if not entry.trained:
        factor = scale or entry.default_scale
        if entry.scales and factor not in entry.scales:
            raise UsageError(f"{entry.name} keeps the size, it cannot enlarge {factor:g} times", hint="omit --scale")
        return Choice(entry, None, factor, factor)
    raise WeightsError(f"no weights are shipped for {model}", hint="train it, and give the weights file to --model")


def find(name: str) -> tuple[ModelEntry, dict[int, Path]]:
    """Return the model that a name stands for, and the weights shipped under it by their enlargement.

    Raises:
        UnknownNameError: Neither a model nor shipped weights have that name.
    """
    wanted = PAPER_MODELS.get(name, name)
    if available := {factor: path for (known, factor), path in shipped().items() if known == wanted}:
        return registry.find_model(read_card(next(iter(available.values()))).model), available
    if name not in registry.models():
        raise UnknownNameError("model", name, {*registry.models(), *(known for known, _ in shipped())})
    return registry.find_model(name), {}


def _at_scale(entry: ModelEntry, available: dict[int, Path], scale: float | None, default: float) -> Choice:
    wanted = default if scale is None else scale
    large_enough = sorted(factor for factor in available if factor >= wanted)
    if not large_enough:
        if max(available) == 1 and not entry.fixed_size:
            name = available[1].stem if comes_with_package(available[1]) else str(available[1])
            raise UsageError(
                f"{name} keeps the size, it cannot enlarge {wanted:g} times",
                hint=f"--model {name}{THEN}{DEFAULT_MODELS['upscale']} enlarges what it gives",
            )
        raise UsageError(
            f"{entry.name} enlarges at most {max(available)} times, not {wanted:g}",
            hint=f"use --scale {max(available)}, or --model bicubic for any factor",
        )
    path = available[large_enough[0]]
    return Choice(entry, path, large_enough[0], wanted, read_card(path))


def task_model(task: str) -> str:
    """Return the model that does a task.

    Raises:
        UsageError: No model does it yet.
    """
    there = [known for known, model in DEFAULT_MODELS.items() if any(name == model for name, _ in shipped())]
    if task not in there:
        raise UsageError(
            f"no model for the task {task!r} comes with this version{nearest(task, there)}",
            hint=f"tasks with a model: {', '.join(there)}",
        )
    return DEFAULT_MODELS[task]


def choose_for(task: str, scale: float | None = None) -> Choice:
    """Return the default model of a task; where a larger result is asked for than it makes, an upscaling one after it.

    Args:
        task: ``"denoise"``, ``"deblur"`` or ``"upscale"``.
        scale: Enlargement factor wanted; the model's own by default.

    Raises:
        UsageError: No model does the task, or the scale is out of reach.
    """
    model = task_model(task)
    enlarges = task == "upscale" or scale is None or scale <= 1
    return choose(model if enlarges else f"{model}{THEN}{task_model('upscale')}", scale)
