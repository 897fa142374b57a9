"""Weights files: saving a trained network and building it again.

Numbers are stored as safetensors and nothing else is ever executed or unpickled.
"""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor
from torch.nn import Module

from imgrestore.errors import PluginError, RecipeError, WeightsError, nearest
from imgrestore.files import write_atomically
from imgrestore.models.contract import RestorationModel
from imgrestore.parts.registry import find_model
from imgrestore.weights.cards import METADATA_KEY, Card, read_card


def complete_dimensions(name: str, dimensions: dict[str, Any], where: str = "model") -> dict[str, Any]:
    """Check the arguments of a model's builder and fill in those that are not given.

    Args:
        name: A model of the registry.
        dimensions: Arguments for its builder.
        where: Where they stand, for messages.

    Raises:
        UnknownNameError: No model has that name.
        RecipeError: A dimension is unknown, of the wrong type or out of range.
    """
    entry = find_model(name)
    builder = entry.load()
    with entry.running():
        types = {key: kind for key, kind in get_type_hints(builder).items() if key != "return"}
    for key, value in dimensions.items():
        if key not in types:
            raise RecipeError(f"unknown key '{where}.{key}'{nearest(key, types)}")
        if get_origin(types[key]) is Literal:
            if value not in get_args(types[key]):
                known = ", ".join(map(repr, get_args(types[key])))
                raise RecipeError(f"'{where}.{key}' must be one of {known}, got {value!r}")
            continue
        accepted = (int, float) if types[key] is float else types[key]
        if not isinstance(value, accepted) or (isinstance(value, bool) and types[key] is not bool):
            raise RecipeError(f"'{where}.{key}' must be of type {types[key].__name__}, got {value!r}")
        if not isinstance(value, bool) and isinstance(value, int | float) and value <= 0:
            raise RecipeError(f"'{where}.{key}' must be positive, got {value!r}")
    defaults = {key: parameter.default for key, parameter in inspect.signature(builder).parameters.items()}
    complete = defaults | dimensions
    scale = complete.get("scale", 1)
    if entry.scales and scale not in entry.scales:
        raise RecipeError(f"'{where}.scale' of {name} must be one of {entry.scales}, got {scale}")
    return complete


def build(name: str, dimensions: dict[str, Any]) -> RestorationModel:
    """Build a network with fresh numbers; see :func:`complete_dimensions`."""
    entry, complete = find_model(name), complete_dimensions(name, dimensions)
    with entry.running():
        model = entry.load()(**complete)
    if not isinstance(model, RestorationModel):
        raise PluginError(f"model {name} of {entry.place} builds no RestorationModel")
    return model


def save_weights(path: Path, tensors: dict[str, Tensor], card: Card) -> None:
    """Write numbers and card to ``path``, all or nothing."""
    cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_atomically(path, save(cpu, metadata={METADATA_KEY: card.to_json()}))


def load_weights(path: Path) -> tuple[RestorationModel, Card]:
    """Build the network a weights file belongs to and fill in its numbers.

    Returns:
        The network in evaluation mode on the CPU, and its card.

    Raises:
        WeightsError: The file is damaged, does not fit the model it names, holds NaN or infinity, or there is no such
            model here.
    """
    card = read_card(path)
    card.entry(path)
    try:
        model = build(card.model, card.dimensions)
    except RecipeError as error:
        raise WeightsError(f"{path}: {error}") from None
    fill(model, path)
    return model.eval(), card


def fill(model: Module, path: Path) -> None:
    """Fill a network with the numbers of a weights file.

    Raises:
        WeightsError: The file is damaged, does not fit the network, or holds NaN or infinity.
    """
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{path}: damaged ({error})", hint="copy or train it again") from None
    called, expected = read_card(path).model, model.state_dict()
    if expected.keys() != tensors.keys():
        odd = sorted(expected.keys() ^ tensors.keys())
        raise WeightsError(f"{path}: does not fit {called}: {odd[0]} is missing or unexpected")
    for name, tensor in tensors.items():
        if tensor.shape != expected[name].shape:
            shapes = f"{tuple(tensor.shape)} instead of {tuple(expected[name].shape)}"
            raise WeightsError(f"{path}: does not fit {called}: {name} is {shapes}")
        if not torch.isfinite(tensor).all():
            raise WeightsError(f"{path}: {name} holds NaN or infinity", hint="copy or train it again")
    model.load_state_dict(tensors)


def update_card(path: Path, **changes: Any) -> None:
    """Change fields of a weights file's card and nothing else.

    Raises:
        WeightsError: The file cannot be read.
    """
    card = dataclasses.replace(read_card(path), **changes)
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: damaged ({error})") from None
    save_weights(path, tensors, card)
