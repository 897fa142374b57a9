import importlib.util
import math
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from imgrestore.degradations import opencv
from imgrestore.degradations.anisotropic_blur import AnisotropicBlur
from imgrestore.degradations.bilateral import Bilateral
from imgrestore.degradations.binarise import Binarise
from imgrestore.degradations.blur import Blur, blur, box_kernels, disc_kernels
from imgrestore.degradations.box_blur import BoxBlur
from imgrestore.degradations.brighten import Brighten
from imgrestore.degradations.camera_shake import CameraShake
from imgrestore.degradations.chroma_noise import ChromaNoise
from imgrestore.degradations.colour_gauss import ColourGauss
from imgrestore.degradations.colour_replace import ColourReplace
from imgrestore.degradations.contract import Degradation, degrade, struck_pixels
from imgrestore.degradations.darken import Darken
from imgrestore.degradations.defocus import Defocus
from imgrestore.degradations.downsample import Downsample
from imgrestore.degradations.gaussian import Gaussian
from imgrestore.degradations.gaussian_blur import GaussianBlur
from imgrestore.degradations.jpeg import Jpeg
from imgrestore.degradations.median_blur import MedianBlur, median
from imgrestore.degradations.motion_blur import MotionBlur
from imgrestore.degradations.offset_wrap import OffsetWrap
from imgrestore.degradations.poisson import Poisson
from imgrestore.degradations.quantize import Quantize
from imgrestore.degradations.random_resize import RandomResize
from imgrestore.degradations.regional import Regional
from imgrestore.degradations.ringing import Ringing
from imgrestore.degradations.rotate import Rotate
from imgrestore.degradations.salt_pepper import SaltPepper
from imgrestore.degradations.shot_read import ShotRead
from imgrestore.degradations.speckle import Speckle
from imgrestore.degradations.streams import Streams
from imgrestore.degradations.two_pass import Pass, TwoPass
from imgrestore.degradations.webp import Webp
from imgrestore.errors import ComputeError, InputError, RecipeError
from imgrestore.image.color import luma, to_linear, to_srgb
from imgrestore.image.resampling import resize
from imgrestore.parts import registry
from imgrestore.parts.part import RecipeTable, check

DOCS = Path(__file__).parents[2] / "docs"
KERNELS = [Path(tempfile.mkdtemp()) / f"{side}.txt" for side in range(1, 40, 2)]
for number, path in enumerate(KERNELS):
    path.write_text("1 " * (2 * number + 1), encoding="ascii")
NEEDED: dict[str, dict[str, Any]] = {
    "downsample": {"scale": 2},
    "hot-pixels": {"amount": 0.01},
    "scratches": {"density": 10},
    "two-pass": {"scale": 2},
    "measured-blur": {"files": [*map(str, KERNELS)]},
    "regional": {"inside": [{"kind": "gaussian-blur"}, {"kind": "salt-pepper"}]},
    "one-of": {"among": [{"kind": "gaussian-blur", "probability": 0.5}, {"kind": "salt-pepper", "probability": 0.5}]},
}
KINDS = sorted(registry.entries("degradation"))
BLURS = [kind for kind in KINDS if issubclass(registry.find("degradation", kind).load(), Blur)]


def make(kind: str, **settings: Any) -> Degradation:
    return Degradation.model_validate({"kind": kind, **NEEDED.get(kind, {}), **settings})


def seeded(count: int, seed: int = 0) -> Streams:
    return Streams.seeded(seed, range(count))


def degraded(part: Degradation, image: Tensor, seed: int = 0) -> Tensor:
    return part(image, seeded(len(image), seed))


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def psnr(a: Tensor, b: Tensor) -> float:
    return -10 * math.log10(float((a - b).square().mean()))


@pytest.fixture
def crop(photo: Callable[..., NDArray[np.uint8]]) -> Tensor:
    """Return a photo-like batch (1, 3, 96, 128) in [0, 1]."""
    return torch.from_numpy(photo()).permute(2, 0, 1)[None].float() / 255


# --- What every degradation promises ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_equal_seeds_give_equal_images_and_others_do_not(kind: str) -> None:
    part, image = make(kind), noise(3, 3, 37, 53)
    first = degraded(part, image, 1)
    assert torch.equal(first, degraded(part, image, 1))
    assert torch.equal(first, degraded(part, image, 2)) != part.random


@pytest.mark.parametrize("kind", [kind for kind in KINDS if registry.find("degradation", kind).load().random])
def test_every_image_of_a_batch_is_drawn_for_itself(kind: str) -> None:
    result = degraded(make(kind), noise(1, 3, 48, 48).repeat(3, 1, 1, 1))
    assert not torch.equal(result[0], result[1]) and not torch.equal(result[1], result[2])


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_comes_out_the_same_whatever_is_in_its_batch(kind: str) -> None:
    part, batch, streams = make(kind), noise(4, 3, 36, 54), seeded(4)
    together = part(batch, streams.copy())
    for number in (3, 1):
        alone = part(batch[[number]], streams.pick(torch.tensor([number])))
        changed = ((alone - together[[number]]).abs() > 1e-5).float().mean()
        assert changed < 1e-3, "no more than roundings that fall the other way"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(36, 54), (37, 53), (1, 1), (1, 2), (5, 3)])
