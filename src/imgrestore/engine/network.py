"""A model on its device, in its precision."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import torch
from torch import Tensor

from imgrestore.engine.devices import DTYPES, Precision, forbid_tf32
from imgrestore.errors import ComputeError
from imgrestore.image.color import luma
from imgrestore.models.contract import RestorationModel


@dataclass
class Network:
    """A model made ready to compute: what overflows in low precision is computed again in float32.

    Attributes:
        model: The network, in float32.
        device: Where it computes.
        precision: In what.
        notices: Where it says what happened that a person should know.
    """

    model: RestorationModel
    device: torch.device
    precision: Precision
    notices: list[str]

    def __post_init__(self) -> None:
        """Bring the network to its device and precision."""
        forbid_tf32()
        self.model = self.model.eval()
        self._ready = copy.deepcopy(self.model) if self.precision != "fp32" else self.model
        self._ready.to(self.device, DTYPES[self.precision], memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(self, batch: Tensor) -> Tensor:
        """Restore a batch (N, 3, h, w) on the host and return the result in float32 there.

        Raises:
            ComputeError: The batch is not finite, or the result is not even in float32.
        """
        restored = self._computed(self._ready, batch)
        if bool((fine := _finite(restored)).all()):
            return restored
        if not bool(torch.isfinite(batch).all()):
            raise ComputeError(
                "some of its samples are not numbers, but NaN or infinity", hint="put numbers in their place first"
            )
        if self.precision != "fp32":
            notice = f"tiles that overflowed in {self.precision} were computed again in float32"
            if notice not in self.notices:
                self.notices.append(notice)
            restored = torch.where(fine, restored, self._computed(self._exact, batch))
            if bool(_finite(restored).all()):
                return restored
        raise ComputeError(
            "the network gave values that are not numbers",
            hint="the input or the weights hold extreme values; 'imgrestore models verify' checks the weights",
        )

    @cached_property
    def _exact(self) -> RestorationModel:
        """The network as the weights file holds it, on the device; made when a tile first needs it."""
        exact = copy.deepcopy(self.model).to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return cast(RestorationModel, exact)

    def _computed(self, network: RestorationModel, batch: Tensor) -> Tensor:
        with torch.inference_mode():
            given = batch if network.channels == 3 else luma(batch)
            restored: Tensor = network(given.to(self.device).contiguous(memory_format=torch.channels_last))
            return restored.float().cpu().expand(-1, 3, -1, -1)


def _finite(batch: Tensor) -> Tensor:
    """Return for each image of a batch, as (N, 1, 1, 1), whether it holds numbers only: its sum tells, and soonest."""
    return torch.isfinite(batch.sum(dim=(1, 2, 3), keepdim=True))
