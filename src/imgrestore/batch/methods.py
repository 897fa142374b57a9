"""How each image of a batch is restored: all by one model, or each by what its damage asks for."""

from __future__ import annotations

from dataclasses import dataclass, replace

from imgrestore import __version__
from imgrestore.automatic.treatment import Treatment, examine
from imgrestore.batch.job import Job
from imgrestore.codecs import detect, open_image
from imgrestore.engine.devices import describe_device
from imgrestore.engine.prepare import prepare
from imgrestore.engine.restorer import Restorer
from imgrestore.provenance.settings import Settings
from imgrestore.provenance.stamp import Stamp
from imgrestore.weights.catalogue import Choice, choose
from imgrestore.weights.remedies import Remedies


@dataclass(frozen=True)
class Method:
    """How one image is restored.

    Attributes:
        name: Of the model, or None if there is none.
        restorer: The model made ready, or None to take the file as it is.
        stamp: Who makes the results: the beginning of what they say of themselves; None to take the file as it is.
        treatment: What was found and done, if that was asked.
        said: The same in words, or empty.
        written: Whether there is an output.
    """

    name: str | None
    restorer: Restorer | None
    stamp: Stamp | None = None
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


def ready(choice: Choice, settings: Settings) -> Method:
    """Make a model ready for all images; the settings say how it computes."""
    stamp = Stamp(__version__, choice.model, choice.sha256)
    return Method(choice.name, prepare(choice, **settings.computing), stamp)


class Automatic:
    """Looks at each image and picks the models for it; each is made ready when it is first needed."""

    def __init__(self, remedies: Remedies, settings: Settings, *, beside: bool) -> None:
        """Choose among models.

        Args:
            remedies: The models.
            settings: How they compute.
            beside: Whether outputs stand beside their inputs: an image that is left alone then gets none.
        """
        self._remedies, self._settings, self._beside = remedies, settings, beside
        self._ready: dict[str, Method] = {}

    def __call__(self, job: Job) -> Method:
        """Look at an image and return how it is restored.

        Raises:
            InputError: It cannot be read to its end.
        """
        treatment = examine(open_image(job.data, job.name, job.settings.reading), self._remedies)
        if treatment.choice is not None:
            return replace(self._method(treatment.choice), treatment=treatment, said=treatment.told(""))
        if self._beside:
            alone = treatment.told("left alone")
            return Method(None, None, treatment=treatment, said=alone, written=False)
        if self._takes_the_file(job):
            return Method(None, None, treatment=treatment, said=treatment.told("copied as it is"))
        saved = replace(self._method(choose("nearest", 1)), treatment=treatment)
        return replace(saved, said=treatment.told("saved with the pixels it has"))

    def _method(self, choice: Choice) -> Method:
        if choice.name not in self._ready:
            self._ready[choice.name] = ready(choice, self._settings)
        return self._ready[choice.name]

    def _takes_the_file(self, job: Job) -> bool:
        """Return whether the file itself is what was asked for: nothing else was to change, and it is whole."""
        asked = job.settings
        other = asked.crop is not None or asked.allow_damaged or asked.first_frame or asked.strip_metadata
        same = asked.conversion.applied(job.header) == job.header
        return same and not other and detect(job.data, job.name) is job.form
