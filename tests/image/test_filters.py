import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imgrestore.image.resampling import KERNELS, axis_weights, resize, resize_rows


@pytest.mark.parametrize("size", [(130, 194), (33, 48), (16, 200), (65, 97), (1, 1)])
def test_bicubic_agrees_with_torch(size: tuple[int, int]) -> None:
    image = torch.rand(2, 3, 65, 97, generator=torch.Generator().manual_seed(0))
    theirs = torch.nn.functional.interpolate(image, size=size, mode="bicubic", antialias=True)
    assert torch.allclose(resize(image, size), theirs, atol=2e-5)


def test_nearest_repeats_pixels() -> None:
    image = torch.arange(12.0).reshape(1, 3, 4)
    assert torch.equal(resize(image, (6, 8), "nearest"), image.repeat_interleave(2, 1).repeat_interleave(2, 2))


@given(
    kernel=st.sampled_from(KERNELS),
    source=st.integers(1, 300),
    target=st.integers(1, 300),
)
def test_weights_sum_to_one_and_stay_inside(kernel: str, source: int, target: int) -> None:
    first, weights = axis_weights(kernel, source, target, 0, target)
    assert first >= 0 and first + weights.shape[1] <= source
    assert abs(weights.sum(axis=1) - 1).max() < 1e-5


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("target", [(200, 77), (50, 20), (131, 61)])
@pytest.mark.parametrize("cuts", [[131], [1, 130], [7] * 18 + [5], [64, 64, 3]])
def test_result_does_not_depend_on_bands(kernel: str, target: tuple[int, int], cuts: list[int]) -> None:
    image = torch.rand(3, 131, 61, generator=torch.Generator().manual_seed(1))
    bands = list(resize_rows(image.split(cuts, dim=1), (131, 61), target, kernel))
    assert torch.equal(torch.cat(bands, dim=1), resize(image, target, kernel))


@pytest.mark.parametrize("kernel", [k for k in KERNELS if k != "nearest"])
def test_nothing_shifts(kernel: str) -> None:
    ramp = torch.linspace(0, 1, 64).repeat(3, 64, 1)
    for factor in (2, 3, 4):
        enlarged = resize(ramp, (64, 64 * factor), kernel)
        centres = (torch.arange(64 * factor) + 0.5) / factor - 0.5
        middle = slice(8 * factor, -8 * factor)
        shift = (enlarged[0, 0] * 63 - centres)[middle]
        assert shift.mean().abs() < 1e-3 and shift.abs().max() < 0.02
