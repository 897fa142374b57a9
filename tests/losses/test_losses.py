import math
import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_msssim import ms_ssim as reference_ms_ssim
from scipy.ndimage import convolve, gaussian_filter
from skimage.metrics import structural_similarity
from torch import Tensor

from imgrestore.errors import RecipeError, UsageError
from imgrestore.losses.contract import Loss
from imgrestore.losses.sfl_log import SIGMAS, laplacian_of_gaussian
from imgrestore.losses.structure import similarity
from imgrestore.parts import registry
from imgrestore.parts.part import check

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("bce", {"reduction": "sum"}),
    ("dft", {"window": "hann", "phase": "cosine", "frequencies": "all"}),
    ("fft-l1", {"on": "amplitude"}),
    ("focal-frequency", {"alpha": 0}),
    ("kl-gauss", {"reduction": "mean"}),
    ("ms-ssim", {"colour": "grey"}),
    ("ms-ssim", {"scales": 3}),
    ("sfl-log", {"channel_mode": "per-channel"}),
    ("soft-ncut", {"affinity": "distance"}),
    ("soft-ncut", {"affinity": "projection"}),
    ("ssim", {"colour": "grey"}),
    ("ssim", {"window": 8, "sigma": 3}),
    ("stft", {"phase": "raw"}),
    ("stft", {"phase": "cosine", "floor": 0}),
    ("stft", {"window": "sqrt-hann", "frequencies": "all", "weighting": "none"}),
    ("stft", {"window": "none", "frequencies": "quadrant", "weighting": "outer", "phase": "raw"}),
    ("stft", {"size": 7, "stride": 3, "phase_weight": 0}),
]
CASES = [
    pytest.param(name, options, id="-".join([name, *map(str, options.values())]))
    for name, options in [*((name, {}) for name in registry.entries("loss")), *VARIANTS]
]
OF_IMAGES = [case for case in CASES if case.values[0] not in ("kl-gauss", "l1-l2", "soft-ncut")]


def make(name: str, **options: Any) -> Loss:
    return check(Loss, {"kind": name, **options})


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def pair(loss: Loss, channels: int = 3, images: int = 2) -> tuple[Tensor, Tensor]:
    """Return images that differ by noise, as large as the loss needs them."""
    shape = images, channels, max(24, loss.least_side + 1), max(20, loss.least_side)
    gt = random(*shape)
    return (gt + 0.3 * (random(*shape, seed=1) - 0.5)).clamp(0, 1), gt


def outputs(images: int) -> dict[str, Tensor]:
    """Return whatever else a loss may need, from which :func:`value` makes it."""
    drawn = {"code": (images, 5), "mean": (images, 4), "logvar": (images, 4), "logits": (images, 3), "kernels": (50,)}
    return {name: 2 * random(*shape, seed=2 + i) - 1 for i, (name, shape) in enumerate(drawn.items())}


def value(loss: Loss, restored: Tensor, gt: Tensor, others: dict[str, Tensor] | None = None) -> Tensor:
    others = others or outputs(len(gt))
    given = {**others, "assignment": others["logits"].softmax(1)}
    return loss(restored, gt, **{name: given[name] for name in loss.needs})


def number(loss: Loss, restored: Tensor, gt: Tensor, **needed: Tensor) -> float:
    return loss(restored, gt, **needed).item()


# Every loss


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("name", "options"), CASES)
def test_is_a_finite_scalar(name: str, options: dict[str, Any], channels: int) -> None:
    loss = make(name, **options)
    assert loss.kind == name
    result = value(loss, *pair(loss, channels))
    assert result.shape == () and result.dtype == torch.float32 and result.isfinite()


def least(loss: Loss, gt: Tensor) -> float:
    """Return the least value of the losses that compare images, 0 unless documented otherwise."""
    if loss.kind == "bce":
        entropy = -(gt * gt.log() + (1 - gt) * (1 - gt).log())
        return entropy.mean().item() if loss.model_dump()["reduction"] == "mean" else entropy.sum().item() / len(gt)
    return {"psnr": -80.0, "charbonnier": 1e-3}.get(loss.kind, 0.0)


@pytest.mark.parametrize(("name", "options"), OF_IMAGES)
def test_is_least_for_identical_images(name: str, options: dict[str, Any]) -> None:
    loss = make(name, **options)
    restored, gt = pair(loss)
    gt = gt.clamp(0.01, 0.99)
    lowest = pytest.approx(least(loss, gt), rel=1e-4, abs=1e-6)
    assert value(loss, gt.clone(), gt).item() == lowest
    if name != "pixel-kl":
        assert value(loss, restored, gt).item() > least(loss, gt) + 1e-4


AWKWARD = {
    "noise": lambda gt: (random(*gt.shape, seed=3), gt),
    "identical": lambda gt: (gt.clone(), gt),
    "inverted": lambda gt: (1 - gt, gt),
    "both blank": lambda gt: (torch.zeros_like(gt), torch.zeros_like(gt)),
    "blank": lambda gt: (torch.zeros_like(gt), gt),
    "blank truth": lambda gt: (gt.clone(), torch.zeros_like(gt)),
    "constant": lambda gt: (torch.full_like(gt, 0.4), torch.full_like(gt, 0.6)),
    "white": lambda gt: (torch.ones_like(gt), gt),
    "faint": lambda gt: (1e-20 * gt, 1e-12 * gt),
    "half blank": lambda gt: (gt * (torch.arange(gt.shape[-1]) > 10), gt * (torch.arange(gt.shape[-1]) > 12)),
    "overshoot": lambda gt: (2000 * gt - 1000, gt),
}


