"""Cards: what a weights file says of itself, readable without importing torch.

A weights file is in the safetensors format: eight bytes with the length of a JSON header, the header, the numbers. The
card is stored in the header's metadata under ``imgrestore``.
"""

from __future__ import annotations

import dataclasses
import json
import struct
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from imgrestore.errors import WeightsError, nearest
from imgrestore.parts import registry
from imgrestore.parts.plugins import how_to_add
from imgrestore.parts.registry import ModelEntry

METADATA_KEY = "imgrestore"
_LONGEST_HEADER = 16 * 2**20


@dataclass(frozen=True)
class Card:
    """What weights say of themselves.

    Attributes:
        model: Name of the model in the registry.
        dimensions: Arguments its builder was called with.
        recipe: The resolved recipe that trained it.
        data: What it was trained on, in words.
        licence: Licence of the weights.
        version: Version of imgrestore that trained it.
        steps: Optimiser steps taken.
        device: What it was trained on, in words.
        scores: Measured results, each with its data set, protocol and baselines.
        minutes: Wall-clock time of the training's steps, or None if not recorded: training notes it in the run's log
            and not here, so that equal runs end in equal files.
        bf16_loss_db: PSNR lost by bfloat16 arithmetic against float32, or None if not measured.
        plugins: The parts of the recipe that came from plugins, as ``"model my-net"``, and what each was from: a
            distribution with its version, or the name of a file. Nothing is ever loaded because of it.
    """

    model: str
    dimensions: dict[str, Any]
    recipe: dict[str, Any] = field(default_factory=dict)
    data: str = ""
    licence: str = ""
    version: str = ""
    steps: int = 0
    device: str = ""
    scores: list[dict[str, Any]] = field(default_factory=list)
    minutes: float | None = None
    bf16_loss_db: float | None = None
    plugins: dict[str, str] = field(default_factory=dict)

    @property
    def scale(self) -> int:
        """Enlargement factor of the weights."""
        return int(self.dimensions.get("scale", 1))

    @property
    def missing(self) -> list[str]:
        """The plugins that it names and some part of which is not here."""
        parts = ((*part.partition(" ")[::2], str(plugin)) for part, plugin in self.plugins.items())
        return sorted({plugin for kind, name, plugin in parts if not registry.known(kind, name)})

    def entry(self, path: Path) -> ModelEntry:
        """Return the model that the weights are for.

        Args:
            path: The weights file, for the message.

        Raises:
            WeightsError: There is no such model here.
        """
        if not registry.known("model", self.model):
            close = "" if self.plugins else nearest(self.model, registry.models())
            raise WeightsError(
                f"{path}: belongs to the model {self.model!r}, which is not here{close}", hint=how_to_add(self.missing)
            )
        return registry.find_model(self.model)

    def scores_with(self, score: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the scores with one more, which takes the place of an earlier one on the same data and protocol."""
        about = score["data"], score["protocol"]
        return [*(each for each in self.scores if (each["data"], each["protocol"]) != about), score]

    def to_json(self) -> str:
        """Return the card as it stands in the file's header."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str, path: Path) -> Card:
        """Read a card back.

        Raises:
            WeightsError: The text is not a card.
        """
        try:
            table, types = json.loads(text), get_type_hints(cls)
            card = cls(**{key: value for key, value in table.items() if key in types})
            odd = [key for key, kind in types.items() if not _is(getattr(card, key), kind)]
            odd += ["dimensions.scale"] if not odd and not _is(card.dimensions.get("scale", 1), int) else []
            if odd:
                raise TypeError(f"{odd[0]} is not what it should be")
            return card
        except RecursionError:
            raise WeightsError(f"{path}: its card cannot be read (it is nested too deep)") from None
        except (ValueError, TypeError, AttributeError) as error:
            raise WeightsError(f"{path}: its card cannot be read ({error})") from None


def _is(value: object, kind: Any) -> bool:
    """Return whether a value of JSON is of the type of a field."""
    if get_origin(kind) is UnionType:
        return any(_is(value, each) for each in get_args(kind))
    if get_origin(kind) is list:
        return isinstance(value, list) and all(_is(each, *get_args(kind)) for each in value)
    accepted = (int, float) if kind is float else get_origin(kind) or kind
    return isinstance(value, accepted) and not isinstance(value, bool)


def read_card(path: Path) -> Card:
    """Read the card of a weights file without reading the numbers.

    Raises:
        WeightsError: The file is missing, is not in the safetensors format, or has no card.
    """
    try:
        with path.open("rb") as file:
            start = file.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
            if not 2 <= length <= _LONGEST_HEADER:
                raise WeightsError(f"{path}: not a safetensors file", hint="imgrestore writes and reads .safetensors")
            header = json.loads(file.read(length))
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        raise WeightsError(f"{path}: damaged, its header is not JSON", hint="copy or train it again") from None
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    text = metadata.get(METADATA_KEY) if isinstance(metadata, dict) else None
    if isinstance(metadata, dict) and "training" in metadata:
        raise WeightsError(
            f"{path}: is the checkpoint of a run, not weights",
            hint="the weights beside it are best.safetensors and, of a finished run, the recipe's name .safetensors",
        )
    if not isinstance(text, str):
        raise WeightsError(f"{path}: has no imgrestore card", hint="only weights trained by imgrestore can be used")
    return Card.from_json(text, path)


def weights_folder() -> Path:
    """Return the folder of the shipped weights: inside the installed package, or beside ``src`` in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "shipped_weights"
    return installed if installed.is_dir() else package.parent.parent / "weights"


def estimator_weights() -> Path:
    """Return the weights of the network that tells what is wrong with a photo; they restore nothing."""
    return weights_folder() / "automatic" / "estimator.safetensors"


def guard_weights() -> Path:
    """Return the weights of the network that judges results; they restore nothing."""
    return weights_folder() / "automatic" / "guard.safetensors"


def comes_with_package(weights: Path) -> bool:
    """Return whether a weights file is one of the shipped ones, which stay what their checksums say."""
    return weights.resolve().is_relative_to(weights_folder().resolve())


@cache
def shipped() -> dict[tuple[str, int], Path]:
    """Return the shipped weights files by name and scale.

    The name, which requests call them by, is the file's without its enlargement: ``resnet-sr-x4.safetensors`` is
    ``"resnet-sr"`` at 4. Weights of the papers' systems, in the sub-folder ``papers``, are called like their recipes.
    What lies in other sub-folders is not shipped.
    """
    found: dict[tuple[str, int], Path] = {}
    folder = weights_folder()
    for path in sorted([*folder.glob("*.safetensors"), *folder.glob("papers/*.safetensors")]):
        scale = read_card(path).scale
        found[path.stem.removesuffix(f"-x{scale}"), scale] = path
    return found
