import json
import struct
from pathlib import Path

import pytest
import torch

from conftest import random_model
from imgrestore.errors import RecipeError, WeightsError
from imgrestore.weights.cards import METADATA_KEY, Card, read_card
from imgrestore.weights.storage import build, load_weights, save_weights, update_card

SMALL = {"scale": 2, "width": 8, "blocks": 1}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    model = random_model("resnet-sr", **SMALL)
    path = tmp_path / "x.safetensors"
    save_weights(path, model.state_dict(), Card("resnet-sr", SMALL, steps=7, licence="Apache-2.0"))
    return path


def test_weights_come_back_with_their_card(saved: Path) -> None:
    model, card = load_weights(saved)
    assert card.steps == 7 and card.scale == 2 and not model.training
    expected = random_model("resnet-sr", **SMALL).state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in model.state_dict().items())
    update_card(saved, bf16_loss_db=0.01)
    assert read_card(saved).bf16_loss_db == 0.01 and read_card(saved).steps == 7
    assert torch.equal(load_weights(saved)[0].head.weight, model.head.weight)


def rewrite(path: Path, **changes: object) -> None:
    """Change the card in the header by hand."""
    content = path.read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    card = json.loads(header["__metadata__"][METADATA_KEY]) | changes
    header["__metadata__"][METADATA_KEY] = json.dumps(card)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda p: p.write_bytes(b""), "not a safetensors file"),
        (lambda p: p.write_bytes(b"PK\x03\x04" + bytes(100)), "not a safetensors file"),
        (lambda p: p.write_bytes(p.read_bytes()[:-10]), "damaged"),
        (lambda p: p.write_bytes(p.read_bytes()[:30]), "damaged"),
        (lambda p: rewrite(p, dimensions={"scale": 2, "width": 16, "blocks": 1}), "does not fit resnet-sr"),
        (lambda p: rewrite(p, dimensions={"scale": 2, "width": 8, "blocks": 2}), "does not fit resnet-sr"),
        (lambda p: rewrite(p, dimensions={"scale": 3}), "must be one of"),
        (lambda p: rewrite(p, dimensions={"scale": 2, "depth": 9}), "unknown key"),
        (lambda p: rewrite(p, dimensions=[2, 8, 1]), "card cannot be read .dimensions"),
        (lambda p: rewrite(p, dimensions={"scale": "2"}), "card cannot be read .dimensions.scale"),
        (lambda p: rewrite(p, scores=["good"]), "card cannot be read .scores"),
        (lambda p: rewrite(p, bf16_loss_db="little"), "card cannot be read .bf16_loss_db"),
        (lambda p: rewrite(p, steps=True), "card cannot be read .steps"),
        (lambda p: p.unlink(), "cannot be read"),
    ],
)
def test_bad_weights_are_refused_in_one_line(saved: Path, damage, message: str) -> None:
    damage(saved)
    with pytest.raises(WeightsError, match=message) as caught:
        load_weights(saved)
    assert "\n" not in str(caught.value)


def test_weights_of_an_unknown_model(saved: Path) -> None:
    rewrite(saved, model="resnet-sq")
    with pytest.raises(WeightsError, match="'resnet-sq', which is not here; did you mean 'resnet-sr'"):
        load_weights(saved)


def test_weights_that_are_not_numbers(saved: Path) -> None:
    tensors = load_weights(saved)[0].state_dict()
    tensors["head.bias"][0] = float("nan")
    save_weights(saved, tensors, read_card(saved))
    with pytest.raises(WeightsError, match="NaN or infinity"):
        load_weights(saved)


def test_safetensors_without_a_card(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(WeightsError, match="no imgrestore card"):
        read_card(tmp_path / "x.safetensors")


@pytest.mark.parametrize(
    ("dimensions", "message"),
    [
        ({"widht": 8}, "unknown key 'model.widht'; did you mean 'width'"),
        ({"width": "8"}, "must be of type int"),
        ({"width": True}, "must be of type int"),
        ({"width": 0}, "must be positive"),
        ({"scale": 3}, "must be one of"),
    ],
)
def test_bad_dimensions(dimensions: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        build("resnet-sr", dimensions)


def with_header(path: Path, header: bytes) -> None:
    path.write_bytes(struct.pack("<Q", len(header)) + header)


@pytest.mark.parametrize("depth", [1_000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_json_that_is_nested_deep_is_one_line(tmp_path: Path, opening: bytes, closing: bytes, depth: int) -> None:
    nested = opening * depth + b"1" + closing * depth
    path = tmp_path / "x.safetensors"
    card = json.dumps({METADATA_KEY: nested.decode()}).encode()
    for header in (nested, b'{"__metadata__":' + nested + b"}", b'{"__metadata__":' + card + b"}"):
        with_header(path, header)
        for read in (read_card, load_weights):
            with pytest.raises(
                WeightsError, match=r"header is not JSON|no imgrestore card|card cannot be read"
            ) as caught:
                read(path)
            assert "\n" not in str(caught.value) and len(str(caught.value)) < 300
