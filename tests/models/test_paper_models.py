"""What papers 002 and 004 say of their networks."""

import pytest
import torch
from torch import Tensor, nn

from conftest import random_model
from imgrestore.engine.restorer import Restorer
from imgrestore.models.contract import RestorationModel
from imgrestore.models.variational import VariationalAutoencoder
from imgrestore.optimization.schedules import Triangular2
from imgrestore.recipes import shipped_recipes
from imgrestore.recipes.recipe import load_recipe
from imgrestore.weights.storage import build


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def sides(module: nn.Module, given: Tensor) -> list[int]:
    """Return the side of the input and of what each layer gives, wherever it changes."""
    seen = [given.shape[-1]]
    hooks = [
        layer.register_forward_hook(lambda _, __, made: seen.append(made.shape[-1]) if made.ndim == 4 else None)
        for layer in module.modules()
        if not list(layer.children())
    ]
    module(given)
    for hook in hooks:
        hook.remove()
    return [side for i, side in enumerate(seen) if i == 0 or side != seen[i - 1]]


@pytest.mark.parametrize(
    ("name", "dimensions", "count"),
    [
        ("mnist-vae", {}, 69_989),
        ("cae-small", {}, 23_659),
        ("cae-small", {"dense": True}, 23_659 + 2 * (32 * 32 + 32)),
        ("cae-small", {"bottleneck": "8x8x2"}, 12_965),
        ("vae-cifar", {}, 522_519),
        ("deconv2x", {}, 3_063),
        ("resnet4x", {}, 299_463),
        ("resnet4x", {"global_skip": True}, 299_463),
    ],
)
def test_parameters_are_those_of_the_paper(name: str, dimensions: dict, count: int) -> None:
    assert parameters(build(name, dimensions)) == count


def test_parameters_of_the_parts() -> None:
    vae, resnet = build("mnist-vae", {}), build("resnet4x", {})
    assert (parameters(vae.encoder), parameters(vae.decoder)) == (28_036, 41_953)
    assert [parameters(part) for part in resnet.body] == [1_792, 147_970, 147_970, 1_731]


def test_sides_are_those_of_the_paper() -> None:
    vae, small, wide = build("mnist-vae", {}), build("cae-small", {}), build("cae-small", {"bottleneck": "8x8x2"})
    assert sides(vae.encoder, torch.rand(1, 1, 28, 28)) == [28, 13, 6]
    assert sides(vae.decoder, torch.rand(1, 2))[1:] == [7, 14, 28]
    assert sides(small, torch.rand(1, 3, 32, 32)) == [32, 16, 8, 4, 2, 4, 8, 16, 32]
    assert sides(wide, torch.rand(1, 3, 32, 32)) == [32, 16, 8, 16, 32]
    with_border = [180, 359, 359 + 2, 360]
    assert sides(build("deconv2x", {}), torch.rand(1, 3, 180, 180)) == with_border, "of zeros, instead of a padding"


@pytest.mark.parametrize(("name", "code"), [("mnist-vae", 2), ("vae-cifar", 10)])
def test_codes_are_drawn_in_training_and_mean_in_restoration(name: str, code: int) -> None:
    torch.manual_seed(1)
    model = build(name, {})
    lq = torch.rand(3, model.channels, model.native_size, model.native_size)
    torch.manual_seed(0)
    drawn = model.train().outputs(lq)
    torch.manual_seed(0)
    again, other = model.outputs(lq), model.outputs(lq)
    assert torch.equal(drawn["restored"], again["restored"]) and not torch.equal(again["code"], other["code"])
    assert all(drawn[name].shape == (3, code) for name in ("mean", "logvar", "code"))
    model.eval()
    calm = model.outputs(lq)
    assert torch.equal(calm["code"], calm["mean"]) and torch.equal(calm["restored"], model(lq))
    torch.manual_seed(0)
    assert torch.allclose(model.restore_drawn(lq), drawn["restored"], atol=1e-6)


def test_drawn_codes_have_the_mean_and_spread_they_say() -> None:
    encoder = nn.Linear(4, 4)
    nn.init.eye_(encoder.weight)
    nn.init.zeros_(encoder.bias)
    torch.manual_seed(0)
    given = torch.tensor([0.5, -1.0, 0.0, 1.4]).expand(50_000, -1)
    code = VariationalAutoencoder(encoder, nn.Identity()).train().outputs(given)["code"]
    assert torch.allclose(code.mean(0), given[0, :2], atol=0.03)
    assert torch.allclose(code.std(0), (given[0, 2:] / 2).exp(), rtol=0.03)


