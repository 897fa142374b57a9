"""Networks that restore an image one after the other, as one network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn

from imgrestore.models.contract import RestorationModel


class InTurn(RestorationModel):
    """Each network restores what the one before it gives, unrounded; all but the last keep an image's size."""

    def __init__(self, models: Sequence[RestorationModel]) -> None:
        """Join models of finite reach.

        Raises:
            ValueError: One has no finite reach, or one that is not the last changes an image's size.
        """
        super().__init__()
        if not all(model.exact for model in models) or any(model.scale != 1 for model in models[:-1]):
            raise ValueError("only models of finite reach work in turn, and all but the last must have a scale of 1")
        self.steps = nn.ModuleList(models)
        self.scale = models[-1].scale
        self.multiple_of = math.lcm(*(model.multiple_of for model in models))
        self.halo = sum(math.ceil(model.halo / model.multiple_of) * model.multiple_of for model in models)
        self.edge = math.ceil(max(model.edge for model in models) / self.multiple_of) * self.multiple_of
        self.activation_bytes = max(model.activation_bytes for model in models)

    def forward(self, lq: Tensor) -> Tensor:
        """Restore (N, 3, H, W) in [0, 1] to (N, 3, scale H, scale W)."""
        for step in self.steps:
            lq = cast(RestorationModel, step)(lq)
        return lq
