"""Which model, weights and network scale a request means. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any, ClassVar

from imgrestore.errors import UnknownNameError, UsageError, WeightsError, nearest
from imgrestore.files import content_hash
from imgrestore.parts import registry
from imgrestore.parts.registry import ModelEntry
from imgrestore.weights.cards import Card, comes_with_package, estimator_weights, read_card, shipped

_PICKLED = (".pth", ".pt", ".ckpt", ".bin", ".pkl", ".onnx")
"""Endings of weights in formats that are not read."""

DEFAULT_MODELS = {"upscale": "resnet-sr", "denoise": "resnet-denoise", "deblur": "resnet-deblur"}
"""The model that does a task when none is named, where weights for it are shipped."""

REMEDIES = {"denoise": ("resnet-denoise", "unet-denoise"), "deblur": ("resnet-deblur",)}
"""The models that treat damage, by their task, in the order of the work. Of several, the first does it that has learnt
all of what an image suffers: what is broader is less good at each."""

TEACHES = {
    "noise": "gaussian",
    "grain": "grain",
    "blotches": "chroma-noise",
    "impulses": "impulse",
    "scratches": "scratches",
    "jpeg": "jpeg",
    "halftone": "halftone",
    "blur": "gaussian-blur",
}
"""The degradation that a model must have been trained on to treat each kind of damage."""

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


@dataclass(frozen=True)
class Remedies:
    """The models among which a photo's damage decides: those that keep its size.

    Attributes:
        by_task: The models of each task, as in :data:`REMEDIES`, each with the damage that it treats.
    """

    by_task: Mapping[str, Sequence[tuple[Choice, frozenset[str]]]]
    name: ClassVar[str] = "auto"
    scale: ClassVar[float] = 1.0

    @classmethod
    def shipped(cls) -> Remedies:
        """Return those whose weights are shipped, with the damage that their recipes have taught them."""
        there = {name for name, _ in shipped()}
        return cls(
            {task: [_treating(choose(name)) for name in names if name in there] for task, names in REMEDIES.items()}
        )

    @property
    def treated(self) -> frozenset[str]:
        """All damage that one of the models treats."""
        return frozenset().union(*(damage for models in self.by_task.values() for _, damage in models))

    @property
    def sha256(self) -> str:
        """SHA-256 of all weights files, and of the estimator's, which decides among them."""
        choices = (choice for models in self.by_task.values() for choice, _ in models)
        return THEN.join(dict.fromkeys([*(choice.sha256 for choice in choices), content_hash(estimator_weights())]))

    def against(self, damage: Iterable[str]) -> Choice | None:
        """Return the models that treat what they can of some damage, in turn; None if there is none."""
        found = set(damage)
        steps = [_best(models, found) for models in self.by_task.values() if any(found & known for _, known in models)]
        return reduce(lambda first, then: then.after(first), steps) if steps else None


def _treating(choice: Choice) -> tuple[Choice, frozenset[str]]:
    """Return a model with the damage that it has learnt to treat."""
    taught = set() if choice.card is None else _taught(choice.card)
    kinds = {"blur"} if choice.entry.task == "deblur" else set(TEACHES) - {"blur"}
    return choice, frozenset(damage for damage in kinds if TEACHES[damage] in taught)


def _best(models: Sequence[tuple[Choice, frozenset[str]]], found: set[str]) -> Choice:
    """Return the model that treats most of what is found, the first of several."""
    return max(models, key=lambda model: len(found & model[1]))[0]


def _taught(card: Card) -> set[str]:
    """Return the kinds of degradation that weights were trained on, also inside of others."""

    def kinds(parts: Iterable[Mapping[str, Any]]) -> set[str]:
        found = {str(part.get("kind")) for part in parts}
        return found.union(*(kinds(part.get(key, ())) for part in parts for key in ("among", "inside")))

    taught = kinds(card.recipe.get("degradation", ()))
    return taught | {"jpeg"} if "two-pass" in taught else taught


def asked_for(model: str | None, task: str | None, scale: float | None, *, larger: bool) -> Choice | Remedies:
    """Return the model asked for, or the models among which each image's damage decides.

    Args:
        model: Its name, a weights file, several in turn, ``"auto"``, or None.
        task: ``"denoise"``, ``"deblur"``, ``"upscale"``, ``"auto"``, or None for whichever is needed.
        scale: Enlargement factor wanted; the model's own by default.
        larger: Whether a scale or a size was asked for, which an image's damage does not give.

    Raises:
        UsageError: Both name a model, or there is none such.
    """
    if "" in (model, task):
        raise UsageError("--model or --task is empty", hint="a variable of the shell may be")
    if model and task:
        raise UsageError("--model and --task both name a model", hint="leave one out")
    automatic = "auto" in (model, task)
    if automatic and larger:
        raise UsageError(
            "--task auto keeps a photo's size", hint="--task denoise or deblur enlarges, too; or --task upscale"
        )
    if automatic or not (model or task or larger):
        return Remedies.shipped()
    return choose(model, scale) if model else choose_for(task or "upscale", scale)