def test_any_image_will_do(kind: str, channels: int, size: tuple[int, int]) -> None:
    part = make(kind)
    scale = 2 if "scale" in type(part).model_fields else 1
    image = noise(3, channels, size[0] * scale, size[1] * scale)
    image[1] = image[1].round()
    before = image.clone()
    result = degraded(part, image, 3)
    assert torch.equal(image, before) and result.data_ptr() != image.data_ptr()
    assert result.shape == (3, channels, *size) and part.keeps_size == (scale == 1)
    assert result.dtype == torch.float32 and bool(result.isfinite().all())
    if part.keeps_range:
        assert result.min() > -1e-5 and result.max() < 1 + 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_type_and_memory_layout_do_not_matter(kind: str) -> None:
    part, image = make(kind), noise(2, 3, 24, 30)
    result = degraded(part, image)
    double = degraded(part, image.double())
    assert double.dtype == torch.float64 and torch.allclose(double.float(), result, atol=1 / 254)
    assert torch.equal(degraded(part, image.contiguous(memory_format=torch.channels_last)), result)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not registry.find("degradation", kind).load().keeps_range])
def test_what_is_not_clipped_leaves_the_range(kind: str) -> None:
    extremes = torch.stack([torch.zeros(3, 64, 64), torch.ones(3, 64, 64)])
    result = degraded(make(kind), extremes, 1)
    assert result.max() > 1.01 and result.min() > -2 and result.max() < 3


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("kind", KINDS)
def test_works_where_the_images_are(kind: str) -> None:
    part, image = make(kind), noise(3, 3, 36, 54)
    there = Streams.seeded(0, torch.arange(3, device="cuda"))
    first = part(image.cuda(), there.copy())
    assert first.is_cuda and torch.equal(first, part(image.cuda(), there))
    assert psnr(first.cpu(), degraded(part, image)) > 35


@pytest.mark.parametrize("kind", KINDS)
def test_documented(kind: str) -> None:
    entry = registry.find("degradation", kind)
    part = entry.load()
    summary, blank, rest = (part.__doc__ or "").split("\n", 2)
    assert summary == entry.summary and summary.endswith(".") and len(summary) < 110 and not blank and rest.strip()
    assert list(undescribed(part)) == []


def undescribed(table: type[RecipeTable]) -> Iterator[str]:
    for name, field in table.model_fields.items():
        if not field.description:
            yield name
        if isinstance(field.default, RecipeTable):
            yield from undescribed(type(field.default))


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_written_down_is_the_same_part(kind: str) -> None:
    part = make(kind)
    assert Degradation.model_validate(part.model_dump(mode="json")) == part


def test_probability() -> None:
    image = noise(400, 1, 2, 2)
    result = degraded(Brighten(factor=1.5, probability=0.25), image)
    kept = (result == image).flatten(1).all(dim=1)
    assert 0.68 < kept.float().mean() < 0.82
    assert torch.equal(result[~kept], (image[~kept] * 1.5).clamp(0, 1))


@pytest.mark.parametrize("kind", ["downsample", "two-pass"])
def test_what_changes_the_size_happens_to_all_images(kind: str) -> None:
    with pytest.raises(RecipeError, match="changes the size, so it happens to all images"):
        check(Degradation, {"kind": kind, "scale": 2, "probability": 0.5})
    assert degraded(make(kind, scale=1, probability=0.5), noise(4, 3, 16, 16)).shape == (4, 3, 16, 16)


def test_one_after_the_other() -> None:
    image = noise(2, 3, 8, 8)
    result = degrade(image, [Darken(factor=0.5), Downsample(scale=2), Quantize()], seeded(2))
    assert torch.equal(result, degraded(Quantize(), degraded(Downsample(scale=2), image * 0.5)))
    assert degrade(image, [], seeded(2)) is image


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"kind": "gaussian", "sigma": [0.5, 0.1]}, "'sigma': the range must not descend"),
        ({"kind": "gaussian", "sigma": 25}, "'sigma': must lie between 0 and 1"),
        ({"kind": "median-blur", "size": 4}, "size must be odd"),
        ({"kind": "jpeg", "quality": 0}, "'quality': must lie between 1 and 100"),
        ({"kind": "jpeg", "qualty": 50}, "unknown key 'qualty'; did you mean 'quality'"),
        ({"kind": "regional", "inside": []}, "'inside'"),
        ({"kind": "regional", "inside": [{"kind": "jpg"}]}, "did you mean 'jpeg'"),
        ({"kind": "regional", "inside": [{"kind": "downsample", "scale": 2}]}, "downsample changes the size"),
        ({"kind": "one-of", "among": [{"kind": "gaussian"}, {"kind": "jpeg"}]}, "add up to 2, which is more than 1"),
        ({"kind": "one-of", "among": [{"kind": "downsample", "scale": 2}]}, "downsample changes the size"),
        ({"kind": "two-pass", "scale": 2, "first": {"enlarged": 0.6}}, "together they must not exceed 1"),
        ({"kind": "random-resize", "kernels": []}, "'kernels'"),
    ],
)
def test_mistakes_are_one_line(table: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message) as caught:
        check(Degradation, table)
    assert "\n" not in str(caught.value)


# --- Noise ------------------------------------------------------------------------------------------------------------


