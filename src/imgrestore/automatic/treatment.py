"""What is done about the damage of one image. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from imgrestore.automatic.diagnosis import NAMES, Diagnosis, diagnose
from imgrestore.image import ImageStream
from imgrestore.weights.catalogue import Choice
from imgrestore.weights.remedies import Remedies

_DONE = {"denoise": "denoised", "deblur": "deblurred", "upscale": "enlarged by {model}"}


@dataclass(frozen=True)
class Treatment:
    """What an image shows, and what is done about it.

    Blind networks see for themselves how strong the damage is, so they work at full strength where it is clear.

    Attributes:
        diagnosis: What was found.
        choice: The models that restore it, or None if it is left as it is.
        untreated: What was found and no model is there for.
    """

    diagnosis: Diagnosis
    choice: Choice | None
    untreated: tuple[str, ...]

    @property
    def did(self) -> tuple[str, ...]:
        """The tasks of the models, in turn."""
        return tuple(step.entry.task for step in self.choice.steps) if self.choice is not None else ()

    def found(self) -> dict[str, Any]:
        """Return what was found as plain data."""
        return self.diagnosis.table()

    def told(self, otherwise: str, before: str = "") -> str:
        """Say what was found and done.

        Args:
            otherwise: What was done if nothing was restored.
            before: Stands before what was done, if it is yet to be.
        """
        steps = self.choice.steps if self.choice is not None else ()
        done = " and ".join(_DONE[step.entry.task].format(model=step.name) for step in steps)
        missing = " and ".join(NAMES[name] for name in self.untreated)
        without = f"; no model for {missing} comes with this version" if missing else ""
        return f"found {self.diagnosis}: {before + done if done else otherwise}{without}"


def settle(diagnosis: Diagnosis, remedies: Remedies) -> Treatment:
    """Settle what is to be done about what was found."""
    untreated = tuple(name for name in diagnosis.damage if name not in remedies.treated)
    return Treatment(diagnosis, remedies.against(diagnosis.strengths), untreated)


def examine(source: ImageStream, remedies: Remedies) -> Treatment:
    """Read an image and settle what is to be done.

    Raises:
        InputError: It cannot be read to its end.
    """
    return settle(diagnose(source), remedies)
