"""Which models restore and enlarge a photo whose damage is known: what a request without a model means. No torch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, ClassVar, Self

from imgrestore.errors import UsageError
from imgrestore.files import content_hash
from imgrestore.weights.cards import Card, estimator_weights, shipped
from imgrestore.weights.catalogue import THEN, Choice, choose, choose_for, task_model

REMEDIES = {"denoise": ("resnet-denoise", "unet-denoise"), "deblur": ("resnet-deblur",)}
"""The models that treat damage, by their task, in the order of the work. Of several, the first does it that has learnt
all of what an image suffers, as strong as it is: what is broader is less good at each."""

WORN = "resnet-sr-real"
"""The model that enlarges worn photos at once."""

WEAR = {"jpeg": math.inf, "blur": math.inf, "noise": 0.05}
"""What JPEG may come with, and how strong, for that model to give truer photos than others do in turn. Noise or blur
alone is better left to those that know it: on held-out photos reduced four times by 0.6 to 1.3 dB."""

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

_STRENGTH = {"gaussian": ("sigma", 1), "jpeg": ("quality", -1)}
"""The settings that say how strong a degradation is, and whether more of it is worse."""

_SLACK = 0.2
"""Share by which damage may seem stronger than what a model has learnt: estimates are no more exact."""


@dataclass(frozen=True)
class Remedy:
    """A model, and the damage that it treats.

    Attributes:
        choice: The model.
        limits: The strength of each kind of damage up to which it has learnt it, see :meth:`Remedies.against`.
    """

    choice: Choice
    limits: Mapping[str, float]

    @classmethod
    def of(cls, choice: Choice) -> Self:
        """Return a model with the damage that its recipe has taught it; networks that deblur are for blur alone."""
        taught = {} if choice.card is None else _taught(choice.card)
        kinds = {"blur"} if choice.entry.task == "deblur" else set(TEACHES) - {"blur"}
        return cls(choice, {damage: taught[TEACHES[damage]] for damage in kinds if TEACHES[damage] in taught})

    def knows(self, damage: str, strength: float) -> bool:
        """Return whether it has learnt some damage as strong as it is."""
        limit = self.limits.get(damage, -math.inf)
        return strength <= limit + _SLACK * abs(limit) if math.isfinite(limit) else limit > 0


@dataclass(frozen=True)
class Remedies:
    """The models among which a photo's damage decides.

    Attributes:
        by_task: Those that keep a photo's size, as in :data:`REMEDIES`.
        enlarging: Where a larger result is wanted, what enlarges a photo without damage; else None.
        worn: What enlarges a photo with :data:`WEAR` at once, or None.
    """

    by_task: Mapping[str, Sequence[Remedy]]
    enlarging: Choice | None = None
    worn: Remedy | None = None
    name: ClassVar[str] = "auto"

    @classmethod
    def shipped(cls, scale: float | None = 1) -> Self:
        """Return those whose weights are shipped.

        Args:
            scale: Enlargement factor wanted; None for that of the model that enlarges what is not damaged.

        Raises:
            UsageError: The scale is out of reach.
        """
        there = {name for name, _ in shipped()}
        by_task = {
            task: [Remedy.of(choose(name)) for name in names if name in there] for task, names in REMEDIES.items()
        }
        if scale == 1:
            return cls(by_task)
        enlarging = choose(task_model("upscale"), scale)
        return cls(by_task, enlarging, Remedy(choose(WORN, enlarging.scale), WEAR) if WORN in there else None)

    @property
    def scale(self) -> float:
        """Enlargement of the results."""
        return 1.0 if self.enlarging is None else self.enlarging.scale

    @property
    def treated(self) -> frozenset[str]:
        """All damage that one of the models treats."""
        return frozenset().union(*(remedy.limits for remedy in self._all()))

    @property
    def sha256(self) -> str:
        """SHA-256 of all weights files, and of the estimator's, which decides among them."""
        choices = [remedy.choice for remedy in self._all()]
        choices += [] if self.enlarging is None else [self.enlarging]
        return THEN.join(dict.fromkeys([*(choice.sha256 for choice in choices), content_hash(estimator_weights())]))

    def against(self, damage: Mapping[str, float]) -> Choice | None:
        """Return the models that treat what they can of some damage and, if that is wanted, enlarge, in turn.

        Args:
            damage: The strength of each kind that was found: the sigma of noise from 0 to 1, the negative quality of
                JPEG, and 0 for all others.

        Returns:
            None if nothing is to be done.
        """
        known = {name: strength for name, strength in damage.items() if name in self.treated}
        if self.worn is not None and "jpeg" in known and all(self.worn.knows(*each) for each in known.items()):
            return self.worn.choice
        steps = [_best(remedies, known) for remedies in self.by_task.values() if _treat(remedies, known)]
        steps += [] if self.enlarging is None else [self.enlarging]
        return reduce(lambda first, then: then.after(first), steps) if steps else None

    def _all(self) -> Iterator[Remedy]:
        yield from (remedy for remedies in self.by_task.values() for remedy in remedies)
        yield from () if self.worn is None else (self.worn,)


def _treat(remedies: Sequence[Remedy], damage: Iterable[str]) -> bool:
    return any(name in remedy.limits for remedy in remedies for name in damage)


def _best(remedies: Sequence[Remedy], damage: Mapping[str, float]) -> Choice:
    """Return the model that has learnt most of some damage, the first of several."""
    return max(remedies, key=lambda remedy: sum(remedy.knows(*each) for each in damage.items())).choice


def _taught(card: Card) -> dict[str, float]:
    """Return the degradations that weights were trained on, also inside of others, and how strong they were at most."""
    taught: dict[str, float] = {}

    def learn(parts: Iterable[Mapping[str, Any]]) -> None:
        for part in parts:
            kind = str(part.get("kind"))
            setting, sign = _STRENGTH.get(kind, ("", 1))
            bounds = part.get(setting, math.inf * sign)
            strongest = max(sign * bound for bound in (bounds if isinstance(bounds, list) else [bounds]))
            taught[kind] = max(taught.get(kind, -math.inf), strongest)
            for inside in ("among", "inside"):
                learn(part.get(inside, ()))
            if kind == "two-pass":
                taught["jpeg"] = math.inf

    learn(card.recipe.get("degradation", ()))
    return taught


def asked_for(model: str | None, task: str | None, scale: float | None, *, larger: bool) -> Choice | Remedies:
    """Return the model asked for, or the models among which each image's damage decides.

    Args:
        model: Its name, a weights file, several in turn, ``"auto"``, or None.
        task: ``"denoise"``, ``"deblur"``, ``"upscale"``, ``"auto"``, or None for whichever is needed.
        scale: Enlargement factor wanted; the model's own by default.
        larger: Whether a scale or a size was asked for.

    Raises:
        UsageError: Both name a model, or there is none such.
    """
    if "" in (model, task):
        raise UsageError("--model or --task is empty", hint="a variable of the shell may be")
    if model and task:
        raise UsageError("--model and --task both name a model", hint="leave one out")
    if model is not None and model != "auto":
        return choose(model, scale)
    if task is not None and task != "auto":
        return choose_for(task, scale)
    return Remedies.shipped(scale if larger else 1)