def test_gaussian_noise() -> None:
    image = torch.full((2, 3, 256, 256), 0.5)
    added = degraded(Gaussian(sigma=0.1), image) - image
    assert added.std() == pytest.approx(0.1, rel=0.01) and added.mean().abs() < 1e-3
    assert (added[:, 0] * added[:, 1]).mean().abs() < 1e-4
    grey = degraded(Gaussian(sigma=0.1, colour="grey"), image) - image
    assert torch.equal(grey[:, 0], grey[:, 2]) and grey.std() == pytest.approx(0.1, rel=0.01)
    strengths = (
        (degraded(Gaussian(sigma=(0, 0.2)), image[:1, :, :64, :64].expand(40, -1, -1, -1)) - 0.5).flatten(1).std(dim=1)
    )
    assert strengths.min() < 0.02 and strengths.max() > 0.18 and 0.08 < strengths.mean() < 0.12


def test_colour_gauss_clips_unless_told_not_to() -> None:
    image = torch.full((1, 3, 128, 128), 0.9)
    assert (degraded(ColourGauss(std=0.1, clip=False), image) - image).std() == pytest.approx(0.1, rel=0.02)
    assert degraded(ColourGauss(std=0.1), image).max() == 1
    assert degraded(ColourGauss(std=0.1, clip=False), image).max() > 1


def test_speckle_is_proportional() -> None:
    image = torch.tensor([0.25, 0.5, 0.0])[:, None, None, None].expand(3, 1, 256, 256)
    added = degraded(Speckle(sigma=0.2, mean=0.1), image) - image
    assert added[0].std() == pytest.approx(0.05, rel=0.02) and added[0].mean() == pytest.approx(0.025, rel=0.05)
    assert added[1].std() == pytest.approx(0.1, rel=0.02) and bool((added[2] == 0).all())


def test_struck_pixels_are_drawn_with_replacement() -> None:
    image = noise(40, 3, 50, 40)
    struck = struck_pixels(image, (0.5, 0.5), seeded(40))
    assert struck.shape == (40, 1, 50, 40) and struck.flatten(1).sum(dim=1).max() <= 1000
    assert struck.float().mean() == pytest.approx(1 - math.exp(-0.5), rel=0.01)
    assert not struck_pixels(image, (0, 0), seeded(40)).any()
    shares = struck_pixels(image, (0, 1), seeded(40)).float().mean(dim=(1, 2, 3))
    assert shares.min() < 0.08 and shares.max() > 0.58
    small = noise(9, 3, 1, 1)
    assert struck_pixels(small, (1, 1), seeded(9)).all() and not struck_pixels(small, (0.9, 0.9), seeded(9)).any()


def test_salt_and_pepper() -> None:
    image = torch.full((4, 3, 100, 100), 0.5)
    result = degraded(SaltPepper(amount=0.3), image)
    changed = result != image
    assert torch.equal(result[:, 0], result[:, 1]) and changed.float().mean() == pytest.approx(0.259, abs=0.005)
    assert set(result.unique().tolist()) == {0, 0.5, 1}
    assert result[changed].mean() == pytest.approx(0.5, abs=0.02)


def test_colour_replace() -> None:
    image = torch.full((4, 3, 100, 100), 0.5)
    result = degraded(ColourReplace(amount=0.3), image)
    changed = (result != image).any(dim=1)
    assert changed.float().mean() == pytest.approx(0.259, abs=0.005)
    colours = result.movedim(1, -1)[changed]
    assert colours.mean() == pytest.approx(0.5, abs=0.02) and colours.var() == pytest.approx(1 / 12, rel=0.05)
    assert torch.corrcoef(colours.T)[0, 1].abs() < 0.05


def test_photon_noise() -> None:
    image = torch.full((1, 3, 256, 256), 0.3)
    result = degraded(Poisson(peak=100), image)
    assert result.var() == pytest.approx(0.3 / 100, rel=0.02) and result.mean() == pytest.approx(0.3, rel=0.005)
    assert torch.allclose((result * 100).round() / 100, result, atol=1e-6)
    grey = degraded(Poisson(peak=100, colour="grey"), image)
    assert torch.equal(grey[:, 0], grey[:, 1]) and grey.var() == pytest.approx(0.3 / 100, rel=0.04)
    strengths = degraded(Poisson(peak=(25, 2500)), torch.full((300, 1, 32, 32), 0.25)).flatten(1).std(dim=1) * 2
    assert strengths.mean() == pytest.approx((1 / 5 + 1 / 50) / 2, rel=0.1)  # 1 / sqrt(peak) is what is even


def test_sensor_noise_in_linear_light() -> None:
    light = torch.tensor([0.0, 0.25, 0.7])[:, None, None, None].expand(3, 3, 128, 128)
    shot = to_linear(degraded(ShotRead(shot=0.01, read=0, clip=False), to_srgb(light))) - light
    assert shot[1].var() == pytest.approx(0.01 * 0.25, rel=0.03)
    assert shot[2].var() == pytest.approx(0.01 * 0.7, rel=0.03)
    assert shot[0].abs().max() < 1e-6
    black = torch.zeros(300, 1, 16, 16)
    read = to_linear(degraded(ShotRead(shot=0.01, clip=False), black)).flatten(1).var(dim=1)
    surplus = read.log() - (2.18 * math.log(0.01) + 1.20)
    assert surplus.mean() == pytest.approx(0, abs=0.06) and surplus.std() == pytest.approx(0.28, abs=0.05)
    assert degraded(ShotRead(shot=0.01), black).min() == 0
    white = torch.ones(500, 1, 12, 12)
    variance = (to_linear(degraded(ShotRead(read=0, clip=False), white)) - 1).flatten(1).var(dim=1)
    assert variance.log().mean() == pytest.approx(math.log(1e-4 * 0.012) / 2, abs=0.2)  # log-even


