"""What a training step differentiates."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from imgrestore.errors import RecipeError
from imgrestore.losses.contract import Loss
from imgrestore.models.contract import RestorationModel


class Objective(nn.Module):
    """A network followed by the terms of its loss.

    One module, so that whatever wraps a training step (several processes, a compiler) wraps all of it.
    """

    def __init__(self, model: RestorationModel, losses: Sequence[Loss], bf16: bool) -> None:
        """Join a network and its losses; with ``bf16`` the network computes in bfloat16 where that is safe."""
        super().__init__()
        self.model = model
        self.losses = losses
        self.bf16 = bf16

    def forward(self, lq: Tensor, gt: Tensor, counting: tuple[int, ...]) -> Tensor:
        """Return the weighted terms of the loss.

        Args:
            lq: Low-quality images (N, C, h, w).
            gt: Ground truth (N, C, H, W).
            counting: Numbers of the losses that count.

        Returns:
            One float32 value for each of them; training minimises their sum.

        Raises:
            RecipeError: Data, model and losses do not fit together.
        """
        self._check(lq)
        with torch.autocast(lq.device.type, torch.bfloat16, enabled=self.bf16):
            outputs = self.model.outputs(lq)
        named = {name: output.float() for name, output in outputs.items()}
        if named["restored"].shape != gt.shape:
            shapes = f"{tuple(named['restored'].shape)} for ground truth {tuple(gt.shape)}"
            raise RecipeError(f"{type(self.model).__name__} gives {shapes}", hint="the data does not suit the model")
        terms = []
        for number in counting:
            loss = self.losses[number]
            given = {name: self._named(name, loss, named) for name in loss.needs}
            terms.append(loss.weight * loss(named["restored"], gt, **given))
        return torch.stack(terms)

    def _check(self, lq: Tensor) -> None:
        model, channels, side = self.model, lq.shape[1], lq.shape[-1]
        if channels != model.channels:
            raise RecipeError(
                f"the model takes images of {model.channels} channels, the data gives {channels}",
                hint=f"set data.channels={model.channels}",
            )
        if model.native_size not in (None, side):
            raise RecipeError(
                f"the model takes images of {model.native_size} pixels a side, the data gives {side}",
                hint="the recipe's data and model must agree on the size",
            )

    def _named(self, name: str, loss: Loss, outputs: dict[str, Tensor]) -> Tensor:
        if name == "kernels":
            return torch.cat([weight.flatten() for weight in self.model.parameters() if weight.ndim > 1])
        if name not in outputs:
            gives = ", ".join(outputs)
            raise RecipeError(
                f"loss {loss.kind} needs the model's output {name!r}, which {type(self.model).__name__} does not give",
                hint=f"it gives {gives}",
            )
        return outputs[name]
