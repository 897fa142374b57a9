"""Arguments that several functions of the Python interface share: the settings, by the names of the command line.

:class:`~imgrestore.provenance.settings.Settings` decides which there are and checks their values. Type checkers cannot
read that, so :class:`Options` states names and types for them, and a test holds it against the settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypedDict

from imgrestore.codecs import SaveOptions
from imgrestore.engine.devices import Precision
from imgrestore.errors import UsageError, nearest
from imgrestore.image import Header
from imgrestore.image.sizes import Target
from imgrestore.provenance.setting import Decides, known
from imgrestore.provenance.settings import Settings


class Wishes(TypedDict, total=False):
    """What may be asked of each image anew.

    Attributes:
        size: Exact width and height of the result in pixels, whatever the proportions.
        width: Width of the result in pixels; the proportions stay, as in all that follow.
        height: Height of the result in pixels; with a width, the result fits into both.
        max_side: Longest side of the result in pixels, at most.
        min_side: Shortest side of the result in pixels, at least.
        crop: Left, top, width and height of the part of the result that is wanted, in pixels: only that is computed,
            and its pixels are those of the whole.
        depth: 8 or 16 bits a sample; by default those of the image.
        background: A colour, ``"white"`` or ``"#rrggbb"``, to put behind a transparent image.
        max_pixels: Pixels above which a file is refused, or None for no limit.
        allow_damaged: Whether what can be read of a damaged file is taken.
        first_frame: Whether the first picture of an animation or of several pages is taken.
    """

    size: tuple[int, int] | None
    width: int | None
    height: int | None
    max_side: int | None
    min_side: int | None
    crop: tuple[int, int, int, int] | None
    depth: int | None
    background: str | None
    max_pixels: int | None
    allow_damaged: bool
    first_frame: bool


class Options(Wishes, total=False):
    """What may be asked of a restorer.

    Attributes:
        strength: 0 (unrestored) to 1 (as the model gives it).
        only: ``"brightness"`` or ``"colour"`` restores only that; all by default.
        wrap: ``"x"``, ``"y"`` or ``"both"``: along these axes the image goes on at its other side, as a texture does.
        guard: Whether a result is held back where it is not plausible.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.
        precision: ``"auto"``, ``"fp32"``, ``"bf16"`` or ``"fp16"``.
        tile: Side of a tile in input pixels, or its height and width; chosen from ``memory`` by default.
        memory: Budget for the engine's buffers in bytes, or as ``"2G"``.
    """

    strength: float
    only: str | None
    wrap: str | None
    guard: bool
    device: str
    precision: Precision
    tile: int | tuple[int, int] | None
    memory: int | str | None


OFFERED = {name for name, setting in known(Settings).items() if setting.decides is not Decides.FILE} - {
    "format",
    *(option.name for option in fields(SaveOptions)),
}
"""The settings that are not about a file that is written; those are for :meth:`imgrestore.api.image.Image.save`."""

SETTLED = {"scale", "task", "weights", *(name for name, setting in known(Settings).items() if setting.engine)}
"""What a loaded model has settled."""


@dataclass(frozen=True)
class Asked:
    """Options that were checked.

    Attributes:
        settings: All but the exact size.
        size: Exact width and height of results in pixels, or None.
    """

    settings: Settings = field(default_factory=Settings)
    size: tuple[int, int] | None = None

    def but(self, options: Mapping[str, Any]) -> Asked:
        """Return these options with others in place of some of them.

        Args:
            options: By the names that :class:`Options` has, or the scale.

        Raises:
            TypeError: There is no such option.
            UsageError: One of them has no such value, or they contradict each other.
        """
        for name in options:
            if name not in OFFERED and name != "size":
                raise TypeError(f"unexpected keyword argument {name!r}{nearest(name, {'size', *OFFERED})}")
        others = {name: value for name, value in options.items() if name != "size"}
        settings, size = replace(self.settings, **others), options.get("size", self.size)
        if size is not None and (len(size) != 2 or min(size) < 1):
            raise UsageError(f"size is a width and a height of at least 1 pixel, got {size}")
        if size is not None and settings.target != Target():
            raise UsageError("size is exact", hint="leave out width, height, max_side and min_side")
        return Asked(settings, size)

    @property
    def sized(self) -> bool:
        """Whether a size is asked for."""
        return self.size is not None or self.settings.target != Target()

    def size_of(self, header: Header, enlargement: float) -> tuple[int, int]:
        """Return the width and height of the result for an image that a model would enlarge so many times."""
        return self.size or self.settings.target.size(header.width, header.height, enlargement)