@pytest.mark.parametrize("images", AWKWARD)
@pytest.mark.parametrize(("name", "options"), CASES)
def test_gradient_is_finite(name: str, options: dict[str, Any], images: str) -> None:
    loss = make(name, **options)
    for channels in (1, 3) if loss.least_side < 100 else (3,):
        restored, gt = AWKWARD[images](pair(loss, channels)[1])
        inputs = {"restored": restored, **outputs(len(gt))}
        if images == "both blank":
            inputs |= {"code": torch.zeros(2, 5), "logits": torch.zeros(2, 3), "kernels": torch.zeros(50)}
        if images == "overshoot":
            inputs |= {name: 1e4 * tensor for name, tensor in inputs.items() if name != "restored"}
        for tensor in inputs.values():
            tensor.requires_grad_()
        result = value(loss, inputs["restored"], gt, inputs)
        result.backward()
        assert result.isfinite()
        assert all(tensor.grad.isfinite().all() for tensor in inputs.values() if tensor.grad is not None)


BATCH_STATISTICS = {"soft-ncut"}


@pytest.mark.parametrize(("name", "options"), CASES)
def test_is_a_mean_over_the_batch(name: str, options: dict[str, Any]) -> None:
    loss = make(name, **options)
    restored, gt = pair(loss)
    others = outputs(len(gt))
    twice = {name: tensor if name == "kernels" else torch.cat([tensor, tensor]) for name, tensor in others.items()}
    once = value(loss, restored, gt, others).item()
    again = value(loss, torch.cat([restored, restored]), torch.cat([gt, gt]), twice).item()
    if name not in BATCH_STATISTICS:
        assert again == pytest.approx(once, rel=1e-4)
    if not loss.needs:
        single = [value(loss, restored[i : i + 1], gt[i : i + 1]).item() for i in range(2)]
        assert sum(single) / 2 == pytest.approx(once, rel=1e-4), "each image counts by itself"


@pytest.mark.parametrize(("name", "options"), CASES)
def test_falls_along_its_gradient(name: str, options: dict[str, Any]) -> None:
    loss = make(name, **options)
    restored, gt = pair(loss, images=6 if loss.needs else 1)
    inputs = {"restored": restored, **outputs(len(gt))}
    before = value(loss, restored, gt, inputs).item()
    for _ in range(4):
        for tensor in inputs.values():
            tensor.requires_grad_().grad = None
        value(loss, inputs["restored"], gt, inputs).backward()
        for key, tensor in inputs.items():
            if tensor.grad is not None:
                inputs[key] = (tensor - 0.01 * tensor.grad / tensor.grad.abs().max()).detach()
    assert value(loss, inputs["restored"], gt, inputs).item() < before - 1e-6 * abs(before)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_says_whether_it_sees_brightness(name: str, options: dict[str, Any]) -> None:
    loss = make(name, **options)
    gt = 0.2 + 0.6 * pair(loss)[1]
    change = value(loss, gt + 0.1, gt).item() - value(loss, gt, gt).item()
    assert loss.sees_brightness == (abs(change) > 1e-3)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_small_images_are_refused_by_name_and_size(name: str, options: dict[str, Any]) -> None:
    loss = make(name, **options)
    side = loss.least_side
    image = random(1, 3, side, side)
    assert value(loss, image, image).isfinite()
    if side > 1:
        with pytest.raises(
            UsageError, match=f"'{name}' needs images of at least {side} x {side} pixels, got {side} x "
        ):
            value(loss, image[:, :, 1:], image[:, :, 1:])


