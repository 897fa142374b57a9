"""What single networks promise beyond the contract of all models, which test_engine.py holds."""

import math

import pytest
import torch
from torch import Tensor, nn

from imgrestore.engine.restorer import Restorer
from imgrestore.errors import RecipeError
from imgrestore.image.spectrum import high_pass, phase
from imgrestore.losses.mse import Mse
from imgrestore.losses.sfl_log import SIGMAS, SflLog, laplacian_of_gaussian
from imgrestore.models.contract import RestorationModel
from imgrestore.models.fourier_ae import FourierAutoencoder
from imgrestore.parts import registry
from imgrestore.recipes import shipped_recipes
from imgrestore.recipes.recipe import load_recipe

SMALL_FOURIER: dict[str, object] = {"size": 16, "latent": 8, "width": 8}


def build(name: str, **dimensions: object) -> RestorationModel:
    torch.manual_seed(0)
    model: RestorationModel = registry.find_model(name).load()(**dimensions)
    return model


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def noise(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


def fourier(**dimensions: object) -> FourierAutoencoder:
    model = build("fourier-ae", **dimensions)
    assert isinstance(model, FourierAutoencoder)
    return model


def test_the_fourier_autoencoder_of_paper_000() -> None:
    model = fourier()
    parts = (model.encoder, model.mapping, model.decoder)
    assert [count(part) for part in parts if part] == [15_344_832, 4_888_928, 15_352_131]
    assert count(model) == 35_585_891 and count(fourier(fourier=False)) == 30_696_963


@pytest.mark.parametrize("size", [8, 64, 128])
def test_fourier_autoencoders_of_other_sizes(size: int) -> None:
    model = fourier(size=size, latent=6, width=2)
    outputs = model.outputs(noise(1, 3, size, size))
    assert outputs["restored"].shape == (1, 3, size, size) and outputs["code"].shape == (1, 6)
    outputs["restored"].square().mean().backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters()), "a batch of 1 can be normalised"
    assert model.cutoff == 20 * size / 256


def test_the_mapping_network_sees_phase_and_high_frequencies_and_is_added_to_the_code() -> None:
    model, lq = fourier(size=64, latent=6, width=4).eval(), noise(2, 3, 64, 64)
    code = model.outputs(lq)["code"]
    assert model.mapping is not None
    added = model.mapping(torch.cat([phase(lq), high_pass(lq, 5)], dim=1))
    assert torch.equal(code, model.encoder(lq) + added) and added.abs().max() > 0.01
    as_spectrum = fourier(size=64, latent=6, width=4, domain="spectrum").eval()
    as_spectrum.load_state_dict(model.state_dict())
    assert not torch.allclose(as_spectrum.outputs(lq)["code"], code)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"size": 96}, "'model.size' must be a power of two"), ({"size": 4}, "from 8"), ({"width": 3}, "'model.width'")],
)
def test_fourier_autoencoders_that_cannot_be_built(wrong: dict[str, int], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        build("fourier-ae", **wrong)


def test_the_rows_of_paper_000() -> None:
    """Network, cut-off, weight of MS-SSIM and the last epoch of the absolute error, as the paper's tables have them."""
    rows = {}
    for name in (each for each in shipped_recipes() if each.startswith(("dcae", "fourier"))):
        recipe = load_recipe(name)
        terms = {term.kind: term for term in recipe.loss}
        assert sum(term.weight for term in recipe.loss if term.counts(1, 1, "joint")) == pytest.approx(1)
        weight, l1 = terms["ms-ssim"].weight if "ms-ssim" in terms else 0, terms.get("l1")
        assert l1 is None or l1.to_epoch is None or terms["mse"].from_epoch == l1.to_epoch + 1
        rows[name] = recipe.dimensions["fourier"] and recipe.dimensions["cutoff"], weight, l1 and l1.to_epoch
    assert rows == {
        "dcae": (False, 0, None),
        "dcae-mix": (False, 0.64, 100),
        "dcae-small": (False, 0, None),
        "dcae-small-mix": (False, 0.64, 33),
        "fourier-ae": (20, 0.64, 100),
        "fourier-ae-alpha-35": (20, 0.35, 100),
        "fourier-ae-alpha-50": (20, 0.5, 100),
        "fourier-ae-alpha-82": (20, 0.82, 100),
        "fourier-ae-beta-150": (20, 0.64, 150),
        "fourier-ae-beta-never": (20, 0.64, None),
        "fourier-ae-fc-10": (10, 0.64, 100),
        "fourier-ae-fc-10-alpha-82": (10, 0.82, 100),
        "fourier-ae-fc-30": (30, 0.64, 100),
        "fourier-ae-fc-30-alpha-82": (30, 0.82, 100),
        "fourier-ae-mse": (20, 0, None),
        "fourier-ae-small": (20, 0.64, 33),
        "fourier-ae-small-mse": (20, 0, None),
    }


def test_the_autoencoder_of_paper_003() -> None:
    model = build("sfl-cae")
    assert count(model) == 214_595
    for layer in (each for each in model.modules() if isinstance(each, nn.Conv2d)):
        spread = math.sqrt(2 / (25 * layer.in_channels))
        assert layer.weight.std().item() == pytest.approx(spread, rel=0.05) and not layer.bias.any()
    code: list[torch.Size] = []
    model.shrunk.register_forward_hook(lambda module, given, result: code.append(result.shape))
    restored = model(noise(2, 3, 30, 44))
    assert code == [(2, 64, 15, 22)] and restored.shape == (2, 3, 30, 44)
    assert restored.min() >= 0 and restored.max() <= 1


def test_mid_grey_is_the_zero_of_paper_003() -> None:
    """Its images lie in [-1, 1], so a network without biases leaves mid-grey as it is."""
    grey = torch.full((1, 3, 16, 16), 0.5)
    assert torch.equal(build("sfl-cae", width=4)(grey), grey)


def test_the_recipe_of_paper_003_weighs_as_the_paper_does() -> None:
    """Images in [-1, 1]; mean over positions of the squared error, summed over the channels, plus that of the bands."""
    restored, gt = noise(2, 3, 40, 48).double(), noise(2, 3, 40, 48).double().flip(0).square()
    difference = (2 * restored - 1) - (2 * gt - 1)
    expected = difference.square().sum(1).mean()
    for sigma, weight in zip(SIGMAS, (100, 10, 10), strict=True):
        kernel = laplacian_of_gaussian(sigma)
        border = nn.ReplicationPad2d(len(kernel) // 2)
        response = nn.functional.conv2d(border(difference), kernel.expand(1, 3, -1, -1))
        expected = expected + weight * response.square().mean()
    recipe_total = sum(term.weight * term(restored, gt) for term in (Mse(weight=12), SflLog(weight=4)))
    assert recipe_total.item() == pytest.approx(expected.item(), rel=1e-9)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize(("name", "dimensions"), [("sfl-cae", {"width": 8}), ("fourier-ae", SMALL_FOURIER)])
@pytest.mark.parametrize("size", [(1, 1), (7, 33), (50, 41)])
def test_odd_sizes_and_low_precision(
    name: str, dimensions: dict[str, object], size: tuple[int, int], precision: str
) -> None:
    model, lq = build(name, **dimensions), noise(3, *size)
    exact = Restorer(model, precision="fp32").restore_tensor(lq)
    restored = Restorer(model, precision=precision).restore_tensor(lq)
    assert restored.shape == lq.shape and restored.dtype == torch.float32
    assert (restored - exact).abs().max() < 0.03
