"""Making a model that was chosen ready to run."""

from __future__ import annotations

from typing import Any

from imgrestore.engine.devices import choose_device
from imgrestore.engine.restorer import Restorer
from imgrestore.models.contract import RestorationModel
from imgrestore.models.in_turn import InTurn
from imgrestore.weights.catalogue import Choice
from imgrestore.weights.storage import build, load_weights


def prepare(choice: Choice, *, device: str, **options: Any) -> Restorer:
    """Load what :func:`imgrestore.weights.catalogue.choose` chose; the options are those of :class:`Restorer`."""
    loaded = [_network(step) for step in choice.steps]
    losses = [loss for _, loss in loaded if loss is not None]
    loss = sum(losses) if len(losses) == len(loaded) else None
    network = loaded[0][0] if len(loaded) == 1 else InTurn([network for network, _ in loaded])
    return Restorer(network, choice.scale, choose_device(device), bf16_loss_db=loss, **options)


def _network(choice: Choice) -> tuple[RestorationModel, float | None]:
    """Return a network and the PSNR that bfloat16 costs it, if that was measured."""
    if choice.weights is None:
        return build(choice.entry.name, {"scale": choice.scale}), None
    network, card = load_weights(choice.weights)
    return network, card.bf16_loss_db