@pytest.mark.parametrize("name", ["ssim", "dssim", "ms-ssim", "sfl-log", "sfl-dog", "stft", "soft-ncut", "kl-gauss"])
def test_gradient_is_that_of_the_value(name: str) -> None:
    options = {"ssim": {"window": 5}, "stft": {"size": 4, "stride": 2}}.get(name, {})
    loss = make(name, **options)
    side = max(6, loss.least_side)
    restored, gt = (random(1, 1, side, side, seed=seed, dtype=torch.float64) for seed in (0, 1))
    inputs = {"restored": restored, **{key: tensor.double() for key, tensor in outputs(4).items()}}

    def at(**changed: Tensor) -> Tensor:
        point = {**inputs, **changed}
        return value(loss, point["restored"], gt, point)

    for key, start in inputs.items():
        tensor = start.clone().requires_grad_()
        result = at(**{key: tensor})
        if not result.requires_grad or (name == "soft-ncut" and key == "code"):
            continue  # the scale of the affinity is a constant for the gradient
        result.backward()
        direction = torch.randn(start.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
        ahead, behind = (at(**{key: start + step * direction}).item() for step in (1e-6, -1e-6))
        slope = (tensor.grad * direction).sum().item()
        assert slope == pytest.approx((ahead - behind) / 2e-6, rel=1e-5, abs=1e-8)


# Pixels


def test_pixel_losses_by_hand() -> None:
    gt = torch.zeros(2, 3, 4, 5)
    restored = gt + torch.tensor([0.1, 0.01]).view(2, 1, 1, 1)
    assert number(make("l1"), restored, gt) == pytest.approx(0.055)
    assert number(make("mse"), restored, gt) == pytest.approx(0.00505)
    assert number(make("charbonnier", epsilon=0.01), restored[1:], gt[1:]) == pytest.approx(0.01 * math.sqrt(2))
    assert number(make("weighted-pixel"), restored, gt) == pytest.approx(0.00505 + 100 * 0.055)
    assert number(make("weighted-pixel", l1_weight=2), restored, gt) == pytest.approx(0.00505 + 2 * 0.055)


def test_psnr_is_the_mean_in_decibels() -> None:
    gt = torch.zeros(2, 3, 4, 5)
    restored = gt + torch.tensor([0.1, 0.01]).view(2, 1, 1, 1)
    assert number(make("psnr"), restored, gt) == pytest.approx((-20 - 40) / 2, abs=1e-3)
    assert number(make("psnr", epsilon=1e-4), gt, gt) == pytest.approx(-40)


def test_bce_by_hand_and_by_torch() -> None:
    gt = torch.ones(2, 3, 4, 5)
    assert number(make("bce"), gt / 4, gt) == pytest.approx(math.log(4))
    assert number(make("bce", reduction="sum"), gt / 4, gt) == pytest.approx(60 * math.log(4))
    restored, gt = pair(make("bce"))
    expected = torch.nn.functional.binary_cross_entropy(restored.clamp(1e-6, 1 - 1e-6), gt).item()
    assert number(make("bce"), restored, gt) == pytest.approx(expected, rel=1e-5)
    assert number(make("bce"), 1 - gt.round(), gt.round()) == pytest.approx(-math.log(1e-6), rel=0.01)


def test_pixel_kl_is_no_divergence_and_its_generalised_form_is() -> None:
    gt, restored = torch.full((2, 3, 4, 5), 0.5), torch.full((2, 3, 4, 5), 0.25)
    assert number(make("pixel-kl"), restored, gt) == pytest.approx(3 * 0.5 * math.log(2))
    assert number(make("pixel-kl"), torch.ones_like(gt), gt) == pytest.approx(-3 * 0.5 * math.log(2))
    assert number(make("pixel-kl-generalised"), restored, gt) == pytest.approx(3 * (0.5 * math.log(2) - 0.25))
    assert number(make("pixel-kl-generalised"), torch.ones_like(gt), gt) == pytest.approx(3 * (0.5 - 0.5 * math.log(2)))
    assert number(make("pixel-kl"), 4 * gt, gt) == pytest.approx(-3 * 0.5 * math.log(2)), "clipped at white"
    assert number(make("pixel-kl"), torch.zeros_like(gt), gt) == pytest.approx(3 * 0.5 * math.log(0.5 / 1e-7), rel=1e-5)
    overshoot = number(make("pixel-kl-generalised"), 4 * gt, gt)
    assert overshoot == pytest.approx(3 * (0.5 * math.log(0.25) - 0.5 + 2)), "overshoot counts"


# Structure


def test_ssim_is_that_of_scikit_image() -> None:
    restored, gt = pair(make("ms-ssim"))
    for images, colour in ((slice(0, 1), "rgb"), (slice(1, 2), "grey")):
        a, b = (x[images].double() for x in (restored, gt))
        if colour == "grey":
            a, b = (0.299 * x[:, 0] + 0.587 * x[:, 1] + 0.114 * x[:, 2] for x in (a, b))
        options = {
            "gaussian_weights": True,
            "sigma": 1.5,
            "use_sample_covariance": False,
            "data_range": 1,
            "full": True,
        }
        maps = [
            structural_similarity(x.numpy(), y.numpy(), **options)[1][5:-5, 5:-5]
            for x, y in zip(a.flatten(0, -3), b.flatten(0, -3), strict=True)
        ]
        ours = number(make("ssim", colour=colour), restored[images], gt[images])
        assert 1 - ours == pytest.approx(float(np.mean(maps)), abs=1e-5)


def test_dssim_follows_the_textbook_at_every_pixel() -> None:
    a, b = random(7, 6, dtype=torch.float64).numpy(), random(7, 6, seed=1, dtype=torch.float64).numpy()
    profile = np.exp(-((np.arange(5) - 2) ** 2) / (2 * 1.5**2))
    weights = np.outer(profile, profile) / profile.sum() ** 2
    x, y = (np.pad(image, 2, mode="reflect") for image in (a, b))
    total = 0.0
    for i in range(7):
        for j in range(6):
            u, v = x[i : i + 5, j : j + 5], y[i : i + 5, j : j + 5]
            mu, mv = (weights * u).sum(), (weights * v).sum()
            su, sv = (weights * u * u).sum() - mu**2, (weights * v * v).sum() - mv**2
            suv = (weights * u * v).sum() - mu * mv
            total += (2 * mu * mv + 1e-4) * (2 * suv + 9e-4) / ((mu**2 + mv**2 + 1e-4) * (su + sv + 9e-4))
    tensors = (torch.from_numpy(image)[None, None] for image in (a, b))
    assert number(make("dssim"), *tensors) == pytest.approx((1 - total / 42) / 2, abs=1e-9)


def test_constants_are_those_of_8_bits() -> None:
    """6.5025 and 58.5225 on [0, 255] are 1e-4 and 9e-4 on [0, 1]."""
    black, white = torch.zeros(1, 1, 16, 16), torch.ones(1, 1, 16, 16)
    assert number(make("ssim"), white, black) == pytest.approx(1 - 6.5025 / (255**2 + 6.5025), abs=1e-6)
    stripes = (torch.arange(32) % 2).float().expand(1, 1, 32, 32)
    weak, strong = 0.5 + 0.01 * (stripes - 0.5), 0.5 + 0.1 * (stripes - 0.5)
    variance = 255**2 / 4
    expected = (2 * 1e-3 * variance + 58.5225) / ((1e-4 + 1e-2) * variance + 58.5225)
    assert number(make("ssim", window=20, sigma=9), weak, strong) == pytest.approx(1 - expected, abs=1e-3)


def test_similarity_is_at_most_one_however_bright_the_images() -> None:
    a, b = random(1, 3, 40, 40), random(1, 3, 40, 40, seed=1)
    for x, y in (
        (1000 + a, 1000 + b),
        (1000 + a, 1000 + a / 2),
        (1000 + 0 * a, 1000 + a),
        (0 * a, 0 * a + 1000),
        (a, a),
    ):
        whole, contrast = similarity(x, y, 11, 1.5)
        assert whole.max() <= 1 and contrast.max() <= 1, "variances are differences of large numbers here"
        assert whole.isfinite().all()


@pytest.mark.parametrize("colour", ["rgb", "grey"])
def test_ms_ssim_is_that_of_pytorch_msssim(colour: str) -> None:
    gt = random(2, 3, 176, 192)
    restored = 0.1 + 0.5 * gt + 0.5 * random(2, 3, 176, 192, seed=1)
    luma = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    a, b = ((x * luma).sum(1, keepdim=True) if colour == "grey" else x for x in (restored, gt))
    expected = reference_ms_ssim(a, b, data_range=1).item()
    assert 1 - number(make("ms-ssim", colour=colour), restored, gt) == pytest.approx(expected, abs=1e-5)
    assert 0.5 < expected < 0.8


@pytest.mark.parametrize(("scales", "side"), [(1, 11), (3, 41), (4, 81)])
def test_ms_ssim_of_fewer_scales_enlarges_the_exponents_left(scales: int, side: int) -> None:
    gt = random(2, 3, side, side + 7)
    restored = 0.1 + 0.7 * gt + 0.3 * random(2, 3, side, side + 7, seed=1)
    loss, exponents = make("ms-ssim", scales=scales), np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])
    expected, left, a, b = 1.0, exponents.sum() / exponents[:scales].sum(), restored, gt
    for scale in range(scales):
        whole, contrast = similarity(a, b, 11, 1.5)
        expected *= (whole if scale == scales - 1 else contrast).mean((2, 3)) ** (exponents[scale] * left)
        a, b = (torch.nn.functional.avg_pool2d(x, 2, ceil_mode=True) for x in (a, b))
    assert 1 - number(loss, restored, gt) == pytest.approx(expected.mean().item(), abs=1e-5)
    assert loss.least_side == side


