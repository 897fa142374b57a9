"""Optimisers: what turns gradients into steps.

All of them are of the kind that gradient scalers drive: the learning rate is a tensor, and a tensor ``found_inf`` that
is given to the built optimiser as an attribute makes it change nothing where it is 1. So nothing of a step on a GPU has
to be known on the host, and a CUDA graph can take it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar

import torch
from torch import Tensor, nn

from imgrestore.parts.part import Field, Part
from imgrestore.parts.registry import register_optimizer

Decay = Annotated[float, Field(ge=0, lt=1)]
"""How much of a running mean stays in a step."""


class Optimizer(Part):
    """An optimiser and how gradients reach it.

    Attributes:
        learning_rate: The highest the schedule lets it be.
        weight_decay: Share of a weight that is taken away; how, the kind says.
        clip: Largest norm of the whole gradient, longer ones are shortened; 0 leaves them as they are.
        accumulate: Batches whose mean gradient makes one step.
    """

    group: ClassVar[str] = "optimizer"
    default_kind: ClassVar[str] = "adam"

    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    clip: float = Field(0.0, ge=0)
    accumulate: int = Field(1, ge=1)

    @abstractmethod
    def build(self, parameters: Sequence[nn.Parameter], rate: Tensor) -> torch.optim.Optimizer:
        """Return the optimiser of parameters that lie on one device.

        Args:
            parameters: What it changes.
            rate: The learning rate, a number on their device that may change between steps.
        """


@register_optimizer
class Adam(Optimizer):
    """Adam; weight decay is added to the gradient (L2).

    D. Kingma, J. Ba, ICLR 2015, arXiv:1412.6980.
    """

    betas: tuple[Decay, Decay] = (0.9, 0.999)
    epsilon: float = Field(1e-8, gt=0)

    def build(self, parameters: Sequence[nn.Parameter], rate: Tensor) -> torch.optim.Optimizer:
        """Return the optimiser of these parameters."""
        return torch.optim.Adam(
            parameters, rate, self.betas, self.epsilon, self.weight_decay, capturable=rate.is_cuda, fused=True
        )


@register_optimizer
class Adamw(Optimizer):
    """Adam with weight decay apart from the gradient.

    I. Loshchilov, F. Hutter, ICLR 2019, arXiv:1711.05101.
    """

    betas: tuple[Decay, Decay] = (0.9, 0.999)
    epsilon: float = Field(1e-8, gt=0)
    weight_decay: float = Field(1e-2, ge=0)

    def build(self, parameters: Sequence[nn.Parameter], rate: Tensor) -> torch.optim.Optimizer:
        """Return the optimiser of these parameters."""
        return torch.optim.AdamW(
            parameters, rate, self.betas, self.epsilon, self.weight_decay, capturable=rate.is_cuda, fused=True
        )


@register_optimizer
class Sgd(Optimizer):
    """Stochastic gradient descent with momentum; weight decay is added to the gradient (L2)."""

    momentum: float = Field(0.0, ge=0, lt=1)

    def build(self, parameters: Sequence[nn.Parameter], rate: Tensor) -> torch.optim.Optimizer:
        """Return the optimiser of these parameters."""
        return torch.optim.SGD(parameters, rate, self.momentum, weight_decay=self.weight_decay, fused=True)


@register_optimizer
class Lion(Optimizer):
    """Steps of one length along the sign of the momentum; weight decay apart from the gradient.

    X. Chen et al., "Symbolic Discovery of Optimization Algorithms", NeurIPS 2023, arXiv:2302.06675.
    """

    betas: tuple[Decay, Decay] = (0.9, 0.99)
    learning_rate: float = Field(1e-4, gt=0)

    def build(self, parameters: Sequence[nn.Parameter], rate: Tensor) -> torch.optim.Optimizer:
        """Return the optimiser of these parameters."""
        return _Lion(parameters, {"lr": rate, "betas": self.betas, "weight_decay": self.weight_decay})


class _Lion(torch.optim.Optimizer):
    found_inf: Tensor | None = None

    def __init__(self, parameters: Iterable[nn.Parameter], defaults: dict[str, Any]) -> None:
        super().__init__(parameters, defaults)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move every weight by lr (sign(b1 m + (1 - b1) g) + decay w), then let m follow g with b2."""
        for group in self.param_groups:
            (first, second), rate = group["betas"], group["lr"]
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                if not self.state[weight]:
                    self.state[weight]["momentum"] = torch.zeros_like(weight)
                momentum = self.state[weight]["momentum"]
                direction = momentum.lerp(weight.grad, 1 - first).sign_()
                self._set(weight, weight * (1 - rate * group["weight_decay"]) - rate * direction)
                self._set(momentum, momentum.lerp(weight.grad, 1 - second))

    def _set(self, tensor: Tensor, changed: Tensor) -> None:
        tensor.copy_(changed if self.found_inf is None else torch.where(self.found_inf > 0, tensor, changed))