def test_noise_of_luma_and_chroma() -> None:
    image = torch.full((4, 3, 128, 128), 0.5)
    added = degraded(ChromaNoise(luma=0.03, chroma=0.05, grain=1.5), image) - image
    y = luma(added)
    cb, cr = (added[:, 2:] - y) / 1.772, (added[:, :1] - y) / 1.402
    assert y.std() == pytest.approx(0.03, rel=0.02)
    for chroma in (cb, cr):
        assert chroma.std() == pytest.approx(0.05, rel=0.06)
        edge = torch.cat([chroma[..., 0, :], chroma[..., -1, :]])
        assert edge.std() == pytest.approx(0.05, rel=0.15)
        assert likeness(chroma) > 0.8
    assert abs(likeness(y)) < 0.02 and abs(float((cb * cr).mean())) < 3e-4
    grey = degraded(ChromaNoise(luma=0.03, chroma=0.5), image[:, :1]) - 0.5
    assert grey.std() == pytest.approx(0.03, rel=0.02)


def likeness(x: Tensor) -> float:
    """Return the correlation of horizontal neighbours."""
    return float((x[..., 1:] * x[..., :-1]).mean() / x.square().mean())


def test_an_offset_that_does_not_wrap_leaves_14_decibels() -> None:
    dark = noise(1, 3, 200, 200) * 180 / 255
    dark = (dark * 255).round() / 255
    assert 14.1 < psnr(degraded(OffsetWrap(), dark), dark) < 14.2
    offset = (degraded(OffsetWrap(), dark) - dark) * 255
    assert offset.mean() == pytest.approx(49.5, abs=0.1) and offset.std() == pytest.approx(5.01, abs=0.05)
    assert (offset - offset.round()).abs().max() < 1e-4


def test_an_offset_beyond_white_wraps() -> None:
    white = torch.ones(1, 3, 100, 100)
    wrapped = degraded(OffsetWrap(), white) * 255
    assert wrapped.mean() == pytest.approx(48.5, abs=0.2) and wrapped.max() < 80
    assert bool((degraded(OffsetWrap(wrap=False), white) == 1).all())
    edge = degraded(OffsetWrap(mean=1, std=0), torch.tensor([254, 255, 0]).view(1, 1, 1, 3) / 255) * 255
    assert edge.flatten().round().tolist() == [255, 0, 1]


# --- Blur -------------------------------------------------------------------------------------------------------------


def moments(kernel: Tensor) -> tuple[Tensor, Tensor]:
    """Return the centre (x, y, rightwards and upwards) and the covariance of a kernel (k, k)."""
    offsets = torch.arange(kernel.shape[-1], dtype=torch.float64) - kernel.shape[-1] // 2
    y, x = torch.meshgrid(-offsets, offsets, indexing="ij")
    places, weights = torch.stack([x.flatten(), y.flatten()]), kernel.double().flatten()
    centre = places @ weights
    return centre, (places * weights) @ places.T - centre[:, None] * centre


@pytest.mark.parametrize("kind", BLURS)
def test_kernels_are_whole_and_centred(kind: str) -> None:
    part = make(kind)
    assert isinstance(part, Blur)
    kernels = part.kernels(seeded(20))
    assert kernels.shape[0] == 20 and kernels.shape[1] == kernels.shape[2] and kernels.shape[1] % 2 == 1
    assert (kernels.sum(dim=(1, 2)) - 1).abs().max() < 1e-5
    assert kind == "ringing" or kernels.min() >= 0
    for kernel in kernels:
        assert moments(kernel)[0].abs().max() < 1e-3


@pytest.mark.parametrize("kind", BLURS)
@pytest.mark.parametrize("linear", [False, True])
def test_blurs_keep_what_is_plain(kind: str, linear: bool) -> None:
    plain = torch.tensor([0.1, 0.6, 1.0]).view(3, 1, 1, 1).expand(3, 3, 40, 30)
    assert torch.allclose(degraded(make(kind, linear=linear), plain), plain, rtol=0, atol=1e-6 if not linear else 3e-6)


def test_blurring_is_convolution_of_the_mirrored_image() -> None:
    image, kernels = noise(2, 3, 9, 14), noise(2, 7, 7, seed=1)
    result = blur(image, kernels)
    for i in range(2):
        for channel in range(3):
            padded = np.pad(image[i, channel].double().numpy(), 3, mode="reflect")
            windows = np.lib.stride_tricks.sliding_window_view(padded, (7, 7))
            wanted = (windows * kernels[i].flip(0, 1).double().numpy()).sum(axis=(2, 3))
            assert np.abs(result[i, channel].numpy() - wanted).max() < 1e-4


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (2, 2), (3, 40)])
def test_kernels_may_be_larger_than_the_image(size: tuple[int, int]) -> None:
    image = noise(1, 1, *size)
    kernel = disc_kernels(torch.tensor([9.0]), 9)
    padded = np.pad(image[0, 0].numpy(), 9, mode="reflect") if min(size) > 1 else None
    result = blur(image, kernel)
    assert result.shape == image.shape and result.min() >= image.min() - 1e-6 and result.max() <= image.max() + 1e-6
    if padded is not None:
        assert result[0, 0, 0, 0] == pytest.approx(float((padded[:19, :19] * kernel[0].numpy()).sum()), abs=1e-5)