def test_ms_ssim_learns_where_contrast_is_inverted() -> None:
    coarse = torch.nn.functional.interpolate(random(1, 1, 11, 11), scale_factor=16, mode="bilinear")
    detail = 0.2 * (random(1, 1, 176, 176, seed=1) - 0.5)
    restored, reference = ((coarse - detail).requires_grad_() for _ in range(2))
    result = make("ms-ssim")(restored, coarse + detail)
    result.backward()
    assert 0 < result.item() < 1
    assert restored.grad.isfinite().all() and restored.grad.abs().max() > 1e-5
    reference_ms_ssim(reference, coarse + detail, data_range=1).backward()
    assert (reference.grad == 0).all(), "what the least factor is for"


def test_ms_ssim_takes_any_size_from_161() -> None:
    for height, width in ((161, 161), (161, 190), (175, 163)):
        gt = random(1, 1, height, width)
        assert number(make("ms-ssim"), gt, gt) == pytest.approx(0, abs=1e-6)
        assert number(make("ms-ssim"), gt.flip(3), gt) > 0.3


# Spectra


def spectral_distance(a: np.ndarray, b: np.ndarray, size: int, stride: int) -> float:
    """Add up 0.1 |difference of amplitudes| + 0.9 |angle| over windows and frequencies one by one, by the defaults."""
    ramp = np.arange(size)
    hann = (1 - np.cos(2 * np.pi * ramp / size)) / 2
    total = 0.0
    for i in range(0, a.shape[0] - size + 1, stride):
        for j in range(0, a.shape[1] - size + 1, stride):
            f, g = (np.fft.fft2(x[i : i + size, j : j + size] * np.outer(hann, hann)) for x in (a, b))
            for u in range(size):
                for v in range(size // 2 + 1):
                    distance = math.hypot(min(u, size - u), v) / math.hypot(size // 2, size // 2)
                    angle = abs(np.angle(f[u, v] * np.conj(g[u, v])))
                    total += distance * (0.1 * abs(abs(f[u, v]) - abs(g[u, v])) + 0.9 * angle)
    return total


def test_stft_by_the_definition() -> None:
    a, b = (random(3, 2, 14, 11, seed=seed, dtype=torch.float64) for seed in (0, 1))
    each = [sum(spectral_distance(a[i, c].numpy(), b[i, c].numpy(), 6, 4) for c in range(2)) for i in range(len(a))]
    assert number(make("stft", size=6, stride=4, floor=0), a, b) == pytest.approx(np.mean(each), rel=1e-9)


def test_stft_puts_16_windows_on_a_digit() -> None:
    plain = {"window": "none", "weighting": "none", "frequencies": "all", "phase_weight": 0, "amplitude_weight": 1}
    blank = torch.zeros(1, 1, 28, 28)
    middle, corner = blank.clone(), blank.clone()
    middle[..., 15, 15] = corner[..., 0, 0] = 1
    assert number(make("stft", **plain), middle, blank) == pytest.approx(16 * 256), "amplitude 1 at each frequency"
    assert number(make("stft", **plain), corner, blank) == pytest.approx(256)


def test_batches_are_compared_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    restored, gt = random(5, 1, 20, 20), random(5, 1, 20, 20, seed=1)
    whole = number(make("stft"), restored, gt)
    for images in (0, 2, 4):
        monkeypatch.setattr("imgrestore.losses.spectral._PIECE", images * 4 * 256)
        assert number(make("stft"), restored, gt) == pytest.approx(whole, rel=1e-5)


def test_windows_weigh_pixels_as_named() -> None:
    blank = torch.zeros(1, 1, 8, 8)
    impulse = blank.clone()
    impulse[..., 2, 3] = 1
    profiles = {
        "none": lambda i: 1.0,
        "hann": lambda i: (1 - math.cos(2 * math.pi * i / 8)) / 2,
        "sqrt-hann": lambda i: math.sqrt((1 - math.cos(2 * math.pi * i / 7)) / 2),
    }
    plain = {"size": 8, "weighting": "none", "frequencies": "all", "phase_weight": 0, "amplitude_weight": 1}
    for window, profile in profiles.items():
        expected = 64 * profile(2) * profile(3)
        assert number(make("stft", window=window, **plain), impulse, blank) == pytest.approx(expected, rel=1e-5)


def test_radial_weights_are_in_cycles_per_pixel() -> None:
    across = torch.cos(2 * math.pi * torch.arange(16) / 4).expand(1, 1, 8, 16)
    down = torch.cos(2 * math.pi * torch.arange(8) / 4)[:, None].expand(1, 1, 8, 16)
    loss = make("dft", phase_weight=0, amplitude_weight=1, frequencies="all")
    across_error, down_error = (number(loss, wave, torch.zeros_like(wave)) for wave in (across, down))
    assert across_error == pytest.approx(down_error) == pytest.approx(2 * 64 * 0.25 / math.hypot(0.5, 0.5))


@pytest.mark.parametrize("kind", ["stft", "dft"])
@pytest.mark.parametrize("phase", ["wrapped", "raw", "cosine"])
def test_identical_spectra_are_at_rest(kind: str, phase: str) -> None:
    gt = random(2, 3, 28, 28)
    gt[:, :, :, :20] = 0
    restored = gt.clone().requires_grad_()
    result = make(kind, phase=phase)(restored, gt)
    result.backward()
    assert result.item() == 0
    assert (restored.grad == 0).all()


@pytest.mark.parametrize("phase", ["wrapped", "raw", "cosine"])
def test_phases_of_blank_windows_do_not_count(phase: str) -> None:
    loss = make("stft", phase=phase, amplitude_weight=0)
    gt = torch.zeros(1, 1, 28, 28)
    restored = (0.5 + random(1, 1, 28, 28)).requires_grad_()
    result = loss(restored, gt)
    result.backward()
    assert result.item() == 0 and (restored.grad == 0).all()
    gt = gt + random(1, 1, 28, 28, seed=1)
    faint = torch.full_like(gt, 1e-5).requires_grad_()
    loss(faint, gt).backward()
    assert (faint.grad == 0).all(), "phases of what is 1e-5 of the truth would have a gradient of 1e5"
    nothing = (1e-9 * gt).requires_grad_()
    loss(nothing, 1e-9 * gt.flip(3)).backward()
    assert (nothing.grad == 0).all()


def test_each_image_has_its_own_floor() -> None:
    gt, restored = random(2, 1, 16, 16), random(2, 1, 16, 16, seed=1)
    gt[1], restored[1] = 1e-3 * gt[1], 1e-3 * restored[1]
    loss = make("stft", amplitude_weight=0)
    single = [number(loss, restored[i : i + 1], gt[i : i + 1]) for i in range(2)]
    assert number(loss, restored, gt) == pytest.approx(sum(single) / 2, rel=1e-5)
    assert single[0] > 1 < single[1]


def test_wrapped_phases_differ_by_pi_at_most() -> None:
    options = {"amplitude_weight": 0, "phase_weight": 1, "weighting": "none", "frequencies": "all", "floor": 0}
    gt, restored = random(4, 3, 32, 32), random(4, 3, 32, 32, seed=1)
    bins = 3 * 25 * 256
    mean = {phase: number(make("stft", phase=phase, **options), restored, gt) / bins for phase in ("wrapped", "raw")}
    assert 1 < mean["wrapped"] < math.pi < 3.2 < 2 * mean["raw"]
    assert number(make("stft", phase="wrapped", **options), -gt, gt) == pytest.approx(math.pi * bins, rel=1e-5)
    assert number(make("stft", phase="cosine", **options), -gt, gt) == pytest.approx(2 * bins, rel=1e-5)


def test_raw_phases_pull_the_wrong_way_across_the_cut() -> None:
    x = torch.arange(16) / 16
    wave = lambda angle: torch.cos(2 * math.pi * 3 * x + angle).expand(1, 1, 16, 16)  # noqa: E731
    options = {"amplitude_weight": 0, "phase_weight": 1, "weighting": "none"}
    slopes = {}
    for phase in ("wrapped", "raw"):
        angle = torch.tensor(math.pi - 0.1, requires_grad=True)
        make("dft", phase=phase, **options)(wave(angle), wave(torch.tensor(-math.pi + 0.1))).backward()
        slopes[phase] = angle.grad.item()
    assert slopes["wrapped"] < 0 < slopes["raw"], "the nearest way is up, through pi"


def test_literal_weighting_is_blind_to_horizontal_and_vertical_waves() -> None:
    wave = torch.sin(2 * math.pi * 3 * torch.arange(28) / 16).expand(1, 1, 28, 28) / 2
    literal = make("stft", window="none", frequencies="quadrant", weighting="outer")
    blank = torch.zeros_like(wave)
    assert number(literal, wave, blank) < 1e-3 < number(make("stft"), wave, blank)
    assert number(literal, wave * wave.mT, blank) > 1


def test_dft_is_a_single_window() -> None:
    restored, gt = random(2, 3, 20, 20), random(2, 3, 20, 20, seed=1)
    assert number(make("dft"), restored, gt) == pytest.approx(
        number(make("stft", size=20, window="none"), restored, gt), rel=1e-6
    )
    assert number(make("dft"), restored[..., :9], gt[..., :9]) > 0, "any shape"


def test_fourier_losses_by_hand() -> None:
    gt = torch.zeros(1, 1, 8, 16)
    restored = gt.clone()
    restored[..., 0, 0] = 1
    amplitude = 1 / math.sqrt(8 * 16)
    assert number(make("fft-l1"), restored, gt) == pytest.approx(amplitude / 2), "all of it in the real part"
    assert number(make("fft-l1", on="amplitude"), restored, gt) == pytest.approx(amplitude)
    moved = restored.roll((3, 5), (2, 3))
    assert number(make("fft-l1", on="amplitude"), moved, restored) < 1e-6 < number(make("fft-l1"), moved, restored)
    assert number(make("focal-frequency"), restored, gt) == pytest.approx(amplitude**2), "all frequencies are as hard"


def test_focal_frequency_weighs_each_by_its_own_amplitude() -> None:
    restored, gt = pair(make("mse"))
    assert number(make("focal-frequency", alpha=0), restored, gt) == pytest.approx(number(make("mse"), restored, gt))
    x = torch.arange(16) / 16
    strong, weak = (torch.cos(2 * math.pi * k * x).expand(1, 1, 16, 16) for k in (2, 5))
    error = number(make("focal-frequency"), strong + weak / 10, torch.zeros_like(strong))
    assert error == pytest.approx(strong.square().mean().item() * (1 + 0.1 * 0.01), rel=1e-5)


# Bands


@pytest.mark.parametrize(("sigma", "side"), [(0.8, 7), (1.6, 13), (3.2, 27)])
def test_laplacian_of_gaussian(sigma: float, side: int) -> None:
    kernel = laplacian_of_gaussian(sigma)
    assert kernel.shape == (side, side)
    assert abs(kernel.sum().item()) < 1e-12
    gain = torch.fft.fft2(kernel, s=(512, 512)).abs()[0, :257]
    assert gain.max().item() == pytest.approx(2 / math.e, rel=0.03)
    assert gain.argmax().item() / 512 == pytest.approx(math.sqrt(2) / (2 * math.pi * sigma), rel=0.04)


@pytest.mark.parametrize("channel_mode", ["sum", "per-channel"])
def test_sfl_log_by_scipy(channel_mode: str) -> None:
    restored, gt = (random(2, 3, 20, 17, seed=seed, dtype=torch.float64) for seed in (0, 1))
    difference = (restored - gt).numpy()
    planes = difference.sum(1, keepdims=True) if channel_mode == "sum" else difference
    expected = 0.0
    for weight, sigma in zip((100, 10, 10), SIGMAS, strict=True):
        kernel = laplacian_of_gaussian(sigma).numpy()
        bands = [[convolve(plane, kernel, mode="nearest") for plane in image] for image in planes]
        expected += weight * np.square(bands).sum(1).mean()
    loss = make("sfl-log", channel_mode=channel_mode)
    assert number(loss, restored, gt) == pytest.approx(expected, rel=1e-9)
    single = make("sfl-log", channel_mode=channel_mode, weights=[0, 0, 10])
    assert 0 < number(single, restored, gt) < number(loss, restored, gt)


def test_sum_of_channels_is_blind_to_chroma() -> None:
    gt = random(1, 3, 24, 24)
    green_for_red = gt + random(1, 1, 24, 24, seed=1) * torch.tensor([1.0, -1.0, 0.0]).view(1, 3, 1, 1)
    assert number(make("sfl-log"), green_for_red, gt) < 1e-8
    assert number(make("sfl-log", channel_mode="per-channel"), green_for_red, gt) > 0.1


def test_sfl_dog_by_scipy() -> None:
    restored, gt = (random(2, 3, 20, 17, seed=seed, dtype=torch.float64) for seed in (0, 1))
    difference = (restored - gt).numpy()
    blurs = [
        gaussian_filter(difference, s, mode="nearest", radius=math.ceil(4 * s), axes=(2, 3))
        for s in (0.6, 1.2, 2.4, 4.8, 9.6, 19.2, 38.4, 76.8)
    ]
    expected = sum(np.square(blurs[i] - blurs[i + 1]).sum(1).mean() for i in range(7))
    assert number(make("sfl-dog"), restored, gt) == pytest.approx(expected, rel=1e-9)
    fewer = np.square(blurs[1] - blurs[2]).sum(1).mean()
    assert number(make("sfl-dog", bands=1, base=1.2), restored, gt) == pytest.approx(fewer, rel=1e-9)


# Codes and weights


def test_kl_gauss_by_hand() -> None:
    gt, mean, logvar = torch.zeros(3, 1, 4, 4), torch.zeros(3, 2), torch.zeros(3, 2)
    loss = make("kl-gauss")
    assert number(loss, gt, gt, mean=mean, logvar=logvar) == 0
    assert number(loss, gt, gt, mean=mean + 1, logvar=logvar) == pytest.approx(2 * 0.5)
    assert number(loss, gt, gt, mean=mean, logvar=logvar + math.log(4)) == pytest.approx(3 - math.log(4))
    averaged = make("kl-gauss", reduction="mean")
    assert number(averaged, gt, gt, mean=mean + 1, logvar=logvar) == pytest.approx(0.5)
    normal = torch.distributions.Normal(0.3, math.exp(-0.5))
    expected = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0)).item()
    assert number(averaged, gt, gt, mean=mean + 0.3, logvar=logvar - 1) == pytest.approx(expected, rel=1e-5)


