from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from conftest import random_model
from imgrestore.models.unet import UNet, median, unet_denoise
from imgrestore.training.beginning import take_over
from imgrestore.weights.cards import Card
from imgrestore.weights.storage import save_weights


def test_it_begins_by_changing_next_to_nothing() -> None:
    photo = torch.rand(1, 3, 32, 40, generator=torch.Generator().manual_seed(0))
    assert (unet_denoise()(photo) - photo).abs().max() < 0.05


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (9, 2), (33, 40)])
def test_the_median_is_that_of_nine_pixels(size: tuple[int, int]) -> None:
    image = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0)).mul(6).round().div(6)  # with ties
    for picture, found in zip(image.flatten(0, 1).numpy(), median(image).flatten(0, 1).numpy(), strict=True):
        assert np.array_equal(found, cv2.medianBlur(picture, 3))


def test_it_can_go_all_the_way_to_the_median_and_does_not_at_first() -> None:
    model, photo = unet_denoise(width=8, quarter=8, eighth=8), torch.rand(1, 3, 32, 40)
    shares = model.tail.weight[12:], model.tail.bias[12:]
    assert not any(part.any() for part in shares)
    with torch.no_grad():
        model.tail.weight.zero_()
        shares[1].fill_(1)
    assert torch.allclose(model(photo), median(photo), atol=1e-6)


def test_a_flat_picture_is_treated_alike_up_to_its_corners() -> None:
    model = random_model("unet-denoise", 1)
    for colour in ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.2, 0.5, 0.9)):
        restored = model(torch.tensor(colour)[None, :, None, None].expand(1, 3, 48, 64))
        assert torch.allclose(restored, restored[..., 16:18, 16:18].repeat(1, 1, 24, 32), atol=1e-5)


def test_a_larger_one_begins_as_the_smaller_one(tmp_path: Path) -> None:
    small, path = random_model("unet-denoise", 1, width=8, quarter=12, eighth=16), tmp_path / "small.safetensors"
    save_weights(path, small.state_dict(), Card("unet-denoise", {"width": 8, "quarter": 12, "eighth": 16}))
    large = unet_denoise(width=12, quarter=12, eighth=20, after=6, down=2, bottom=3, up=3)
    assert take_over(large, path).whole
    photo = torch.rand(1, 3, 32, 40, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(large(photo), small(photo), atol=1e-5)


def test_it_begins_as_the_shipped_denoiser(tmp_path: Path) -> None:
    small, path = random_model("resnet-denoise", 1, width=8, blocks=3), tmp_path / "small.safetensors"
    save_weights(path, small.state_dict(), Card("resnet-denoise", {"width": 8, "blocks": 3}))
    large = unet_denoise(width=8, quarter=8, eighth=8, before=1, after=2)
    assert take_over(large, path).whole
    photo = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    inside = (..., slice(24, 40), slice(24, 40))  # they read other things beyond the edge
    assert torch.allclose(large(photo)[inside], small(photo)[inside], atol=1e-5)


@pytest.mark.parametrize(
    ("before", "after", "down", "bottom", "up"), [(1, 2, 1, 2, 2), (3, 5, 1, 1, 1), (0, 1, 2, 1, 0), (2, 0, 0, 2, 3)]
)
def test_it_sees_as_far_as_it_says_and_no_further(before: int, after: int, down: int, bottom: int, up: int) -> None:
    torch.manual_seed(0)
    model = UNet((4, 4, 4), before, after, down, bottom, up).double()
    for parameter in model.parameters():
        torch.nn.init.uniform_(parameter, 0.01, 0.05)  # nothing cancels
    side = 2 * (model.halo // 8 + 2) * 8 + 8
    middle = side // 2 - 4
    lq = torch.rand(1, 3, side, side, dtype=torch.float64, requires_grad=True)
    seen = []
    for place in range(8):
        model(lq)[0, 0, middle + place, middle + place].backward()
        rows = lq.grad.abs().sum(dim=(0, 1, 3)).nonzero().flatten()
        lq.grad = None
        seen += [middle - int(rows.min()), int(rows.max()) - (middle + 7)]
    assert max(seen) == model.halo
