"""What is done about the damage of one image. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from imgrestore.automatic.diagnosis import NAMES, Diagnosis, diagnose
from imgrestore.image import ImageStream
from imgrestore.weights.catalogue import Choice, Remedies

_DONE = {"denoise": "denoised", "deblur": "deblurred"}


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
        done = before + " and ".join(_DONE[task] for task in self.did) if self.did else otherwise
        missing = " and ".join(NAMES[name] for name in self.untreated)
        return f"found {self.diagnosis}: {done}" + (f"; no model for {missing} comes with this version" * bool(missing))


def examine(source: ImageStream, remedies: Remedies) -> Treatment:
    """Read an image and settle what is to be done.

    Raises:
        InputError: It cannot be read to its end.
    """
    diagnosis = diagnose(source)
    untreated = tuple(name for name in diagnosis.damage if name not in remedies.treated)
    return Treatment(diagnosis, remedies.against(diagnosis.damage), untreated)