def test_kl_gauss_pulls_back_a_code_that_explodes() -> None:
    gt, mean = torch.zeros(1, 1, 4, 4), torch.zeros(1, 3)
    logvar = torch.tensor([[19.0, 21.0, 1000.0]], requires_grad=True)
    result = make("kl-gauss")(gt, gt, mean=mean, logvar=logvar)
    result.backward()
    assert result.isfinite()
    assert torch.allclose(logvar.grad, torch.tensor([[math.exp(19), math.exp(20), math.exp(20)]]) / 2, rtol=1e-5)


def test_l1_l2_by_hand() -> None:
    image, kernels = torch.zeros(1, 1, 4, 4), torch.tensor([1.0, -2.0])
    assert number(make("l1-l2", l1=0.1, l2=0.01), image, image, kernels=kernels) == pytest.approx(0.3 + 0.05)
    assert number(make("l1-l2", l1=0, l2=1), image, image, kernels=kernels) == pytest.approx(5)
    assert number(make("l1-l2"), image, image, kernels=kernels) == pytest.approx(0.01 * 3 + 0.01 * 5)


@pytest.fixture
def blobs() -> tuple[Tensor, Tensor]:
    """Return 48 codes in two far groups of unequal size, and which group each is in, one-hot."""
    members = torch.cat([torch.zeros(32, dtype=torch.int64), torch.ones(16, dtype=torch.int64)])
    noise = torch.randn(48, 6, generator=torch.Generator().manual_seed(0))
    order = torch.randperm(48, generator=torch.Generator().manual_seed(1))
    return (noise + 40.0 * members[:, None])[order], torch.nn.functional.one_hot(members)[order].float()