def test_linear_output_leaves_the_range_and_sigmoid_does_not() -> None:
    lq = torch.rand(2, 1, 28, 28)
    linear, bounded = (random_model("mnist-vae", 1, output=output) for output in ("linear", "sigmoid"))
    for model in (linear, bounded):
        model.decoder[-1 if model is linear else -2].bias.data.fill_(3)
    assert linear(lq).min() > 1 and bounded(lq).min() > 0.9 and bounded(lq).max() <= 1


def bilinear_resnet4x() -> RestorationModel:
    """Build a network that does nothing but what it begins with: the enlargement."""
    model = build("resnet4x", {"width": 8, "global_skip": True})
    nn.init.zeros_(model.body[-1].weight)
    nn.init.zeros_(model.body[-1].bias)
    return model.eval()


def test_resnet4x_restores_in_place_and_trains_as_the_paper() -> None:
    model, ramp = bilinear_resnet4x(), torch.linspace(0, 1, 90).expand(1, 3, 90, 90)
    pixels = torch.arange(360.0)
    in_place = ((pixels + 0.5) / 4 - 0.5).clamp(0, 89) / 89
    corners = pixels / 359
    assert torch.allclose(model(ramp)[0, 0, 0], in_place, atol=1e-5)
    assert torch.allclose(model.restore_as_published(ramp)[0, 0, 0], corners, atol=1e-5)
    assert torch.allclose(model.train()(ramp)[0, 0, 0], corners, atol=1e-5)


@pytest.mark.parametrize("name", ["mnist-vae", "cae-small", "vae-cifar"])
def test_blocks_show_no_edges(name: str) -> None:
    """What a block restores to hardly depends on where it is cut, so a plain photo comes out plain."""
    model = random_model(name, 1)
    side = model.native_size
    plain = Restorer(model).restore_tensor(torch.full((3, 2 * side + 5, 3 * side - 7), 0.4))
    assert plain.shape == (3, 2 * side + 5, 3 * side - 7)
    block = model(torch.full((1, model.channels, side, side), 0.4))[0]
    low, high = block.amin((1, 2))[:, None, None] - 1e-6, block.amax((1, 2))[:, None, None] + 1e-6
    assert bool(((plain >= low) & (plain <= high)).all())


@pytest.mark.parametrize("name", [name for name in shipped_recipes() if name.startswith("mnist-vae")])
def test_recipes_of_paper_002_are_one_but_for_the_loss(name: str) -> None:
    recipe, row = load_recipe(name), load_recipe("mnist-vae-l2")
    assert row.optimizer.learning_rate == 1e-3 and row.schedule == Triangular2(lowest=0.1, half_cycle=2000)
    assert recipe.loss[0].kind == "kl-gauss", "where --set loss.0.weight finds it"
    assert recipe.data == row.data and recipe.optimizer == row.optimizer and recipe.schedule == row.schedule
    assert recipe.training == row.training and recipe.data.batch * recipe.training.steps == 50 * 60_000
    if name.endswith("-fair"):
        assert recipe.loss[1:] == load_recipe(name.removesuffix("-fair")).loss[1:]
    else:
        assert recipe.loss[0].weight == 0.0015


@pytest.mark.parametrize(
    ("name", "batch", "epochs", "rate"),
    [
        ("cae-small-a", 1, 3, 1e-3),
        ("cae-small-b", 1, 3, 1e-3),
        ("cae-small-b-fast", 128, 30, 1e-3),
        ("vae-cifar", 128, 20, 1e-3),
        ("deconv2x", 5, 5, 1e-3),
        ("resnet4x", 5, 5, 1e-4),
        ("resnet4x-ssim", 5, 5, 1e-4),
    ],
)
def test_recipes_of_paper_004_have_its_numbers(name: str, batch: int, epochs: int, rate: float) -> None:
    recipe = load_recipe(name)
    assert (recipe.data.batch, recipe.training.epochs, recipe.optimizer.learning_rate) == (batch, epochs, rate)
    assert recipe.optimizer.kind == "adam" and recipe.optimizer.weight_decay == 1e-5
