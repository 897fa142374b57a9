"""How each image of a batch is restored: all by one model, or each by what its damage asks for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from imgrestore.automatic.treatment import Treatment, examine
from imgrestore.batch.jobs import Job
from imgrestore.codecs import detect, open_image
from imgrestore.engine.devices import describe_device
from imgrestore.engine.prepare import prepare
from imgrestore.engine.restorer import Restorer
from imgrestore.provenance.stamp import Carrying
from imgrestore.weights.catalogue import Choice, Remedies, choose


@dataclass(frozen=True)
class Method:
    """How one image is restored.

    Attributes:
        name: Of the model, or None if there is none.
        restorer: The model made ready, or None to take the file as it is.
        carrying: What the output carries besides pixels.
        treatment: What was found and done, if that was asked.
        said: The same in words, or empty.
        written: Whether there is an output.
    """

    name: str | None
    restorer: Restorer | None
    carrying: Carrying
    treatment: Treatment | None = None
    said: str = ""
    written: bool = True

    @property
    def kind(self) -> str | None:
        """What decides how long a megapixel takes: model, precision and machine, in words; None without a model."""
        if self.restorer is None:
            return None
        machine = describe_device(self.restorer.device)
        return f"{self.name} {self.restorer.model.scale:g}x, {self.restorer.precision}, {machine}"


def ready(choice: Choice, carrying: Carrying, **options: Any) -> Method:
    """Make a model ready for all images.

    Args:
        choice: The model.
        carrying: What outputs carry; its stamp is told the model.
        **options: As for :func:`imgrestore.api.prepare`.
    """
    stamp = carrying.stamp and replace(carrying.stamp, model=choice.model, weights=choice.sha256)
    return Method(choice.name, prepare(choice, **options), replace(carrying, stamp=stamp))


class Automatic:
    """Looks at each image and picks the models for it; each is made ready when it is first needed."""

    def __init__(self, remedies: Remedies, carrying: Carrying, *, beside: bool, **options: Any) -> None:
        """Choose among models.

        Args:
            remedies: The models.
            carrying: What outputs carry.
            beside: Whether outputs stand beside their inputs: an image that is left alone then gets none.
            **options: As for :func:`imgrestore.api.prepare`.
        """
        self._remedies, self._carrying, self._beside, self._options = remedies, carrying, beside, options
        self._ready: dict[str, Method] = {}

    def __call__(self, job: Job) -> Method:
        """Look at an image and return how it is restored.

        Raises:
            InputError: It cannot be read to its end.
        """
        treatment = examine(open_image(job.data, job.name, job.reading), self._remedies)
        if treatment.choice is not None:
            return replace(self._method(treatment.choice), treatment=treatment, said=treatment.told(""))
        if self._beside:
            alone = treatment.told("left alone")
            return Method(None, None, self._carrying, treatment, alone, written=False)
        if self._takes_the_file(job):
            return Method(None, None, self._carrying, treatment, treatment.told("copied as it is"))
        saved = replace(self._method(choose("nearest", 1)), treatment=treatment)
        return replace(saved, said=treatment.told("saved with the pixels it has"))

    def _method(self, choice: Choice) -> Method:
        if choice.name not in self._ready:
            self._ready[choice.name] = ready(choice, self._carrying, **self._options)
        return self._ready[choice.name]

    def _takes_the_file(self, job: Job) -> bool:
        """Return whether the file itself is what was asked for: nothing else was to change, and it is whole."""
        asked = job.crop is not None or job.reading.allow_damaged or job.reading.first_frame or self._carrying.strip
        same = job.conversion.applied(job.header) == job.header
        return same and not asked and detect(job.data, job.name) is job.form
