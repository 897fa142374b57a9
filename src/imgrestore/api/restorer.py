"""A model, or the choice among models, made ready to restore images in whatever form they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Unpack, overload

from numpy.typing import NDArray

from imgrestore.api.image import Image, warn
from imgrestore.api.options import SETTLED, Asked, Wishes
from imgrestore.api.wording import in_python, reword
from imgrestore.automatic.treatment import examine
from imgrestore.codecs.forms import File, Source, given_back, is_one, is_pillow, name_of, opened, sources
from imgrestore.codecs.reading.pillow import check_holds
from imgrestore.engine.guard import HeldBack
from imgrestore.engine.prepare import prepare
from imgrestore.engine.problems import as_problem
from imgrestore.engine.restorer import Restorer as Engine
from imgrestore.errors import ImageTypeError, ImgrestoreError, UsageError
from imgrestore.provenance.settings import Settings
from imgrestore.weights.catalogue import Choice, choose
from imgrestore.weights.remedies import Remedies

if TYPE_CHECKING:
    from torch import Tensor

    from imgrestore.codecs.reading.pillow import Picture

InMemory = TypeVar("InMemory", Image, NDArray[Any], "Tensor", "Picture")
"""An image in memory: its result is of the same form."""

Form = TypeVar("Form")
"""The form of a result."""


@dataclass(frozen=True)
class Restored(Generic[Form]):
    """What became of one image of many.

    Attributes:
        given: The image as it was given.
        image: The result, in the same form; None if it failed.
        error: Why it failed, or None.
        notices: What a person should know of a result, which :func:`imgrestore.restore` gives as warnings.
        found: What was found wrong with the image and done about it, where its damage decided; else empty.
    """

    given: Any
    image: Form | None = None
    error: ImgrestoreError | None = None
    notices: tuple[str, ...] = ()
    found: str = ""


class Restorer:
    """A model, or the choice among models, made ready. Call it on images, or map it over many.

    Attributes:
        name: Name of the model, or ``"auto"`` where each image's damage decides.
    """

    def __init__(self, choice: Choice | Remedies, asked: Asked) -> None:
        """Make what was chosen ready; :func:`imgrestore.load_model` chooses.

        Raises:
            UsageError: The device is not there.
            WeightsError: The weights cannot be trusted.
        """
        self.name = choice.name
        self._choice, self._asked = choice, asked
        self._engines: dict[str, Engine] = {}
        if isinstance(choice, Choice):
            self._engine(choice)

    @overload
    def __call__(self, image: File, **wishes: Unpack[Wishes]) -> Image: ...
    @overload
    def __call__(self, image: InMemory, **wishes: Unpack[Wishes]) -> InMemory: ...
    def __call__(self, image: Any, **wishes: Unpack[Wishes]) -> Any:
        """Restore an image, or a batch of images of one size.

        Args:
            image: See :func:`imgrestore.restore`.
            **wishes: What is wanted of this image, in place of what the restorer was made with.

        Returns:
            The result in the form that the image was given in.

        Raises:
            ImgrestoreError: The image cannot be used, or a wish makes no sense.
        """
        with in_python():
            done = self.restored(image, wishes)
        warn(done.notices)
        return done.image

    @overload
    def map(self, images: Iterable[File], **wishes: Unpack[Wishes]) -> Iterator[Restored[Image]]: ...
    @overload
    def map(self, images: Iterable[InMemory], **wishes: Unpack[Wishes]) -> Iterator[Restored[InMemory]]: ...
    def map(self, images: Iterable[Any], **wishes: Unpack[Wishes]) -> Iterator[Restored[Any]]:
        """Restore one image after the other, when its result is asked for; see :func:`imgrestore.restore_many`.

        Args:
            images: See :func:`imgrestore.restore`.
            **wishes: What is wanted of these images, in place of what the restorer was made with.

        Returns:
            A result for each image, in order.

        Raises:
            ImageTypeError: There is one image, not several.
            UsageError: A wish makes no sense.
        """
        if is_one(images):
            raise ImageTypeError(f"one image was given, a {type(images).__name__}", hint="give a list, or call restore")
        with in_python():
            asked = self._asking(wishes)
        return (self._tried(given, asked) for given in images)

    def restored(self, given: Any, wishes: Wishes) -> Restored[Any]:
        """Restore what was given, and return the result with what there is to say of it.

        Raises:
            ImgrestoreError: The image cannot be used, or a wish makes no sense.
        """
        return self._restored(given, self._asking(wishes))

    def _asking(self, wishes: Wishes) -> Asked:
        """Return what is asked for with these wishes.

        Raises:
            UsageError: One of them makes no sense.
        """
        if settled := [name for name in wishes if name in SETTLED]:
            raise UsageError(f"a loaded model has its {settled[0]} already", hint="give it to load_model")
        asked = self._asked.but(wishes)
        if isinstance(self._choice, Remedies) and asked.sized and not self._choice.enlarging:
            raise UsageError(
                "this choice by each image's damage keeps its size", hint="give load_model the scale or size, too"
            )
        return asked

    def _restored(self, given: Any, asked: Asked) -> Restored[Any]:
        settings, name = asked.settings, name_of(given)
        results, notices, found = [], [], []
        for source in sources(given):
            engine, said = self._engine_for(source, name, settings)
            engine.notices.clear()
            engine.held = HeldBack()
            stream = opened(source, name, settings.reading)
            header = stream.header
            if is_pillow(given):
                check_holds(settings.conversion.applied(header))
            size = asked.size_of(header, engine.enlargement)
            restored = engine.stream(stream, size, settings.crop, settings.conversion)
            results.append(Image.of(restored.read()))
            notices += [*restored.notices, *engine.notices, *engine.held.notices]
            found.append(said)
        told = "; ".join(dict.fromkeys(filter(None, found)))
        return Restored(given, given_back(given, results), None, tuple(dict.fromkeys(notices)), told)

    def _tried(self, given: Any, asked: Asked) -> Restored[Any]:
        try:
            return self._restored(given, asked)
        except Exception as error:  # whatever is wrong with one image, or with our code for it, does not end the rest
            problem = as_problem(name_of(given), error)
            reword(problem)
            return Restored(given, error=problem)

    def _engine_for(self, source: Source, name: str, settings: Settings) -> tuple[Engine, str]:
        """Return what restores an image and, where its damage decides, what was found, in words."""
        if isinstance(self._choice, Choice):
            return self._engine(self._choice), ""
        treatment = examine(opened(source, name, settings.reading), self._choice)
        return self._engine(treatment.choice or choose("nearest", 1)), treatment.told("left alone")

    def _engine(self, choice: Choice) -> Engine:
        if choice.name not in self._engines:
            self._engines[choice.name] = prepare(choice, **self._asked.settings.computing)
        return self._engines[choice.name]