def cut(code: Tensor, assignment: Tensor, **options: Any) -> float:
    image = torch.zeros(len(code), 1, 4, 4)
    return number(make("soft-ncut", **options), image, image, code=code, assignment=assignment)


def test_soft_ncut_tells_clusters_apart(blobs: tuple[Tensor, Tensor]) -> None:
    code, right = blobs
    assert cut(code, right) == pytest.approx(0, abs=1e-5)
    assert cut(1000 * code, right) == pytest.approx(0, abs=1e-5), "free of scale"
    for clusters in (2, 3):
        assert cut(code, torch.full((48, clusters), 1 / clusters)) == pytest.approx(clusters - 1, abs=1e-5)
    soft = random(48, 2).softmax(1)
    assert 0 < cut(code, soft) < 1 + 1e-5
    assert cut(code, soft.flip(1)) == pytest.approx(cut(code, soft), rel=1e-5), "labels have no order"
    assert cut(code.flip(0), soft.flip(0)) == pytest.approx(cut(code, soft), rel=1e-5), "nor has the batch"


def test_scale_of_the_affinity_is_a_constant_for_the_gradient(blobs: tuple[Tensor, Tensor]) -> None:
    code, right = blobs[0].clone().requires_grad_(), blobs[1].roll(1, 0)
    image = torch.zeros(len(code), 1, 4, 4)
    make("soft-ncut")(image, image, code=code, assignment=right).backward()
    assert (code * code.grad).sum().abs() > 1e-3, "0 if growing the code and its scale together changed nothing"


