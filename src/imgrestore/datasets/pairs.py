"""Random crops of photos that have a low-quality counterpart."""

from __future__ import annotations

from pathlib import Path

from imgrestore.codecs import find_images
from imgrestore.datasets.photos import Photos
from imgrestore.datasets.pictures import Files, Shape
from imgrestore.errors import InputError
from imgrestore.parts.part import model_validator
from imgrestore.parts.registry import register_dataset


@register_dataset
class Pairs(Photos):
    """Two folders of photos matched by name, low-quality and ground truth, cut at the same random places.

    The recipe's degradations happen to the low-quality images; ``identity`` takes them as they are.

    Attributes:
        lq: Name of the folder of low-quality images inside the data folder.
        gt: Name of the folder of ground truth inside the data folder.
    """

    lq: str = "lq"
    gt: str = "gt"

    @model_validator(mode="after")
    def _photos_alone(self) -> Pairs:
        if self.drawn:
            raise ValueError("drawn pictures have no low-quality counterpart; mix them into photos")
        return self

    def files(self, folder: Path) -> list[tuple[str, Files]]:
        """Match the images of the two folders by name, never by order."""
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder", hint=f"it takes a folder that holds {self.gt} and {self.lq}")
        gt, lq = (match_names(folder / name) for name in (self.gt, self.lq))
        for stem in sorted(lq.keys() ^ gt.keys()):
            has, lacks = (self.lq, self.gt) if stem in lq else (self.gt, self.lq)
            raise InputError(f"{folder / has}: {stem} has no counterpart in {lacks}", hint="pairs are matched by name")
        if not gt:
            raise InputError(f"{folder / self.gt}: holds no image")
        return [(stem, (gt[stem], lq[stem])) for stem in sorted(gt)]

    def refuse(self, shapes: tuple[Shape, ...], scale: int) -> str | None:
        """Refuse pairs whose sizes do not fit, and those smaller than a sample."""
        (height, width, _), (low_height, low_width, _) = shapes
        if (low_height * scale, low_width * scale) != (height, width):
            return f"{width}x{height} is not {scale} times the {low_width}x{low_height} of its counterpart"
        return super().refuse(shapes, scale)


def match_names(folder: Path) -> dict[str, Path]:
    """Return the images below a folder by their names without extension.

    Raises:
        InputError: The folder is missing, or two images have one name.
    """
    by_stem: dict[str, Path] = {}
    for path in find_images(folder):
        stem = str(path.relative_to(folder).with_suffix(""))
        if stem in by_stem:
            raise InputError(f"{folder}: both {by_stem[stem].name} and {path.name} are called {stem}")
        by_stem[stem] = path
    return by_stem
