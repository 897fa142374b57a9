import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from imgrestore.image.color import luma
from imgrestore.losses.sfl_log import laplacian_of_gaussian
from imgrestore.metrics import batches
from imgrestore.metrics.codes import kl_nats, silhouette, win_percentage
from imgrestore.metrics.profiles import PROFILES
from imgrestore.metrics.protocols import ms_ssim


@pytest.fixture
def pair(photo) -> tuple[Tensor, Tensor]:
    """Return a noisy and a clean batch (2, 3, 176, 180) on 8-bit levels."""
    gt = np.stack([photo(176, 180, seed=seed) for seed in (0, 1)])
    noisy = np.clip(gt + np.random.default_rng(0).normal(0, 20, gt.shape), 0, 255).round()
    return tuple(torch.from_numpy(x).permute(0, 3, 1, 2).float() / 255 for x in (noisy, gt))


def by_skimage(restored: Tensor, gt: Tensor, **options: object) -> list[float]:
    pairs = zip(restored.double().numpy(), gt.double().numpy(), strict=True)
    return [structural_similarity(a, b, data_range=1, channel_axis=0, **options) for a, b in pairs]


GAUSSIAN = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}


def test_profiles_agree_with_scikit_image(pair) -> None:
    restored, gt = pair
    levels = [(image * 255).round() for image in pair]
    psnr = [peak_signal_noise_ratio(b.numpy(), a.numpy(), data_range=255) for a, b in zip(*levels, strict=True)]
    for name in ("std", "p001", "p002", "p004"):
        assert PROFILES[name].measure(restored, gt)["psnr"].tolist() == pytest.approx(psnr, abs=1e-4)
    gaussian = by_skimage(restored, gt, **GAUSSIAN)
    assert PROFILES["std"].measure(restored, gt)["ssim"].tolist() == pytest.approx(gaussian, abs=1e-5)
    assert PROFILES["p002"].measure(restored, gt)["ssim"].tolist() == pytest.approx(gaussian, abs=1e-5)
    uniform = [
        structural_similarity(a, b, data_range=255, channel_axis=0)
        for a, b in zip(*(level.to(torch.uint8).numpy() for level in levels), strict=True)
    ]
    assert PROFILES["p001"].measure(restored, gt)["ssim"].tolist() == pytest.approx(uniform, abs=1e-9)
    grey = [
        structural_similarity(a[0], b[0], data_range=1, **GAUSSIAN)
        for a, b in zip(*(luma(x.double()).numpy() for x in pair), strict=True)
    ]
    assert PROFILES["p000"].measure(restored, gt)["ssim"].tolist() == pytest.approx(grey, abs=1e-5)


def test_paper_004_sees_the_border_by_reflection(pair) -> None:
    def mean(plane: np.ndarray) -> np.ndarray:
        return gaussian_filter(plane, 1.5, mode="mirror", radius=2, axes=(1, 2))

    expected = []
    for x, y in zip(*(image.double().numpy() for image in pair), strict=True):
        mx, my = mean(x), mean(y)
        vx, vy, cov = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
        luminance = (2 * mx * my + 1e-4) / (mx**2 + my**2 + 1e-4)
        expected.append(np.mean(luminance * (2 * cov + 9e-4) / (vx + vy + 9e-4)))
    measured = PROFILES["p004"].measure(*pair)
    assert measured["ssim"].tolist() == pytest.approx(expected, abs=1e-5)
    assert measured["similarity"].tolist() == pytest.approx([(1 + s) / 2 for s in expected], abs=1e-5)


def test_the_batch_agrees_with_single_images(pair) -> None:
    restored, gt = pair
    std = PROFILES["std"].measure(restored, gt)
    assert std["ms_ssim"].tolist() == pytest.approx([ms_ssim(a, b) for a, b in zip(*pair, strict=True)], abs=1e-9)
    assert std["mse"].tolist() == pytest.approx((restored - gt).square().mean((1, 2, 3)).tolist(), rel=1e-5)
    p000 = PROFILES["p000"].measure(restored, gt)
    assert p000["mae100"].tolist() == pytest.approx((100 * std["mae"]).tolist(), rel=1e-5)
    assert p000["mse100"].tolist() == pytest.approx((100 * std["mse"]).tolist(), rel=1e-5)
    single = [PROFILES["p002"].measure(a[None], b[None]) for a, b in zip(*pair, strict=True)]
    for name, values in PROFILES["p002"].measure(restored, gt).items():
        assert values.tolist() == pytest.approx([float(one[name]) for one in single], rel=1e-5)


def test_psnr_of_the_mean_error_is_below_the_mean_of_psnr() -> None:
    gt = torch.zeros(2, 1, 4, 4)
    restored = gt + torch.tensor([0.1, 0.01])[:, None, None, None]
    profile = PROFILES["std"].columns
    assert float(profile["psnr"].each(restored, gt).mean()) == pytest.approx(30, abs=1e-5)
    pooled = float(profile["psnr_pooled"].pool(profile["psnr_pooled"].each(restored, gt)))
    assert pooled == pytest.approx(-10 * math.log10((0.01 + 0.0001) / 2), abs=1e-5)


def test_quality_index_of_identical_and_of_shifted_images(pair) -> None:
    _, gt = pair
    flat = torch.full((1, 3, 16, 16), 0.5)
    for index in (batches.uqi, batches.uqi_paper001):
        for image in (gt, flat, torch.zeros(1, 3, 16, 16)):
            assert index(image, image).tolist() == pytest.approx([1] * len(image), abs=1e-12)
    shifted = gt * 0.7 + 0.3
    assert (batches.uqi(gt + 0.2, gt) < 0.99).all() and (batches.uqi(shifted, gt) < 0.99).all()
    assert float(batches.uqi(flat, flat / 2)) == pytest.approx(2 * 0.5 * 0.25 / (0.25 + 0.0625)), "means alone count"


