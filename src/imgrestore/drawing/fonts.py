"""Fonts: those of installed packages, found by name, so that the same packages give the same letters everywhere.

matplotlib, which is always there, brings DejaVu and STIX; ``pip install 'imgrestore[pages]'`` adds the others. Fonts of
the operating system are never used.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import ImageFont, features

from imgrestore.drawing.words import MARKS, SCRIPTS, Script

Font = ImageFont.FreeTypeFont

_MATPLOTLIB = "matplotlib/mpl-data/fonts/ttf/"

_FAMILIES = {
    "sans": (
        f"{_MATPLOTLIB}DejaVuSans[-.]*",
        "fontpkg_fira_sans",
        "fontpkg_heebo",
        "fontpkg_ibm_plex_sans",
        "fontpkg_inter",
        "fontpkg_montserrat",
        "fontpkg_noto_sans",
        "fontpkg_open_sans",
        "fontpkg_roboto",
        "noto_cjk_sans_jp_regular/*.otf",
    ),
    "serif": (
        f"{_MATPLOTLIB}DejaVuSerif[-.]*",
        f"{_MATPLOTLIB}STIXGeneral*",
        "fontpkg_eb_garamond",
        "fontpkg_frank_ruhl_libre",
        "fontpkg_literata",
        "fontpkg_noto_serif",
        "fontpkg_pt_serif",
        "fontpkg_roboto_slab",
        "fontpkg_source_serif_4",
        "fontpkg_vollkorn",
    ),
    "mono": (
        f"{_MATPLOTLIB}DejaVuSansMono*",
        "fontpkg_fira_code",
        "fontpkg_ibm_plex_mono",
        "fontpkg_jetbrains_mono",
        "fontpkg_space_mono",
    ),
    "display": (
        "fontpkg_abril_fatface",
        "fontpkg_lobster",
        "fontpkg_oswald",
        "fontpkg_playfair_display",
        "fontpkg_press_start_2p",
    ),
    "hand": (
        "fontpkg_caveat",
        "fontpkg_dancing_script",
        "fontpkg_indie_flower",
        "fontpkg_kalam",
        "fontpkg_permanent_marker",
        "fontpkg_zeyada",
    ),
}
"""Families by style: the package of each and, where it is not ``files/*.ttf``, the names of the files inside."""

_ABSENT = "\U000fffff"
"""A character that no font holds: it is drawn as every other one that a font lacks."""


@dataclass(frozen=True)
class Family:
    """A family of fonts.

    Attributes:
        style: ``sans``, ``serif``, ``mono``, ``display`` or ``hand``.
        package: Where it comes from.
        files: Its fonts.
    """

    style: str
    package: str
    files: tuple[Path, ...]

    def font(self, size: float, bold: bool = False, italic: bool = False) -> Font:
        """Return one of its fonts, or the one nearest to what is asked for.

        Args:
            size: Height of an em in pixels.
            bold: Whether it is bold.
            italic: Whether it is slanted.
        """
        slanted = [path for path in self.files if _says(path, "Ita", "Obl") == italic] or self.files
        weighted = [path for path in slanted if _says(path, "Bol") == bold] or slanted
        plain = [path for path in weighted if not _says(path, "Thin", "Light", "Black", "Semi", "Extra", "Medium")]
        return _open((plain or weighted)[0], size, 700 if bold else 400)

    @cached_property
    def scripts(self) -> tuple[Script, ...]:
        """What can be written with it; nothing, if it lacks a mark."""
        font = self.font(12)
        absent = bytes(font.getmask(_ABSENT))

        def holds(letters: str) -> bool:
            return all(bytes(font.getmask(letter)) != absent for letter in set(letters + letters.upper()))

        return tuple(script for script in SCRIPTS if holds(script.letters)) if holds(MARKS) else ()


@dataclass(frozen=True)
class Fonts:
    """All families that were found.

    Attributes:
        families: In a fixed order.
        digest: Tells them from any others, and the program that draws their letters from other versions of it.
    """

    families: tuple[Family, ...]
    digest: str

    def choose(self, rng: np.random.Generator, *styles: str, script: Script = SCRIPTS[0]) -> Family:
        """Choose a family of one of some styles; of any style, if none of those can write the script."""
        able = [family for family in self.families if script in family.scripts]
        suited = [family for family in able if family.style in styles] or able
        return suited[int(rng.integers(len(suited)))]

    @cached_property
    def scripts(self) -> tuple[Script, ...]:
        """What can be written with any of them."""
        return tuple(script for script in SCRIPTS if any(script in family.scripts for family in self.families))


@cache
def find_fonts() -> Fonts:
    """Find the fonts of all installed packages."""
    families = [_family(style, entry) for style, entries in _FAMILIES.items() for entry in entries]
    found = tuple(family for family in families if family.files)
    digest = zlib.crc32((features.version("freetype2") or "").encode())
    for path in (path for family in found for path in family.files):
        digest = zlib.crc32(path.read_bytes(), zlib.crc32(path.name.encode(), digest))
    return Fonts(found, f"{digest:08x}")


def _family(style: str, entry: str) -> Family:
    package, _, pattern = entry.partition("/")
    spec = find_spec(package)
    folders = (spec.submodule_search_locations or []) if spec else []
    files = [path for folder in folders for path in sorted(Path(folder).glob(pattern or "files/*.ttf"))]
    return Family(style, package, tuple(files))


def _says(path: Path, *parts: str) -> bool:
    """Return whether a file's name holds one of some parts of words."""
    return any(part in path.stem for part in parts)


@lru_cache(maxsize=64)
def _open(path: Path, size: float, weight: int) -> Font:
    """Open a font; one of variable weight is given that weight, as far as it reaches."""
    font = ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
    if "wght" in path.stem:
        axes = font.get_variation_axes()
        wanted = [weight if axis["name"] == b"Weight" else axis["default"] or 0 for axis in axes]
        limits = [(axis["minimum"] or 0, axis["maximum"] or 0) for axis in axes]
        font.set_variation_by_axes(
            [float(min(max(each, low), high)) for each, (low, high) in zip(wanted, limits, strict=True)]
        )
    return font
