"""Everything the pixels of a result depend on besides its input, the model and the weights. No torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from imgrestore.codecs import SaveOptions
from imgrestore.errors import InputError, UsageError
from imgrestore.image.conversion import Colour, Conversion
from imgrestore.image.regions import Region


@dataclass(frozen=True)
class Making:
    """How one result was made, as its stamp tells it and ``imgrestore verify`` repeats it.

    Attributes:
        scale: Enlargement that the model was chosen for.
        width: Width of the whole result in pixels.
        height: Height of the whole result in pixels.
        format: Name of its format.
        device: ``"cpu"`` or ``"cuda"``.
        precision: Arithmetic in use.
        strength: 0 to 1.
        tile: Height and width of tiles where results depend on them by a rounding: anywhere but in float32 on a CPU.
        edge: Pixels by which the input went on, mirrored, beyond its edges.
        crop: The part of the result that was kept, or None for all of it.
        conversion: What its samples are, unlike its input's.
        allow_damaged: Whether what could be read of a damaged input was taken.
        first_frame: Whether the first of several pictures was taken.
        saving: How it was compressed.
        input: SHA-256 of its input, or None if that was not an ordinary file.
    """

    scale: float
    width: int
    height: int
    format: str
    device: str
    precision: str
    strength: float = 1.0
    tile: tuple[int, int] | None = None
    edge: int = 0
    crop: Region | None = None
    conversion: Conversion = field(default_factory=Conversion)
    allow_damaged: bool = False
    first_frame: bool = False
    saving: SaveOptions = field(default_factory=SaveOptions)
    input: str | None = None

    def table(self) -> dict[str, Any]:
        """Return it as plain data for a stamp; what was not asked for is left out."""
        plain = ("scale", "width", "height", "format", "device", "precision", "strength")
        background = self.conversion.background
        optional = {
            "tile": None if self.tile is None else list(self.tile),
            "edge": self.edge or None,
            "crop": None if self.crop is None else str(self.crop),
            "depth": self.conversion.depth,
            "background": None if background is None else str(background),
            "allow_damaged": self.allow_damaged or None,
            "first_frame": self.first_frame or None,
            "input": self.input,
        }
        given = {name: value for name, value in optional.items() if value is not None}
        return {name: getattr(self, name) for name in plain} | given | self.saving.heeded_by(self.format)

    @classmethod
    def parse(cls, table: dict[str, Any], name: str) -> Making:
        """Read back what :meth:`table` gave; other entries are passed over.

        Args:
            table: Parameters of a stamp.
            name: The file that holds it, for messages.

        Raises:
            InputError: An entry is missing, or is not what it should be.
        """
        try:
            crop, background, tile = (table.get(key) for key in ("crop", "background", "tile"))
            saving = {key: type(value)(table.get(key, value)) for key, value in asdict(SaveOptions()).items()}
            made = cls(
                float(table["scale"]),
                int(table["width"]),
                int(table["height"]),
                str(table["format"]),
                str(table["device"]),
                str(table["precision"]),
                float(table["strength"]),
                None if tile is None else (int(tile[0]), int(tile[1])),
                int(table.get("edge", 0)),
                None if crop is None else Region.parse(crop),
                Conversion(table.get("depth"), None if background is None else Colour.parse(background)),
                bool(table.get("allow_damaged", False)),
                bool(table.get("first_frame", False)),
                SaveOptions(**saving),
                table.get("input"),
            )
            if min(made.width, made.height, *(made.tile or ())) < 1 or not 0 <= made.strength <= 1:
                raise ValueError("numbers out of range")
            if made.crop is not None and not made.crop.within(made.width, made.height):
                raise ValueError("its crop lies outside")
            if made.precision not in ("fp32", "bf16", "fp16"):
                raise ValueError(f"no precision is called {made.precision!r}")
            return made
        except KeyError as error:
            problem = f"its stamp does not say {error}"
        except (AttributeError, IndexError, OverflowError, TypeError, ValueError, UsageError) as error:
            problem = f"its stamp makes no sense ({error})"
        raise InputError(f"{name}: {problem}", hint="it was made by another version, or was changed")