def test_quality_index_by_its_definition_in_one_window() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 255, (2, 8, 8))
    cov = np.mean(x * y) - x.mean() * y.mean()
    means = x.mean() ** 2 + y.mean() ** 2
    expected = 4 * cov * x.mean() * y.mean() / ((x.var() + y.var()) * means)
    a, b = (torch.from_numpy(z)[None, None] / 255 for z in (x, y))
    assert float(batches.uqi(a, b)) == pytest.approx(expected, rel=1e-9)
    cov, spread = 64 * np.mean(x * y) - x.mean() * y.mean(), 64 * (np.mean(x**2) + np.mean(y**2)) - means
    assert float(batches.uqi_paper001(a, b)) == pytest.approx(
        4 * cov * x.mean() * y.mean() / (spread * means), rel=1e-9
    )


def test_the_faulty_index_is_far_too_high_for_a_blur(pair) -> None:
    _, gt = pair
    blurred = torch.nn.functional.avg_pool2d(gt, 3, stride=1, padding=1, count_include_pad=False)
    assert (batches.uqi_paper001(blurred, gt) > 0.95).all() and (batches.uqi(blurred, gt) < 0.8).all()


def test_a_wave_has_the_gain_of_the_filter_in_each_band() -> None:
    x = torch.arange(256, dtype=torch.float64)
    wave = 0.1 * torch.cos(2 * math.pi * x / 8).expand(1, 3, 256, 256)
    bands = batches.sfl_bands(wave, torch.zeros_like(wave))[0]
    for value, sigma in zip(bands.tolist(), (0.8, 1.6, 3.2), strict=True):
        kernel = laplacian_of_gaussian(sigma)
        offset = torch.arange(len(kernel)) - len(kernel) // 2
        gain = float((kernel.sum(0) * torch.cos(2 * math.pi * offset / 8)).sum())
        expected = 1e3 * (2 * 3 * 0.1 * gain) ** 2 / 2  # the sum of three channels, in [-1, 1]
        assert value == pytest.approx(expected, rel=0.1), "the repeated border changes a little"


def test_spectral_errors_tell_amplitude_from_phase() -> None:
    gt = torch.rand(2, 1, 28, 28)
    measured = PROFILES["p002"].measure(gt, gt)
    assert measured["stft_amplitude"].tolist() == [0, 0] and measured["stft_phase"].tolist() == [0, 0]
    louder = PROFILES["p002"].measure(2 * gt, gt)
    assert (louder["stft_amplitude"] > 1).all() and (louder["stft_phase"] < 1e-2).all()
    turned = PROFILES["p002"].measure(-gt, gt)
    assert (turned["stft_amplitude"] < 1e-4).all() and (turned["stft_phase"] > 100).all()


def test_what_does_not_exist_is_not_a_number() -> None:
    small = torch.rand(1, 3, 6, 6)
    for metric in (batches.ssim, batches.uniform_ssim, batches.ms_ssim, batches.uqi):
        assert metric(small, small).isnan().all()
    with pytest.raises(ValueError, match="differ in shape"):
        PROFILES["std"].measure(small, small[..., 1:])


@pytest.mark.parametrize("profile", PROFILES.values(), ids=list(PROFILES))
def test_perfect_images_score_best(profile) -> None:
    image = (torch.rand(2, 3, 176, 176) * 255).round() / 255
    for name, values in profile.measure(image, image).items():
        column = profile.columns[name]
        pooled = float(column.pool(values))
        if "PSNR" in column.heading:
            assert pooled == math.inf
        else:
            assert pooled == pytest.approx(1 if column.higher else 0, abs=1e-9)


def test_silhouette_by_hand() -> None:
    codes = torch.tensor([[0.0], [2.0], [10.0], [13.0]])
    # distances within: 2, 2, 3, 3; to the others: 11.5, 9.5, 9, 12
    expected = ((11.5 - 2) / 11.5 + (9.5 - 2) / 9.5 + (9 - 3) / 9 + (12 - 3) / 12) / 4
    assert silhouette(codes, torch.tensor([0, 0, 7, 7])) == pytest.approx(expected)
    assert silhouette(codes, torch.tensor([0, 1, 0, 1])) < 0
    alone = silhouette(codes, torch.tensor([0, 0, 1, 2]))
    assert alone == pytest.approx(((10 - 2) / 10 + (8 - 2) / 8) / 4), "a code alone in its cluster counts 0"
    assert math.isnan(silhouette(codes, torch.zeros(4)))


def test_three_clusters_are_compared_with_the_nearest() -> None:
    codes = torch.tensor([[0.0], [1.0], [5.0], [6.0], [50.0], [51.0]])
    first = (5.5 - 1) / 5.5, (4.5 - 1) / 4.5, (4.5 - 1) / 4.5, (5.5 - 1) / 5.5, (44.5 - 1) / 44.5, (45.5 - 1) / 45.5
    assert silhouette(codes, torch.tensor([0, 0, 1, 1, 2, 2])) == pytest.approx(sum(first) / 6)


def test_divergence_in_nats() -> None:
    mean, logvar = torch.tensor([[1.0, 0.0], [0.0, 0.0]]), torch.tensor([[0.0, math.log(4)], [0.0, 0.0]])
    assert kl_nats(mean, logvar).tolist() == pytest.approx([0.5 + (4 - 1 - math.log(4)) / 2, 0])


def test_wins_are_strict() -> None:
    ours, control = torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([1.0, 1.0, 4.0, 3.0])
    assert win_percentage(ours, control) == 50 and win_percentage(ours, control, higher=False) == 25