def test_gaussian_blurs_are_as_wide_as_they_say() -> None:
    covariance = moments(GaussianBlur(sigma=2).kernels(seeded(1))[0])[1]
    assert torch.allclose(covariance, torch.eye(2, dtype=torch.float64) * 4, atol=0.02)
    oblong = moments(AnisotropicBlur(sigma_x=4, sigma_y=1, angle=30).kernels(seeded(1))[0])[1]
    along, across = direction(30), direction(120)
    assert along @ oblong @ along == pytest.approx(16, rel=0.01) and across @ oblong @ across == pytest.approx(1, 0.01)
    assert torch.allclose(degraded(GaussianBlur(sigma=0), noise(1, 3, 8, 8)), noise(1, 3, 8, 8), atol=1e-6)


def direction(degrees: float) -> Tensor:
    angle = math.radians(degrees)
    return torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)


@pytest.mark.parametrize(("length", "angle"), [(20, 0), (20, 30), (7.5, 90), (12, 135), (0.5, 45)])
def test_motion_is_as_long_and_as_steep_as_it_says(length: float, angle: float) -> None:
    covariance = moments(MotionBlur(length=length, angle=angle).kernels(seeded(1))[0])[1]
    along, across = direction(angle), direction(angle + 90)
    assert along @ covariance @ along == pytest.approx(length**2 / 12, abs=0.2)  # the rest is interpolation
    assert across @ covariance @ across < 0.2
    assert abs(along @ covariance @ across) < 0.05


def test_discs_and_squares() -> None:
    disc = disc_kernels(torch.tensor([6.0, 1.5]), 6)[0]
    covariance = moments(disc)[1]
    assert covariance[0, 0] == pytest.approx(6**2 / 4 + 1 / 12, abs=0.02) and covariance[0, 1].abs() < 1e-6
    assert covariance[1, 1] == pytest.approx(float(covariance[0, 0]), abs=0.02)
    assert disc[6, 6] == pytest.approx(1 / (math.pi * 36), rel=1e-3) and disc[0, 0] == 0
    assert Defocus(radius=0).kernels(seeded(1)).max() == 1
    three, four = box_kernels(torch.tensor([3.0, 4.0]), 4)
    assert torch.allclose(three[1:4, 1:4], torch.full((3, 3), 1 / 9)) and three[0].abs().max() == 0
    assert torch.allclose(four.sum(dim=0), torch.tensor([1, 2, 2, 2, 1]) / 8)
    means = degraded(BoxBlur(size=3), noise(1, 1, 9, 9))[0, 0, 4, 4]
    assert means == pytest.approx(float(noise(1, 1, 9, 9)[0, 0, 3:6, 3:6].mean()), abs=1e-6)


def test_camera_shake_fills_its_frame() -> None:
    for kernel in CameraShake(size=15).kernels(seeded(12)):
        rows, columns = ((kernel.sum(dim=axis) > 1e-6).nonzero().flatten() for axis in (1, 0))
        sides = sorted([int(rows[-1] - rows[0]), int(columns[-1] - columns[0])])
        assert 14 <= sides[1] <= 17 and sides[0] <= 17
    straight = [moments(kernel)[1] for kernel in CameraShake(size=15, tremor=0, jerks=0).kernels(seeded(12))]
    for covariance in straight:
        spread = torch.linalg.eigvalsh(covariance)
        assert spread[0] < 0.2 and 15**2 / 12 - 0.5 < spread[1] < 15**2 / 6 + 0.5
    slopes = [float(covariance[0, 1]) for covariance in straight]
    assert min(slopes) < -5 and max(slopes) > 5
    still = degraded(CameraShake(size=0), noise(1, 3, 9, 9))
    assert torch.allclose(still, noise(1, 3, 9, 9), atol=1e-5)


def test_bright_points_outshine_blur_in_linear_light() -> None:
    image = torch.full((1, 1, 31, 31), 0.05)
    image[..., 15, 15] = 1
    assert (
        degraded(Defocus(radius=5, linear=True), image)[..., 12, 15]
        > 1.5 * degraded(Defocus(radius=5), image)[..., 12, 15]
    )


def test_ringing_ripples_beside_edges() -> None:
    step = torch.full((1, 1, 40, 40), 0.3)
    step[..., 20:] = 0.6
    result = degraded(Ringing(cutoff=1.2), step)[0, 0, 20]
    assert result.max() > 0.615 and result.min() < 0.285 and bool((result[:17].diff() > 0).any())
    frequencies = torch.fft.fft2(Ringing(cutoff=1.2).kernels(seeded(1))[0], s=(128, 128)).abs()
    assert frequencies[0, 10] > 0.8 and frequencies[0, 40:64].max() < 0.1  # 10 is 0.49 radians, 40 is 1.96


