import math

import numpy as np
import pytest
import torch
from pytorch_msssim import ms_ssim as reference_ms_ssim
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from imgrestore.metrics.protocols import METRICS, ms_ssim, psnr, ssim


@pytest.fixture
def pair(photo) -> tuple[torch.Tensor, torch.Tensor]:
    gt = photo(200, 180)
    noisy = np.clip(gt + np.random.default_rng(0).normal(0, 12, gt.shape), 0, 255).round().astype(np.uint8)
    return tuple(torch.from_numpy(x).permute(2, 0, 1).float() / 255 for x in (noisy, gt))


def pixels(image: torch.Tensor) -> np.ndarray:
    return (image * 255).round().permute(1, 2, 0).numpy().astype(np.uint8)


def test_rgb_protocol_agrees_with_the_libraries(pair) -> None:
    restored, gt = pair
    a, b = pixels(restored), pixels(gt)
    assert psnr(restored, gt) == pytest.approx(peak_signal_noise_ratio(b, a, data_range=255), abs=1e-6)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "channel_axis": -1}
    expected = structural_similarity(b.astype(float), a.astype(float), data_range=255, **options)
    assert ssim(restored, gt) == pytest.approx(expected, abs=1e-6)
    x, y = (torch.from_numpy(p).permute(2, 0, 1)[None].double() for p in (a, b))
    assert ms_ssim(restored, gt) == pytest.approx(float(reference_ms_ssim(x, y, data_range=255)), abs=1e-6)


def test_y_protocol_is_bt601_luma_without_the_border(pair) -> None:
    restored, gt = pair
    a, b = (rgb2ycbcr(pixels(x))[4:-4, 4:-4, 0] for x in pair)
    assert psnr(restored, gt, "y", 4) == pytest.approx(peak_signal_noise_ratio(b, a, data_range=255), abs=1e-3)
    expected = structural_similarity(
        b, a, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert ssim(restored, gt, "y", 4) == pytest.approx(expected, abs=1e-5)


def test_closed_forms() -> None:
    black = torch.zeros(3, 16, 16)
    assert psnr(black + 1 / 255, black) == pytest.approx(10 * math.log10(255**2), abs=1e-6)
    assert psnr(black + 0.4 / 255, black) == math.inf, "differences below half a level vanish when rounded"
    assert psnr(black + 2, black + 1) == math.inf, "values are clipped to the range of a file"


@pytest.mark.parametrize("protocol", ["y", "rgb"])
def test_identical_and_constant_images(protocol) -> None:
    for image in (torch.rand(3, 180, 170), torch.full((3, 180, 170), 0.5), torch.zeros(3, 180, 170)):
        assert psnr(image, image, protocol, 2) == math.inf
        assert ssim(image, image, protocol, 2) == pytest.approx(1)
        assert ms_ssim(image, image, protocol, 2) == pytest.approx(1)
    value = ms_ssim(torch.zeros(3, 180, 170), torch.ones(3, 180, 170), protocol, 2)
    assert math.isfinite(value)


def test_small_images_have_no_value_rather_than_a_wrong_one() -> None:
    small, smaller, one = (torch.rand(3, side, side) for side in (160, 10, 1))
    assert math.isnan(ms_ssim(small, small)) and ssim(small, small) == pytest.approx(1)
    assert math.isnan(ssim(smaller, smaller)) and psnr(smaller, smaller) == math.inf
    assert psnr(one, one, "y", 4) == math.inf, "an image no larger than the border is measured whole"
    assert math.isfinite(ms_ssim(torch.rand(3, 161, 161), torch.rand(3, 161, 161)))


def test_memory_layout_does_not_matter() -> None:
    image = torch.rand(3, 180, 170)
    turned = image.permute(1, 2, 0).contiguous().permute(2, 0, 1)
    assert psnr(turned, image, "y", 2) == math.inf


def test_shapes_must_agree() -> None:
    for metric in METRICS.values():
        with pytest.raises(ValueError, match="differ in shape"):
            metric(torch.rand(3, 8, 8), torch.rand(3, 8, 9))
