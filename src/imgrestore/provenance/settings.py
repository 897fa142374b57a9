"""Everything that decides a result besides its input and the model: named, typed and explained once. No torch.

The command line, Python, each job, the stamp, the manifest and the dry run take what they need from here. A new setting
takes four edits: a field of :class:`Settings`, an attribute of what heeds it (``Restorer``, ``Conversion``,
``ReadOptions`` or ``SaveOptions``, by the same name), the code there, and a row of the table in docs/cli.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Self

from imgrestore.errors import InputError, UsageError
from imgrestore.provenance import values
from imgrestore.provenance.setting import Decides, about, known

if TYPE_CHECKING:
    from imgrestore.codecs import ReadOptions, SaveOptions
    from imgrestore.image.conversion import Colour, Conversion
    from imgrestore.image.regions import Region
    from imgrestore.image.sizes import Target


def _rounds(settings: Settings) -> bool:
    """Tell whether arithmetic rounds in an order that depends on the tiles: anywhere but in float32 on a CPU."""
    return (settings.device, settings.precision) != ("cpu", "fp32")


def _heeded(name: str) -> Callable[[Settings], bool]:
    """Tell whether files of the result's format depend on an option of saving."""

    def heeded(settings: Settings) -> bool:
        from imgrestore.codecs import SaveOptions

        return settings.format is None or name in SaveOptions().heeded_by(settings.format)

    return heeded