def test_median_and_bilateral_keep_edges(crop: Tensor) -> None:
    step = torch.zeros(1, 3, 20, 20)
    step[..., 10:] = 1
    speck = step.clone()
    speck[..., 5, 5] = 1
    assert torch.equal(degraded(MedianBlur(size=3), speck), step)
    assert torch.equal(degraded(Bilateral(), step), step)
    flat = (torch.full((1, 3, 40, 40), 0.5) + 0.02 * seeded(1).normal(3, 40, 40)).clamp(0, 1)
    assert degraded(Bilateral(), flat).std() < 0.3 * flat.std()
    ours = degraded(Bilateral(diameter=5, sigma_colour=20, sigma_space=2), crop)
    assert (ours[0, :, 40, 50] * 255).round().tolist() == pytest.approx(slow_bilateral(crop, 40, 50), abs=1)


def test_filters_of_neighbourhoods_are_the_same_on_tensors(crop: Tensor) -> None:
    """What a GPU computes is what OpenCV does, to a level of 255, at any size and beside any edge."""
    small = [noise(2, 3, 1, 1), noise(1, 1, 2, 7), noise(2, 1, 9, 5)]
    for image in (crop[..., :40, :50], *small):
        for size in (1, 3, 9):
            assert torch.allclose(median(image, size), degraded(MedianBlur(size=size), image), atol=1e-6)
        for part in (Bilateral(diameter=9), Bilateral(diameter=5, sigma_colour=20, sigma_space=2)):
            differences = (part.by_tensors(image) - degraded(part, image)).abs() * 255
            assert differences.max() < 1.01 and (differences > 0.5).float().mean() < 0.02


def slow_bilateral(crop: Tensor, row: int, column: int) -> list[float]:
    """Compute one pixel of a bilateral filter of diameter 5 by its formula."""
    levels = (crop[0] * 255).round()
    total, weights = torch.zeros(3), 0.0
    for dy in range(-2, 3):
        for dx in range(-2, 3):
            if dx * dx + dy * dy <= 4:
                other = levels[:, row + dy, column + dx]
                difference = float((other - levels[:, row, column]).abs().sum())
                weight = math.exp(-(dx * dx + dy * dy) / 8 - difference**2 / 800)
                total, weights = total + weight * other, weights + weight
    return (total / weights).tolist()


# --- Resolution and files ---------------------------------------------------------------------------------------------


def test_random_resize_loses_detail_and_shifts_nothing(crop: Tensor) -> None:
    small = degraded(RandomResize(factor=0.3, kernels=("bicubic",)), crop)
    large = degraded(RandomResize(factor=1.4, kernels=("bicubic",)), crop)
    assert 15 < psnr(small, crop) < 30 < psnr(large, crop)
    ramp = torch.linspace(0.2, 0.8, 60).expand(6, 3, 40, 60)
    for kernel in ("bilinear", "bicubic", "lanczos"):
        there_and_back = degraded(RandomResize(kernels=(kernel,)), ramp)
        assert (there_and_back - ramp)[..., 16:-16].mean().abs() < 2e-3
    marks = noise(1, 1, 20, 30).round()
    between = resize(marks, (40, 60), "lanczos").clamp(0, 1)
    both_clipped = resize(between, (20, 30), "lanczos").clamp(0, 1)
    assert torch.equal(degraded(RandomResize(factor=2, kernels=("lanczos",)), marks), both_clipped)


def test_jpeg_quality_and_subsampling(crop: Tensor) -> None:
    fine, coarse = (degraded(Jpeg(quality=quality, subsampling="4:4:4"), crop) for quality in (95, 10))
    assert psnr(fine, crop) > 36 and psnr(coarse, crop) < psnr(fine, crop) - 8
    assert torch.equal((fine * 255).round() / 255, fine)
    assert psnr(degraded(Jpeg(quality=95), crop), crop) < psnr(fine, crop) - 1
    either = degraded(Jpeg(quality=90, subsampling="random"), crop.repeat(12, 1, 1, 1))
    assert len({float(image.sum()) for image in either}) == 3
    red = torch.zeros(1, 3, 16, 16)
    red[:, 0] = 1
    assert (degraded(Jpeg(quality=95), red) - red).abs().max() < 0.02  # red stays red


