"""How the guard learns: on a few pictures, with a network that changes nothing but the brightness."""

from pathlib import Path

import torch
from PIL import Image as PillowImage

from imgrestore.automatic.train_guard import best, blended, make_examples, train
from imgrestore.engine.guard import judge
from imgrestore.weights.cards import Card


def test_the_best_blend_leaves_least() -> None:
    errors = torch.tensor([[9.0, 4.0, 8.0], [1.0, -2.0, 4.0], [9.0, 8.0, 4.0]])
    assert best(errors).tolist() == [0.5, 0.0, 1.0]
    assert blended(errors, best(errors)).tolist() == [7.0, 1.0, -3.0]


def test_training_writes_weights_that_judge(tmp_path: Path, photo) -> None:
    for i in range(9):
        PillowImage.fromarray(photo(240, 300, seed=i)).save(tmp_path / f"{i}.png")
    networks = {"brighter": lambda image: image + 0.02}
    examples = make_examples([tmp_path], 1, networks)
    held_out = make_examples([tmp_path], 1, networks, held_out=True)
    count, cells, statistics = examples.statistics.shape
    assert cells == 6 * 8 and examples.errors.shape == (count, cells, 3) and len(examples.kinds) == count
    assert {"brighter", "ideal"} <= {kind.removesuffix(" clean") for kind in examples.kinds}
    weights = tmp_path / "guard.safetensors"
    train(examples, held_out, 8, weights, Card("guard", {"statistics": statistics}))
    assert judge(weights)(held_out.statistics).shape == held_out.errors.shape[:2]