def test_soft_ncut_of_a_distance_has_the_wrong_sign(blobs: tuple[Tensor, Tensor]) -> None:
    code, right = blobs
    uniform = torch.full((48, 2), 0.5)
    assert cut(code, uniform, affinity="distance") == pytest.approx(1, abs=1e-5)
    assert cut(code, right, affinity="distance") > 1.99, "the right clusters score worst"


def test_soft_ncut_by_projection_adds_up_eight_cuts(blobs: tuple[Tensor, Tensor]) -> None:
    code, right = blobs
    assert cut(code, torch.full((48, 3), 1 / 3), affinity="projection") == pytest.approx(8 * 2, abs=1e-4)
    assert cut(code.flip(0), right.flip(0), affinity="projection") == pytest.approx(
        cut(code, right, affinity="projection"), rel=1e-4
    )
    shuffled = torch.randperm(48, generator=torch.Generator().manual_seed(3))
    moved = cut(code[shuffled], right[shuffled], affinity="projection")
    assert moved != pytest.approx(cut(code, right, affinity="projection"), rel=1e-3), "the order of the batch matters"


def test_soft_ncut_of_few_or_equal_codes_is_finite() -> None:
    for images in (1, 2, 11):
        assert cut(random(images, 4), random(images, 3).softmax(1)) == pytest.approx(2, abs=2)
        assert cut(torch.ones(images, 4), random(images, 3).softmax(1)) == pytest.approx(2, abs=1e-5)


