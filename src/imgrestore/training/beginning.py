"""What a new run takes over from earlier weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from imgrestore.errors import WeightsError
from imgrestore.models.contract import RestorationModel
from imgrestore.weights.storage import load_weights


@dataclass(frozen=True)
class Taken:
    """How much of earlier weights a network has taken over.

    Attributes:
        path: The earlier weights.
        numbers: How many of their numbers were taken over.
        available: How many they have.
    """

    path: Path
    numbers: int
    available: int

    @property
    def whole(self) -> bool:
        """Whether nothing was left behind."""
        return self.numbers == self.available

    def __str__(self) -> str:
        """Say so in one line."""
        return f"took over {self.numbers:,} of {self.available:,} numbers from {self.path}"


def take_over(model: RestorationModel, path: Path) -> Taken:
    """Put all numbers of earlier weights into a network that fit in name and shape.

    If the network has :meth:`~RestorationModel.grown` from the earlier one, that is laid into it, so that it computes
    the same at first.

    Raises:
        WeightsError: No layer fits: biases and the like, which fit by chance, are nothing to begin with.
    """
    earlier_model, card = load_weights(path)
    earlier, own = earlier_model.state_dict(), model.state_dict()
    grown = model.grown(earlier_model)
    known = {name: (own[name], tensor) for name, tensor in earlier.items() if name in own}
    fitting = {
        name: tensor if mine.shape == tensor.shape else _laid_into(mine, tensor)
        for name, (mine, tensor) in known.items()
        if mine.shape == tensor.shape or (grown and all(map(int.__ge__, mine.shape, tensor.shape)))
    }
    if not any(tensor.dim() > 1 for tensor in fitting.values()):
        raise WeightsError(
            f"{path}: no layer of this {card.model} fits the network of the recipe",
            hint="weights of the same network fit, and those of a narrower or shallower resnet-…",
        )
    model.load_state_dict(own | fitting)
    taken = sum(earlier[name].numel() for name in fitting)
    return Taken(path, taken, sum(tensor.numel() for tensor in earlier.values()))


def _laid_into(fresh: Tensor, earlier: Tensor) -> Tensor:
    """Lay weights into larger ones so that the old outputs do not see the new inputs yet.

    T. Chen et al., "Net2Net: Accelerating Learning via Knowledge Transfer", ICLR 2016, arXiv:1511.05641, has copies of
    old channels where new ones stay as they were drawn here.
    """
    grown = fresh.clone()
    grown[: len(earlier)] = 0
    grown[tuple(slice(side) for side in earlier.shape)] = earlier
    return grown
