"""What every loss promises."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor

from imgrestore.errors import UsageError
from imgrestore.parts.part import Field, Part


class Loss(Part):
    """A term of what training minimises, ``(restored, gt) -> scalar``.

    Called with float32 batches (N, C, H, W), nominally in [0, 1] (the restored one may overshoot), it returns a scalar
    that is a mean over the batch, with finite gradients for any finite input. A loss that needs more than the image
    names the model's outputs in ``needs`` and is given them as keyword arguments (see
    :class:`imgrestore.models.contract.RestorationModel.outputs`).

    Attributes:
        weight: Factor of the term in the sum.
        stage: The only stage in which it counts; all stages by default.
        from_epoch: First epoch in which it counts, the first of all being 1.
        to_epoch: Last epoch in which it counts.
        from_step: First step in which it counts, the first of all being 1.
        to_step: Last step in which it counts.
    """

    group: ClassVar[str] = "loss"
    needs: ClassVar[tuple[str, ...]] = ()

    weight: float = 1.0
    stage: str | None = None
    from_epoch: int = Field(1, ge=1)
    to_epoch: int | None = Field(None, ge=1)
    from_step: int = Field(1, ge=1)
    to_step: int | None = Field(None, ge=1)

    if TYPE_CHECKING:
        __call__: Callable[..., Tensor]

    @property
    def least_side(self) -> int:
        """Shortest side, in pixels, of the images it can compare."""
        return 1

    @property
    def sees_brightness(self) -> bool:
        """Whether it notices that an image is brighter as a whole; one term of a recipe has to."""
        return True

    def counts(self, step: int, epoch: int, stage: str) -> bool:
        """Return whether the term counts in a step.

        Args:
            step: Number of the step, from 1.
            epoch: Number of its epoch, from 1.
            stage: Name of its stage.
        """
        return (
            self.stage in (None, stage)
            and self.from_epoch <= epoch <= (self.to_epoch or epoch)
            and self.from_step <= step <= (self.to_step or step)
        )

    def check_side(self, image: Tensor) -> None:
        """Refuse images (N, C, H, W) whose shorter side is below ``least_side``.

        Raises:
            UsageError: The images are too small.
        """
        height, width = image.shape[-2:]
        if min(height, width) < self.least_side:
            raise UsageError(
                f"loss {self.kind!r} needs images of at least {self.least_side} x {self.least_side} pixels, "
                f"got {width} x {height}",
                hint="train on larger patches, or choose another loss",
            )