@dataclass(frozen=True)
class Settings:
    """What a result is like, and how it is computed.

    Values may be given as people write them (``crop="0,0,64,64"``, ``background="white"``, ``memory="2G"``; :meth:`of`
    says so to type checkers), and are checked. None and ``"auto"`` leave a choice open: what was asked for is
    :meth:`settled` for each image before the first pixel, and :meth:`in_use` says how its result was computed, too.
    """

    scale: float | None = field(
        default=None,
        metadata=about(
            "Enlargement, 4 or 4x; the model's own by default.",
            Decides.PIXELS,
            values.SCALE,
            least=0,
            most=64,
            settled=True,
            short="-s",
        ),
    )
    width: int | None = field(
        default=None,
        metadata=about("Width of the result in pixels.", Decides.PIXELS, values.WHOLE, least=1, settled=True),
    )
    height: int | None = field(
        default=None,
        metadata=about("Height of the result in pixels.", Decides.PIXELS, values.WHOLE, least=1, settled=True),
    )
    max_side: int | None = field(
        default=None, metadata=about("Longest side of the result, at most.", Decides.PIXELS, values.WHOLE, least=1)
    )
    min_side: int | None = field(
        default=None, metadata=about("Shortest side of the result, at least.", Decides.PIXELS, values.WHOLE, least=1)
    )
    crop: Region | None = field(
        default=None,
        metadata=about(
            "Only a part of the result, X,Y,WIDTH,HEIGHT: a preview with its exact pixels.",
            Decides.PIXELS,
            values.REGION,
        ),
    )
    strength: float = field(
        default=1.0,
        metadata=about(
            "0 leaves the photo as it is, 1 is the full effect.",
            Decides.PIXELS,
            values.NUMBER,
            least=0,
            most=1,
            engine=True,
        ),
    )
    only: str | None = field(
        default=None,
        metadata=about(
            "Restore only the brightness (colour stays), or only the colour (grain and detail stay).",
            Decides.PIXELS,
            values.TEXT,
            among=("brightness", "colour"),
            engine=True,
        ),
    )
    wrap: str | None = field(
        default=None,
        metadata=about(
            "The photo is a texture that goes on at its other side, along x, y or both: no seam there.",
            Decides.PIXELS,
            values.TEXT,
            among=("x", "y", "both"),
            engine=True,
        ),
    )
    guard: bool = field(
        default=True,
        metadata=about(
            "Take results as they are, even where they are not plausible.", Decides.PIXELS, values.FLAG, engine=True
        ),
    )
    format: str | None = field(
        default=None, metadata=about("png, jpeg, tiff or webp.", Decides.PIXELS, values.TEXT, settled=True)
    )
    depth: int | None = field(
        default=None,
        metadata=about(
            "8 or 16 bits a sample; the input's own by default.", Decides.PIXELS, values.WHOLE, among=(8, 16)
        ),
    )
    background: Colour | None = field(
        default=None,
        metadata=about(
            "Put a colour behind transparent photos: white, black, '#rrggbb' ….", Decides.PIXELS, values.COLOUR
        ),
    )
    quality: int = field(
        default=95,
        metadata=about("Of JPEG and WebP.", Decides.PIXELS, values.WHOLE, where=_heeded("quality"), least=1, most=100),
    )
    subsampling: bool = field(
        default=False,
        metadata=about(
            "Store JPEG colour at half resolution.", Decides.PIXELS, values.FLAG, where=_heeded("subsampling")
        ),
    )
    lossless: bool = field(
        default=False,
        metadata=about("Store WebP without loss.", Decides.PIXELS, values.FLAG, where=_heeded("lossless")),
    )
    max_pixels: int | None = field(
        default=268_402_689,
        metadata=about(
            "Refuse photos of more pixels than this, such as 500M; none for no limit.",
            Decides.NOTHING,
            values.PIXEL_COUNT,
            least=1,
        ),
    )
    allow_damaged: bool = field(
        default=False, metadata=about("Restore what there is of a damaged file.", Decides.PIXELS, values.FLAG)
    )
    first_frame: bool = field(
        default=False,
        metadata=about("Take the first picture of an animation or several pages.", Decides.PIXELS, values.FLAG),
    )
    strip_metadata: bool = field(
        default=False, metadata=about("Keep nothing but pixels and colour profile.", Decides.FILE, values.FLAG)
    )
    preserve_times: bool = field(
        default=False, metadata=about("Give results the time of change of their inputs.", Decides.FILE, values.FLAG)
    )
    stamp: bool = field(
        default=True, metadata=about("Leave out the note of how the result was made.", Decides.FILE, values.FLAG)
    )
    device: str = field(
        default="auto",
        metadata=about("auto, cpu, cuda or cuda:N.", Decides.ROUNDING, values.DEVICE, settled=True, engine=True),
    )
    precision: str = field(
        default="auto",
        metadata=about(
            "auto, fp32, bf16 or fp16; auto is fast only where it costs no quality.",
            Decides.PIXELS,
            values.TEXT,
            among=("auto", "fp32", "bf16", "fp16"),
            settled=True,
            engine=True,
        ),
    )
    tile: tuple[int, int] | None = field(
        default=None,
        metadata=about(
            "Side of a tile in input pixels; chosen from --memory.",
            Decides.ROUNDING,
            values.TILE,
            where=_rounds,
            engine=True,
        ),
    )
    memory: int | None = field(
        default=None,
        metadata=about(
            "Budget for image data, such as 800M or 2G; 1G by default.",
            Decides.NOTHING,
            values.MEMORY,
            least=1,
            engine=True,
        ),
    )

    def __post_init__(self) -> None:
        """Turn what was written into values.

        Raises:
            UsageError: A value is none that its setting can have.
        """
        for name, setting in known(self).items():
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, setting.read(name, value))

    @classmethod
    def of(cls, **written: Any) -> Self:
        """Return the settings that these values make, as people write them.

        Raises:
            UsageError: A value is none that its setting can have.
        """
        return cls(**written)

    @property
    def target(self) -> Target:
        """How large results are to be, in settings as they were asked for.

        Raises:
            UsageError: Sizes contradict each other or the scale.
        """
        from imgrestore.image.sizes import Target

        target = Target(self.width, self.height, self.max_side, self.min_side)
        if target.fixed and self.scale is not None:
            raise UsageError("--scale and --width or --height both fix the size", hint="leave one of them out")
        return target

    @property
    def larger(self) -> bool:
        """Whether a scale or a size was asked for."""
        return self.scale is not None or any((self.width, self.height, self.max_side, self.min_side))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the whole result in pixels, in settings that tell it."""
        assert self.width is not None and self.height is not None
        return self.width, self.height

    @property
    def reading(self) -> ReadOptions:
        """What is accepted of inputs."""
        from imgrestore.codecs import ReadOptions

        return ReadOptions(**self._for(ReadOptions))

    @property
    def saving(self) -> SaveOptions:
        """How results are compressed."""
        from imgrestore.codecs import SaveOptions

        return SaveOptions(**self._for(SaveOptions))

    @property
    def conversion(self) -> Conversion:
        """What the samples of results are, unlike those of inputs."""
        from imgrestore.image.conversion import Conversion

        return Conversion(**self._for(Conversion))

    @property
    def computing(self) -> dict[str, Any]:
        """How results are computed, as arguments of :func:`imgrestore.engine.prepare.prepare`."""
        taken = {name: getattr(self, name) for name, setting in known(self).items() if setting.engine}
        return {name: value for name, value in taken.items() if value is not None}

    def settled(self, *, scale: float, size: tuple[int, int], format: str) -> Self:
        """Return the settings of one image, before it is computed.

        Args:
            scale: Enlargement that the model was chosen for.
            size: Width and height of the whole result.
            format: Name of its format.
        """
        width, height = size
        return replace(self, scale=scale, width=width, height=height, max_side=None, min_side=None, format=format)

    def in_use(self, *, device: str, precision: str, tile: tuple[int, int] | None) -> Self:
        """Return the settings of one image, once they are known in full.

        Args:
            device: Kind of device that computes it, ``"cpu"`` or ``"cuda"``.
            precision: Arithmetic that it does so in.
            tile: Height and width of tiles in input pixels, or None if there are none.
        """
        return replace(self, device=device, precision=precision, tile=tile, memory=None)

    def deciding(self, *what: Decides, changed: bool = False) -> dict[str, Any]:
        """Return the settings that decide these things in this result, as plain data.

        Args:
            *what: What of the result.
            changed: Whether those at their defaults are left out, too; a setting that does not exist yet is one of
                them. What is None, and a flag at its default, is always left out.
        """
        table = {}
        for name, setting in known(self).items():
            value = getattr(self, name)
            usual = value == getattr(type(self), name) and (changed or isinstance(value, bool))
            if value is not None and not usual and setting.decides in what and setting.where(self):
                table[name] = values.plain(value)
        return table

    @classmethod
    def of_stamp(cls, table: Mapping[str, Any], name: str) -> Self:
        """Return the settings in use of a result, as its stamp states them; other entries are passed over.

        What the stamp does not state has its default: it was made before there was such a setting.

        Args:
            table: Parameters of the stamp.
            name: The file that holds it, for messages.

        Raises:
            InputError: An entry is missing, or is not what it should be.
        """
        hint = "it was made by another version, or was changed"
        try:
            found = cls(**{key: table[key] for key in known(cls) if key in table})
        except UsageError as error:
            raise InputError(f"{name}: its stamp makes no sense ({error})", hint=hint) from None
        for key, setting in known(cls).items():
            if setting.settled and getattr(found, key) in (None, "auto"):
                raise InputError(f"{name}: its stamp does not say {key!r}", hint=hint)
        if found.crop is not None and not found.crop.within(*found.size):
            raise InputError(f"{name}: its stamp makes no sense (its crop lies outside)", hint=hint)
        return found

    def _for(self, options: Any) -> dict[str, Any]:
        """Return the arguments of a class of options, which have the names of settings."""
        return {at.name: getattr(self, at.name) for at in fields(options)}