# Recipes and documents


def test_the_switch_of_paper_000_happens_after_its_epoch() -> None:
    before, after = make("l1", to_epoch=100), make("mse", from_epoch=101)
    for epoch, l1_counts in ((1, True), (99, True), (100, True), (101, False), (300, False)):
        assert before.counts(step=24 * epoch, epoch=epoch, stage="joint") == l1_counts
        assert after.counts(step=24 * epoch, epoch=epoch, stage="joint") != l1_counts
    assert make("l1").counts(step=1, epoch=1, stage="joint") and make("l1").counts(step=10**6, epoch=300, stage="")


def test_windows_of_steps_and_stages() -> None:
    loss = make("mse", from_step=5, to_step=7, stage="joint")
    assert [step for step in range(1, 12) if loss.counts(step, 1, "joint")] == [5, 6, 7]
    assert not any(loss.counts(step, 1, "decoders") for step in range(1, 12))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ssim", {"colour": "gray"}),
        ("ssim", {"window": 1}),
        ("charbonnier", {"epsilon": 0}),
        ("sfl-log", {"weights": [1, 2]}),
        ("sfl-log", {"weights": [1, 2, -3]}),
        ("stft", {"windows": 16}),
        ("stft", {"size": 2}),
        ("soft-ncut", {"affinity": "cosine"}),
        ("msssim", {}),
    ],
)
def test_recipes_are_checked(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(RecipeError):
        make(name, **options)


def test_summaries_fit_a_list() -> None:
    for entry in registry.entries("loss").values():
        summary = entry.summary.partition(":")[0]
        assert 0 < len(summary) <= 72 and not summary.endswith("."), f"{entry.name}: {entry.summary}"


@pytest.fixture(scope="module")
def page() -> str:
    return (Path(__file__).parents[2] / "docs/losses.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", registry.entries("loss"))
def test_is_documented(name: str, page: str) -> None:
    section = re.search(rf"^### `{name}`$.*?(?=^##|\Z)", page, re.DOTALL | re.MULTILINE)
    assert section and f"[`{name}`](#{name})" in page, f"docs/losses.md has no section on {name}"
    part = registry.find("loss", name).load()
    rows = dict(re.findall(r"^\| `(\w+)` \| `(.*?)` \| .+ \|$", section[0], re.MULTILINE))
    own = {key: field.default for key, field in part.model_fields.items() if key not in Loss.model_fields}
    shown = {key: tomllib.loads(f"default = {text}")["default"] for key, text in rows.items()}
    assert shown == {key: list(default) if isinstance(default, tuple) else default for key, default in own.items()}
    assert all(f"`{need}`" in section[0] for need in part.needs if need != "kernels")


def test_settings_of_all_and_examples_are_documented(page: str) -> None:
    assert all(re.search(rf"^\| `{field}` \|", page, re.MULTILINE) for field in Loss.model_fields)
    examples = re.findall(r"^```toml$(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    losses = [check(Loss, table) for example in examples for table in tomllib.loads(example)["loss"]]
    assert [loss.kind for loss in losses[:3]] == ["ms-ssim", "l1", "mse"]
    assert [[loss.counts(1, epoch, "") for loss in losses[:3]] for epoch in (100, 101)] == [
        [True, True, False],
        [True, False, True],
    ]


@pytest.mark.parametrize("name", registry.entries("loss"))
def test_smallest_side_and_brightness_are_documented(name: str, page: str) -> None:
    loss = make(name)
    row = re.search(rf"^\| \[`{name}`\].*\| (.*) \| (.*) \|$", page, re.MULTILINE)
    sides = {"`window`": loss.model_dump().get("window"), "`size`": loss.model_dump().get("size")}
    side = row[1].partition(" /")[0]
    shown = sides[side] if side in sides else int(side)
    assert loss.least_side == (shown // 2 + 1 if "/ 2 + 1" in row[1] else shown)
    assert loss.sees_brightness == row[2].startswith("yes")