def test_blocks_of_jpeg_begin_anywhere_in_cropped_pictures(crop: Tensor) -> None:
    photos = crop.repeat(60, 1, 1, 1)

    def edges(cropped: float) -> set[tuple[int, int]]:
        """Return where, within a block, steps between rows and between columns are largest."""
        damage = (degraded(Jpeg(quality=5, cropped=cropped), photos) - photos).mean(1)
        found = set()
        for picture in damage:
            steps = [picture.diff(dim=axis).abs().mean(1 - axis) for axis in (0, 1)]
            found.add(tuple(int(step[: len(step) // 8 * 8].reshape(-1, 8).mean(0).argmax()) for step in steps))
        return found

    assert edges(0) == {(7, 7)}
    assert len(edges(1)) > 20
    assert (7, 7) in edges(0.5) and len(edges(0.5)) > 10
    assert torch.equal(degraded(Jpeg(quality=(5, 95), cropped=0), photos), degraded(Jpeg(quality=(5, 95)), photos))


def test_webp_quality(crop: Tensor) -> None:
    fine, coarse = (degraded(Webp(quality=quality), crop) for quality in (95, 5))
    assert 30 < psnr(fine, crop) < 60 and psnr(coarse, crop) < psnr(fine, crop) - 5
    red = torch.zeros(1, 3, 16, 16)
    red[:, 0] = 1
    assert (degraded(Webp(quality=95), red) - red).abs().max() < 0.04
    grey = luma(crop)
    assert psnr(degraded(Webp(quality=95), grey), grey) > 30


def test_a_file_that_cannot_hold_the_image_is_an_error() -> None:
    with pytest.raises(ComputeError, match=r"no \.webp file can hold 17000x1 pixels"):
        opencv.webp(np.zeros((1, 17000, 3), np.uint8), 50)


def test_opencv_starts_no_threads() -> None:
    import cv2

    assert cv2.getNumThreads() == 1


def test_quantize_and_downsample() -> None:
    image = noise(1, 3, 8, 8) * 1.4 - 0.2
    assert set((degraded(Quantize(bits=1), image)).unique().tolist()) == {0, 1}
    assert (degraded(Quantize(), image) - image.clamp(0, 1)).abs().max() <= 0.5 / 255 + 1e-6
    assert degraded(Downsample(scale=4), image.clamp(0, 1).round()).shape == (1, 3, 2, 2)


# --- Light and place --------------------------------------------------------------------------------------------------


def test_srgb_curve() -> None:
    values = torch.linspace(-0.3, 1.5, 2001, dtype=torch.float64)
    assert (to_srgb(to_linear(values)) - values).abs().max() < 1e-6
    assert to_linear(torch.tensor(0.5)) == pytest.approx(0.2140411, abs=1e-6)
    assert bool((to_linear(values).diff() > 0).all()) and to_linear(torch.tensor(1.0)) == pytest.approx(1)


def test_darken_and_brighten_by_the_proportions_of_the_paper() -> None:
    image = torch.full((300, 1, 2, 2), 0.5)
    dark, bright = degraded(Darken(), image)[:, 0, 0, 0] / 0.5, degraded(Brighten(), image)[:, 0, 0, 0] / 0.5
    assert 0.4 <= dark.min() < 0.41 and 0.69 < dark.max() <= 0.7
    assert 1.3 <= bright.min() < 1.31 and 1.59 < bright.max() <= 1.6
    assert degraded(Brighten(), torch.ones(1, 3, 2, 2)).max() == 1


def test_binarise_goes_by_luma() -> None:
    colours = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]).T[None, :, None, :]
    assert degraded(Binarise(threshold=0.5), colours)[0, :, 0].tolist() == [[0, 1, 0, 1]] * 3
    assert degraded(Binarise(threshold=0.5), torch.tensor([0.5, 0.51]).view(1, 1, 1, 2)).flatten().tolist() == [0, 1]


def test_rotate() -> None:
    image = noise(1, 3, 24, 24)
    assert torch.allclose(degraded(Rotate(angle=0), noise(2, 3, 17, 31)), noise(2, 3, 17, 31), atol=2e-5)
    assert torch.allclose(degraded(Rotate(angle=90), image), image.rot90(1, (2, 3)), atol=1e-4)
    assert torch.allclose(degraded(Rotate(angle=180), image[..., :10]), image[..., :10].flip(2, 3), atol=1e-4)
    wide = torch.zeros(1, 1, 40, 80)
    wide[..., 20, 60] = 1  # 20.5 to the right of the middle, 0.5 below
    turned = degraded(Rotate(angle=45), wide)[0, 0]
    rows, columns = (turned.sum(dim=axis) for axis in (1, 0))
    total = turned.sum()
    assert (rows * torch.arange(40)).sum() / total - 19.5 == pytest.approx((0.5 - 20.5) / 2**0.5, abs=0.2)
    assert (columns * torch.arange(80)).sum() / total - 39.5 == pytest.approx((0.5 + 20.5) / 2**0.5, abs=0.2)


# --- Combinations -----------------------------------------------------------------------------------------------------


def test_measured_kernels_are_placed_in_the_middle(tmp_path: Path) -> None:
    file = tmp_path / "bend.txt"
    file.write_text("0 1 0 0\n0 2 3 0\n0 0 4 10\n", encoding="ascii")
    (kernel,) = make("measured-blur", files=[str(file)]).kernels(seeded(1))  # type: ignore[attr-defined]
    expected = torch.zeros(5, 5)
    expected[0:3, 0:4] = torch.tensor([[0, 1.0, 0, 0], [0, 2, 3, 0], [0, 0, 4, 10]]) / 20
    assert torch.allclose(kernel, expected)
    assert moments(kernel)[0].abs().max() <= 0.5


@pytest.mark.parametrize("text", ["", "1 2\n3", "1 -1", "0 0", "nan", "one"])
def test_files_that_hold_no_kernel(text: str, tmp_path: Path) -> None:
    file = tmp_path / "kernel.txt"
    file.write_text(text, encoding="ascii")
    for name in (file, tmp_path / "missing.txt"):
        with pytest.raises(InputError, match=f"{name.name}: (cannot be read as|holds no)"):
            make("measured-blur", files=[str(name)]).kernels(seeded(1))  # type: ignore[attr-defined]


@pytest.mark.parametrize("shape", ["rectangle", "ellipse", "band", "random"])
def test_regional_changes_its_region_alone(shape: str) -> None:
    image = noise(60, 3, 80, 50) * 0.8 + 0.1
    part = Regional(inside=(Darken(factor=0),), shape=shape, area=0.3)
    result = degraded(part, image)
    changed = (result != image).any(dim=1)
    assert bool((result.movedim(1, -1)[changed] == 0).all())
    assert torch.equal(result.movedim(1, -1)[~changed], image.movedim(1, -1)[~changed])
    shares = changed.float().mean(dim=(1, 2))
    assert shares.mean() == pytest.approx(0.3, abs=0.005) and (shares - 0.3).abs().max() < 0.03
    rows, columns = changed.any(dim=2), changed.any(dim=1)
    frames = rows.float().mean(dim=1) * columns.float().mean(dim=1)
    if shape != "random":
        assert (shares / frames).mean() == pytest.approx(math.pi / 4 if shape == "ellipse" else 1, abs=0.02)
    if shape == "band":
        assert bool((rows.all(dim=1) | columns.all(dim=1)).all()) and 10 < int(rows.all(dim=1).sum()) < 50


def test_regional_fades_over_its_edge() -> None:
    white = torch.ones(8, 1, 64, 64)
    for shape in ("rectangle", "ellipse", "band"):
        mask = Regional(inside=(Darken(),), shape=shape, area=0.3, edge=8).mask(white, seeded(8))
        between = ((mask > 0.01) & (mask < 0.99)).float().mean()
        assert 0.1 < between < 0.5 and mask.max() == 1 and mask.min() == 0
        assert (mask[..., 1:, :] - mask[..., :-1, :]).abs().max() < 0.3
    assert bool((Regional(inside=(Darken(),), area=1, shape="rectangle").mask(white, seeded(8)) == 1).all())


def test_regional_holds_other_parts_in_their_order() -> None:
    part = make("regional", inside=[{"kind": "darken", "factor": 0.5}, {"kind": "regional", **NEEDED["regional"]}])
    assert isinstance(part, Regional) and [inner.kind for inner in part.inside] == ["darken", "regional"]
    assert part.model_dump()["inside"][1]["inside"][0]["kind"] == "gaussian-blur"
    assert degraded(Regional(inside=(TwoPass(scale=1),)), noise(2, 3, 20, 20)).shape == (2, 3, 20, 20)


def test_one_of_several_happens_as_often_as_it_says() -> None:
    image = noise(1, 1, 8, 8).repeat(4000, 1, 1, 1) * 0.5 + 0.1
    darker, lighter = Darken(factor=0.5, probability=0.2), make("brighten", factor=1.5, probability=0.5)
    result = degraded(make("one-of", among=[darker.model_dump(), lighter.model_dump()]), image)
    for changed, share in ((image * 0.5, 0.2), (image * 1.5, 0.5), (image, 0.3)):
        alike = (result - changed).abs().amax(dim=(1, 2, 3)) < 1e-6
        assert alike.float().mean() == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_two_passes_end_at_the_right_size(scale: int, crop: Tensor) -> None:
    result = degraded(TwoPass(scale=scale), crop.repeat(6, 1, 1, 1))
    assert result.shape == (6, 3, 96 // scale, 128 // scale)
    clean = degraded(Downsample(scale=scale), crop)
    for worn in result:
        assert 10 < psnr(worn[None], clean) < 40


def test_two_passes_resize_before_or_after_the_file(crop: Tensor) -> None:
    still = Pass(blur=0, enlarged=0, shrunk=1, shrink=(0.5, 0.5), gaussian=1, noise=0)
    result = degraded(TwoPass(scale=2, first=still, second=still, ringing=0), crop.repeat(16, 1, 1, 1))
    on_levels = ((result * 255).round() / 255 == result).flatten(1).all(dim=1)
    assert 3 < int(on_levels.sum()) < 13


@pytest.mark.parametrize("worn", ["first", "second"])
def test_each_pass_wears(worn: str, crop: Tensor) -> None:
    still = {"blur": 0, "enlarged": 0, "shrunk": 0, "gaussian": 1, "noise": 0, "quality": 100}
    passes = {"first": still, "second": still, worn: {**still, "noise": 0.1, "grey": 1}}
    result = degraded(make("two-pass", **{"scale": 1, "ringing": 0, **passes}), crop)
    assert psnr(result, crop) == pytest.approx(20, abs=1)


def test_two_passes_of_nothing_leave_two_files(crop: Tensor) -> None:
    nothing = Pass(blur=0, enlarged=0, shrunk=0, gaussian=1, noise=0, quality=100)
    result = degraded(TwoPass(scale=1, first=nothing, second=nothing, ringing=0), crop)
    jpeg = Jpeg(quality=100)
    assert torch.allclose(result, degraded(jpeg, degraded(jpeg, crop)), atol=1e-6)


# --- The document -----------------------------------------------------------------------------------------------------


def document_maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_degradation_sheet", DOCS / "make_degradation_sheet.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_document_says_what_the_code_does() -> None:
    text = (DOCS / "degradations.md").read_text(encoding="utf-8")
    for kind in KINDS:
        section = text.partition(f"\n### {kind}\n")[2].partition("\n### ")[0]
        fields = registry.find("degradation", kind).load().model_fields
        assert section and all(f"| `{name}` |" in section for name in fields if name != "probability"), kind
    maker = document_maker()
    assert text == maker.document(), "run: python docs/make_degradation_sheet.py"
    assert all(make(kind, **settings) for kind, settings in maker.SHOWN.items())
