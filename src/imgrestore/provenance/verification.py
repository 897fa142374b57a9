"""Making a result again from its original, by what its stamp says, and comparing the pixels."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from imgrestore import __version__
from imgrestore.codecs import ReadOptions, detect, open_image, settled, write_image
from imgrestore.codecs.formats import Format
from imgrestore.engine.prepare import prepare
from imgrestore.errors import InputError, UsageError, WeightsError
from imgrestore.files import content_hash
from imgrestore.image import Header, ImageStream, resized
from imgrestore.provenance.settings import Settings
from imgrestore.provenance.stamp import Stamp
from imgrestore.weights.cards import guard_weights
from imgrestore.weights.catalogue import Choice, choose

_WIDEST_EDGE = 1024
"""Pixels; no network sees as far."""

_UNLIMITED = ReadOptions(max_pixels=None)
"""For results: their size follows from that of the original, which has its limit."""


@dataclass(frozen=True)
class Difference:
    """How two images of one size and type differ.

    Attributes:
        largest: Largest difference of two samples, in levels of the file's type (in [0, 1] for float).
        mean: Mean difference of all samples, in the same unit.
        share: Share of pixels that differ in at least one sample, 0 to 1.
        peak: The value of white.
    """

    largest: float
    mean: float
    share: float
    peak: int

    @property
    def none(self) -> bool:
        """Whether every pixel is the same."""
        return self.share == 0


@dataclass(frozen=True)
class Result:
    """A finished file that is to be verified.

    Attributes:
        path: The file.
        form: Its format.
        header: Its size and type.
        stamp: What it says of how it was made.
        settings: Those in use, as it states them.
    """

    path: Path
    form: Format
    header: Header
    stamp: Stamp
    settings: Settings

    @classmethod
    def load(cls, path: Path) -> Result:
        """Read what a file says of itself.

        Raises:
            InputError: It cannot be read, or holds no stamp that makes sense of it.
        """
        if path.is_fifo():
            raise InputError(f"{path}: is a pipe, which can be read only once", hint="save it to a file, and give that")
        form = detect(path, str(path))
        header = open_image(path, options=_UNLIMITED).header
        stamp = Stamp.out_of(header.metadata.xmp)
        if stamp is None:
            raise InputError(
                f"{path}: does not say how it was made",
                hint="imgrestore did not make it, or made it with --no-stamp, or its metadata were removed",
            )
        settings = Settings.of_stamp(stamp.parameters, str(path))
        crop = settings.crop
        stated = (crop.width, crop.height) if crop is not None else settings.size
        if (header.width, header.height, form.name) != (*stated, settings.format):
            raise InputError(
                f"{path}: is a {form.name} of {header.width}x{header.height}, "
                f"but was made as a {settings.format} of {stated[0]}x{stated[1]}",
                hint="it was changed after it was made",
            )
        return cls(path, form, header, stamp, settings)

    @property
    def edge(self) -> int:
        """By how many pixels its input went on beyond its edges, see :class:`imgrestore.engine.restorer.Restorer`.

        Raises:
            InputError: The stamp makes no sense.
        """
        edge = self.stamp.parameters.get("edge", 0)  # before stamps told it, images ended at their edges
        if not isinstance(edge, int) or not 0 <= edge <= _WIDEST_EDGE:
            raise InputError(f"{self.path}: its stamp makes no sense (edge {edge})", hint="it was changed")
        return edge

    @property
    def guard(self) -> bool:
        """Whether it was held back where it was not plausible, by the guard that is here.

        Raises:
            WeightsError: It was another one.
        """
        digest = self.stamp.parameters.get("guard_weights")  # before stamps told it, there was no guard
        if digest is None:
            return False
        if digest != content_hash(guard_weights()):
            raise WeightsError(f"{self.path}: was made with another guard than comes with this version")
        return True

    def model(self, given: str | None) -> Choice:
        """Return the model and the weights that made it.

        Args:
            given: A model or a weights file to take instead of the one named; its content must still be the same.

        Raises:
            WeightsError: They are not here.
        """
        name = given or self.stamp.model
        try:
            choice = choose(name, self.settings.scale)
        except UsageError as error:
            raise WeightsError(f"{self.path}: was made with {self.stamp.model}: {error}", hint=error.hint) from None
        if (choice.model, choice.sha256) != (self.stamp.model, self.stamp.weights):
            made = f"weights of SHA-256 {self.stamp.weights[:16]}…" if self.stamp.weights else "no weights"
            raise WeightsError(
                f"{self.path}: was made with {self.stamp.model} and {made}, which are not those of {name} here",
                hint="--model takes the weights file that was used",
            )
        return choice

    def doubts(self, original: Path | bytes, name: str, device: str) -> tuple[str, ...]:
        """Return why the pixels may differ although nothing is wrong, or because the original is another file."""
        found = []
        if "input" in self.stamp.parameters and content_hash(original) != self.stamp.parameters["input"]:
            found.append(f"{name}: is not, byte for byte, the file that {self.path} was made from")
        if self.stamp.version != __version__:
            found.append(f"{self.path}: was made by version {self.stamp.version}; this is {__version__}")
        if self.settings.device != device:
            found.append(f"{self.path}: was made on {self.settings.device}, and is computed again on {device}")
        return tuple(found)


def verify(
    result: Result,
    original: Path,
    model: str | None = None,
    *,
    own: Settings | None = None,
    advance: Callable[[int], None] = lambda pixels: None,
    warn: Callable[[str], None] = lambda text: None,
) -> Difference:
    """Restore an original again as a result says it was made, save it in the same way, and compare what can be read.

    Args:
        result: The finished file.
        original: The file that it was made from.
        model: A model or weights file to take instead of the one that the result names.
        own: The device to compute on (``"auto"`` is the CPU for what was made there), the memory, and the largest
            original that is taken; everything else is as the result says.
        advance: Told how many more pixels are done.
        warn: Told why the pixels may differ.

    Raises:
        InputError: The original is not the one, or cannot be read.
        WeightsError: The model or its weights are not here.
        ImgrestoreError: The restoration failed.
    """
    own = own or Settings()
    choice = result.model(model)
    here = "cpu" if own.device == "auto" and result.settings.device == "cpu" else own.device
    settings = replace(result.settings, guard=result.guard, device=here, memory=own.memory, max_pixels=own.max_pixels)
    data = settled(original, str(original))  # a pipe is read once, and its content is hashed below
    source = open_image(data, str(original), settings.reading)
    _check_original(result, original, source.header)
    restorer = prepare(choice, **settings.computing, edge=result.edge)
    for doubt in result.doubts(data, str(original), restorer.device.type):
        warn(doubt)
    again = restorer.stream(source, settings.size, settings.crop, settings.conversion)
    again = again.counted(advance)
    with tempfile.TemporaryDirectory(prefix="imgrestore-") as folder:
        path = Path(folder) / f"again{result.form.extensions[0]}"
        write_image(again, path, result.form, settings.saving)
        return _difference(*(open_image(file, options=_UNLIMITED) for file in (result.path, path)))


def _check_original(result: Result, original: Path, header: Header) -> None:
    """Refuse an original that cannot be the one: the proportions or the samples do not fit.

    Raises:
        InputError: It cannot be the one.
    """
    found, (width, height) = result.header, result.settings.size
    expected = result.settings.conversion.applied(resized(header, width, height))
    across, down = width / header.width, height / header.height
    rounding = 2 / min(header.width, header.height)
    if abs(across - down) > rounding or (expected.channels, expected.dtype) != (found.channels, found.dtype):
        raise InputError(
            f"{original}: cannot be what {result.path} was made from: its size or its type does not fit",
            hint=f"the result is {width}x{height} of {found.channels} channels of {found.dtype.name}",
        )


def _difference(first: ImageStream, second: ImageStream) -> Difference:
    """Compare two images of one size and type, row by row."""
    largest, total, differing = 0.0, 0.0, 0
    header = first.header
    for one, other in zip(first.bands, second.bands, strict=True):
        apart = np.abs(one.astype(np.float64) - other.astype(np.float64))
        largest = max(largest, float(apart.max()))
        total += float(apart.sum())
        differing += int(apart.any(axis=2).sum())
    pixels = header.width * header.height
    return Difference(largest, total / (pixels * header.channels), differing / pixels, header.peak)
