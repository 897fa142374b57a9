"""Which model, weights and network scale a request means. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imgrestore import registry
from imgrestore.cards import Card, read_card, shipped
from imgrestore.errors import UsageError, WeightsError
from imgrestore.registry import ModelEntry

_PICKLED = (".pth", ".pt", ".ckpt", ".bin", ".pkl", ".onnx")
"""Endings of weights in formats that are not read."""

DEFAULT_MODELS = {"upscale": "resnet-sr", "denoise": "resnet-denoise"}
"""The model that does a task when none is named."""


@dataclass(frozen=True)
class Choice:
    """A model made definite.

    Attributes:
        entry: The model.
        weights: Its weights file, or None for a model without.
        network_scale: Enlargement by the network itself.
        scale: Enlargement of the result, reached by resampling if it is not the network's.
        card: What the weights say of themselves.
    """

    entry: ModelEntry
    weights: Path | None
    network_scale: float
    scale: float
    card: Card | None = None

    @property
    def name(self) -> str:
        """What outputs and records call it: the model, or the weights file if that is not one of the shipped ones."""
        own = self.weights is not None and self.weights not in shipped().values()
        return self.weights.stem if own and self.weights is not None else self.entry.name


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
        model: Name of a model, or path of a weights file.
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
    if path.suffix == ".safetensors":
        card = read_card(path)
        entry = registry.find_model(card.model)
        return _at_scale(entry, {card.scale: path}, scale, card.scale)
    if path.suffix in _PICKLED or (path.suffix and path.is_file()):
        raise WeightsError(
            f"{model}: only weights in the safetensors format are read",
            hint="other formats can hold programs; train anew",
        )
    entry = registry.find_model(model)
    if not entry.trained:
        factor = scale or entry.default_scale
        if entry.scales and factor not in entry.scales:
            raise UsageError(f"{entry.name} keeps the size, it cannot enlarge {factor:g} times", hint="omit --scale")
        return Choice(entry, None, factor, factor)
    available = {factor: path for (name, factor), path in shipped().items() if name == entry.name}
    if not available:
        raise WeightsError(
            f"no weights are shipped for {entry.name}", hint="train it, and give the weights file to --model"
        )
    return _at_scale(entry, available, scale, entry.default_scale)


def _at_scale(entry: ModelEntry, available: dict[int, Path], scale: float | None, default: float) -> Choice:
    wanted = default if scale is None else scale
    large_enough = sorted(factor for factor in available if factor >= wanted)
    if not large_enough:
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
    if task not in DEFAULT_MODELS:
        raise UsageError(
            f"no model for the task {task!r} comes with this version",
            hint=f"tasks with a model: {', '.join(DEFAULT_MODELS)}",
        )
    return DEFAULT_MODELS[task]
