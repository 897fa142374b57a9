"""How large a result is to be."""

from __future__ import annotations

from dataclasses import dataclass

from imgrestore.errors import UsageError
from imgrestore.image import scaled_size


@dataclass(frozen=True)
class Target:
    """A wanted size, in pixels; the proportions of the photo are always kept.

    Attributes:
        width: Width of the result.
        height: Height of the result; with a width, the result fits into both.
        max_side: The longer side is at most this.
        min_side: The shorter side is at least this.
    """

    width: int | None = None
    height: int | None = None
    max_side: int | None = None
    min_side: int | None = None

    def __post_init__(self) -> None:
        """Check that the wishes do not contradict each other.

        Raises:
            UsageError: They do, or one of them is not positive.
        """
        for name, value in vars(self).items():
            if value is not None and value < 1:
                raise UsageError(f"--{name.replace('_', '-')} must be at least 1 pixel, got {value}")
        if self.max_side and self.min_side and self.min_side > self.max_side:
            raise UsageError(f"--min-side {self.min_side} is more than --max-side {self.max_side}")
        if (self.width or self.height) and (self.max_side or self.min_side):
            raise UsageError("--width and --height fix the size", hint="leave out --max-side and --min-side")

    @property
    def fixed(self) -> bool:
        """Whether the size does not depend on the scale at all."""
        return bool(self.width or self.height)

    def size(self, width: int, height: int, scale: float) -> tuple[int, int]:
        """Return the size of the result for a photo.

        Args:
            width: Of the photo.
            height: Of the photo.
            scale: Enlargement where nothing else decides.
        """
        factor = scale
        if self.fixed:
            factor = min(
                wanted / side for wanted, side in ((self.width, width), (self.height, height)) if wanted is not None
            )
        if self.min_side:
            factor = max(factor, self.min_side / min(width, height))
        if self.max_side:
            factor = min(factor, self.max_side / max(width, height))
        across, down = scaled_size(width, height, factor)
        if self.width and not self.height:
            across = self.width
        if self.height and not self.width:
            down = self.height
        return across, down
