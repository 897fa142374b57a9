"""What single networks promise beyond the contract of all models, which test_engine.py holds."""

import math

import pytest
import torch
from torch import Tensor, nn

from imgrestore import registry
from imgrestore.engine import Restorer
from imgrestore.losses.mse import Mse
from imgrestore.losses.sfl_log import SIGMAS, SflLog, laplacian_of_gaussian
from imgrestore.models.contract import RestorationModel


def build(name: str, **dimensions: object) -> RestorationModel:
    torch.manual_seed(0)
    model: RestorationModel = registry.find_model(name).load()(**dimensions)
    return model


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def noise(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


def test_the_autoencoder_of_paper_003() -> None:
    model = build("sfl-cae")
    assert count(model) == 214_595
    for layer in (each for each in model.modules() if isinstance(each, nn.Conv2d)):
        spread = math.sqrt(2 / (25 * layer.in_channels))
        assert layer.weight.std().item() == pytest.approx(spread, rel=0.05) and not layer.bias.any()
    code = []
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
@pytest.mark.parametrize(("name", "dimensions"), [("sfl-cae", {"width": 8})])
@pytest.mark.parametrize("size", [(1, 1), (7, 33), (50, 41)])
def test_odd_sizes_and_low_precision(
    name: str, dimensions: dict[str, int], size: tuple[int, int], precision: str
) -> None:
    model, lq = build(name, **dimensions), noise(3, *size)
    exact = Restorer(model, precision="fp32").restore_tensor(lq)
    restored = Restorer(model, precision=precision).restore_tensor(lq)
    assert restored.shape == lq.shape and restored.dtype == torch.float32
    assert (restored - exact).abs().max() < 0.03
