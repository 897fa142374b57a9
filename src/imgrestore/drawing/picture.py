"""A numbered picture: the same one for everyone who has the same fonts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgrestore.drawing.fonts import find_fonts
from imgrestore.drawing.pages import draw_page
from imgrestore.drawing.patterns import draw_pattern
from imgrestore.drawing.screens import draw_screen

_KINDS = {"page": draw_page, "screen": draw_screen, "pattern": draw_pattern}

_ORDER = ("page", "screen", "page", "pattern", "screen")
"""What pictures show, in turn."""

_SHAPES = ((768, 1024), (1024, 768), (896, 896))
"""Heights and widths, in turn."""


@dataclass(frozen=True)
class Drawing:
    """A picture that is drawn by program.

    Attributes:
        number: All that is in it follows from its number and the fonts.
    """

    number: int

    @property
    def kind(self) -> str:
        """What it shows: ``page``, ``screen`` or ``pattern``."""
        return _ORDER[self.number % len(_ORDER)]

    @property
    def name(self) -> str:
        """What messages call it; other fonts give another name."""
        return f"drawn/{self.number:04d}-{self.kind}-{find_fonts().digest}"

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return _SHAPES[self.number % len(_SHAPES)]

    def draw(self) -> NDArray[np.uint8]:
        """Draw it, uint8 RGB (H, W, 3)."""
        return _KINDS[self.kind](np.random.default_rng([self.number, 3]), *self.size)
