"""Damage of films, prints, sensors and programs."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.fft import rfft2

from imgrestore.degradations.blur import blur, gaussian_blur, gaussian_kernels
from imgrestore.degradations.chroma_noise import ChromaNoise
from imgrestore.degradations.contract import Degradation
from imgrestore.degradations.correlated_noise import correlated_noise
from imgrestore.degradations.dust import Dust
from imgrestore.degradations.gaussian import Gaussian
from imgrestore.degradations.grain import Grain
from imgrestore.degradations.halftone import Halftone
from imgrestore.degradations.hot_pixels import HotPixels
from imgrestore.degradations.impulse import Impulse
from imgrestore.degradations.quantize import Quantize
from imgrestore.degradations.scratches import Scratches
from imgrestore.degradations.sharpen import Sharpen
from imgrestore.degradations.streams import Streams
from imgrestore.degradations.strokes import lines_drawn, painted, presence, waver
from imgrestore.image.color import luma, to_linear
from imgrestore.parts.part import check

KINDS = ["chroma-noise", "dust", "grain", "halftone", "hot-pixels", "impulse", "scratches", "sharpen"]


def make(kind: str, **settings: Any) -> Degradation:
    return check(Degradation, {"kind": kind, **settings})


def seeded(seed: int = 0, count: int = 1) -> Streams:
    return Streams.seeded(seed, range(count))


def flat(value: float, *shape: int) -> Tensor:
    return torch.full(shape, value)


def correlation(noise: Tensor, across: int, down: int = 0) -> float:
    """Return how pixels correlate with those so many columns and rows away, (..., H, W) of mean 0."""
    height, width = noise.shape[-2:]
    first, second = noise[..., : height - down, : width - across], noise[..., down:, across:]
    return float((first * second).mean() / noise.square().mean())


# --- What all of them promise -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_batch_is_its_images_one_by_one(kind: str, channels: int) -> None:
    part, batch, streams = make(kind), torch.rand(5, channels, 70, 90), seeded(3, 5)
    before, together = batch.clone(), part(batch, streams.copy())
    assert torch.equal(batch, before) and together.data_ptr() != batch.data_ptr()
    assert together.shape == batch.shape and together.dtype == torch.float32
    for number in (0, 4):
        alone = part(batch[[number]], streams.pick(torch.tensor([number])))
        assert torch.allclose(alone, together[[number]], atol=1e-5)
    assert torch.equal(together, part(batch, seeded(3, 5)))
    assert not torch.equal(together, part(batch, seeded(4, 5)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(1, 1), (1, 2), (5, 3), (37, 53)])
def test_any_size_will_do(kind: str, size: tuple[int, int]) -> None:
    part = make(kind)
    for channels in (1, 3):
        image = torch.rand(3, channels, *size).round()
        result = part(image, seeded(1, 3))
        assert result.shape == image.shape and bool(result.isfinite().all())
        if part.keeps_range:
            assert result.min() >= 0 and result.max() <= 1
        double = part(image.double(), seeded(1, 3))
        assert double.dtype == torch.float64 and torch.allclose(double.float(), result, atol=1e-4)
        layout = image.contiguous(memory_format=torch.channels_last)
        assert torch.equal(part(layout, seeded(1, 3)), result)


# --- Noise ------------------------------------------------------------------------------------------------------------


def test_correlated_noise_has_its_length_and_its_variance_everywhere() -> None:
    sigma = torch.tensor([[0.0, 1.0, 3.0]]).expand(60, 3)
    noise = correlated_noise(seeded(0, 60), (3, 50, 70), sigma, 3.0)
    assert noise.shape == (60, 3, 50, 70)
    for channel, blurred in enumerate((0.0, 1.0, 3.0)):
        plane = noise[:, channel]
        assert plane.std() == pytest.approx(1, rel=0.03)
        for corner in (plane[:, :2, :2], plane[:, -2:, -2:]):
            assert corner.std() == pytest.approx(1, rel=0.2)
        for across, down in ((1, 0), (0, 2), (3, 4)):
            expected = math.exp(-(across**2 + down**2) / (4 * blurred**2)) if blurred else 0.0
            assert correlation(plane, across, down) == pytest.approx(expected, abs=0.03)
        assert abs(float((plane[..., 0] * plane[..., -1]).mean())) < 0.06, "opposite edges are strangers"
    assert abs(float((noise[:, 0] * noise[:, 1]).mean())) < 0.02


def test_correlated_noise_costs_no_more_where_it_is_coarse() -> None:
    fine = correlated_noise(seeded(), (1, 1, 1), torch.zeros(1, 1), 0.0)
    assert fine.shape == (1, 1, 1, 1) and fine.item() != 0


def test_colour_blotches_leave_luma_alone() -> None:
    image = 0.3 + 0.4 * torch.rand(20, 3, 96, 96)
    added = ChromaNoise(luma=0, chroma=25 / 255, grain=3)(image, seeded(0, 20)) - image
    assert luma(added).abs().max() < 1e-6
    cr = added[:, :1] / 1.402
    assert cr.std() == pytest.approx(25 / 255, rel=0.05)
    assert correlation(cr, 6) == pytest.approx(math.exp(-1), abs=0.05)
    long = ChromaNoise(luma=0, chroma=0.1, grain=6)(image, seeded(0, 20)) - image
    assert correlation(long[:, :1], 12) == pytest.approx(math.exp(-1), abs=0.12)


def test_grain_is_strongest_in_mid_tones() -> None:
    tones = torch.tensor([0.02, 0.2, 0.5, 0.8]).view(4, 1, 1, 1)
    added = Grain(sigma=0.02, size=0.5)(tones.expand(4, 1, 160, 160), seeded(0, 4)) - tones
    measured = added.flatten(1).std(dim=1) / 0.02
    for tone, share in zip((0.03, 0.2, 0.5, 0.8), measured.tolist(), strict=True):
        if tone > 0.1:  # darker ones are clipped at times
            assert share == pytest.approx(2 * math.sqrt(tone * (1 - tone)), rel=0.03)
        assert share > 0.2
    assert Grain(sigma=(0, 0.2))(flat(0.5, 40, 1, 32, 32), seeded(0, 40)).flatten(1).std(dim=1).max() > 0.17


def test_grain_is_as_coarse_as_it_says_and_bluest_in_blue() -> None:
    image = flat(0.5, 30, 3, 96, 96)
    added = Grain(sigma=0.05, size=2, one_plane=0, crosstalk=0)(image, seeded(0, 30)) - 0.5
    red, green, blue = added.unbind(1)
    assert correlation(green, 2) == pytest.approx(math.exp(-1), abs=0.03)
    assert correlation(blue, 2) == pytest.approx(math.exp(-1 / 1.3**2), abs=0.03)
    assert red.std() == pytest.approx(0.05, rel=0.03) and blue.std() == pytest.approx(0.07, rel=0.04)
    assert abs(float((red * green).mean())) < 1e-4
    mixed = Grain(sigma=0.05, size=2, one_plane=0, crosstalk=0.4)(image, seeded(0, 30)) - 0.5
    assert mixed[:, 0].std() == pytest.approx(0.05, rel=0.04)
    likeness = (mixed[:, 0] * mixed[:, 1]).mean() / mixed[:, :2].square().mean()
    assert likeness == pytest.approx((2 * 0.4 + 0.16) / (1 + 2 * 0.16), abs=0.04)


def test_grain_of_one_plane_changes_luma_alone() -> None:
    image = 0.2 + 0.6 * torch.rand(40, 3, 24, 24)
    added = Grain(sigma=0.02, one_plane=0.5)(image, seeded(0, 40)) - image
    grey = (added - added[:, :1]).abs().amax(dim=(1, 2, 3)) < 1e-6
    assert 10 < int(grey.sum()) < 30
    assert added[grey].abs().amax(dim=(1, 2, 3)).min() > 1e-5


@pytest.mark.parametrize(("per_channel", "random_valued"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_impulses(per_channel: float, random_valued: float) -> None:
    image = flat(0.5, 6, 3, 90, 110)
    part = Impulse(amount=0.2, per_channel=per_channel, random_valued=random_valued)
    result = part(image, seeded(0, 6))
    struck = result != image
    assert struck.float().mean() == pytest.approx(0.2, abs=0.01)
    alike = bool((struck == struck[:, :1]).all())
    assert alike != bool(per_channel)
    assert result[struck].mean() == pytest.approx(0.5, abs=0.02)
    if random_valued:
        assert result[struck].var() == pytest.approx(1 / 12, rel=0.05)
    else:
        assert set(result[struck].tolist()) == {0.0, 1.0}
        assert torch.equal(result[:, 0], result[:, 2]) != bool(per_channel)


def test_shares_of_impulses_are_drawn_log_evenly() -> None:
    struck = (Impulse()(flat(0.5, 300, 1, 64, 64), seeded(0, 300)) != 0.5).float().mean(dim=(1, 2, 3))
    assert struck.min() < 0.003 and 0.25 < struck.max() < 0.33
    assert struck.median() == pytest.approx(math.sqrt(0.001 * 0.3), rel=0.35)


def test_hot_pixels_are_isolated_coloured_and_spread() -> None:
    image = flat(0.2, 8, 3, 200, 200)
    added = HotPixels(amount=1e-3, strength=0.4)(image, seeded(0, 8)) - 0.2
    centres = added > 0.399
    assert centres.any(dim=1).float().mean() == pytest.approx(1e-3, rel=0.2)
    red, green, blue = (int(centres[:, channel].sum()) for channel in range(3))
    assert 0.3 < red / green < 0.8 and 0.3 < blue / green < 0.8
    assert added.amin() > -1e-6
    green_sum, red_sum = (float(added[:, channel].sum() / 0.4) for channel in (1, 0))
    assert green_sum == pytest.approx(2 * green, rel=0.1) and red_sum == pytest.approx(4 * red, rel=0.1)
    grey = HotPixels(amount=1e-3, strength=0.4)(image[:, :1], seeded(0, 8)) - 0.2
    assert ((grey > 0.399) == (grey > 0)).all() and grey.max() == pytest.approx(0.4)


def test_a_share_of_noisy_images_becomes_files() -> None:
    image = torch.rand(200, 3, 8, 8)
    noisy = Gaussian(sigma=120 / 255)(image, seeded(0, 200))
    assert (noisy - image).std() == pytest.approx(120 / 255, rel=0.01)
    result = Quantize(probability=0.5)(noisy, seeded(1, 200))
    levels = (result * 255 - (result * 255).round()).abs().amax(dim=(1, 2, 3)) < 1e-4
    assert 70 < int(levels.sum()) < 130
    assert torch.equal(result[~levels], noisy[~levels]) and noisy[~levels].min() < 0
    assert torch.equal(result[levels], (noisy[levels].clamp(0, 1) * 255).round() / 255)
    clipped = make("clip", probability=0.5)(noisy, seeded(1, 200))
    kept = (clipped == noisy).flatten(1).all(dim=1)
    assert 70 < int(kept.sum()) < 130 and clipped[~kept].min() == 0 and clipped[~kept].max() == 1


# --- Scratches and dust -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("angle", [0.0, 30.0, 45.0, 70.0, 90.0, 200.0])
@pytest.mark.parametrize("width", [0.6, 1.0, 1.7, 2.5])
def test_lines_are_as_wide_as_they_say(angle: float, width: float) -> None:
    heading = math.radians(angle)
    along = torch.linspace(-120, 120, 300)
    path = torch.stack([50.3 + along * math.cos(heading), 40.6 + along * math.sin(heading)], dim=-1)[None, None]
    drawn = lines_drawn(path, torch.tensor([[width]]), torch.full((1, 1, 300), 0.5), (81, 101))
    assert drawn.shape == (1, 1, 81, 101) and drawn.max() <= 0.5
    steep = abs(math.sin(heading)) > abs(math.cos(heading)) - 1e-6
    lengths = 81 / abs(math.sin(heading)) if steep else 101 / abs(math.cos(heading))
    full = [0.0, 90.0]
    assert drawn.sum() == pytest.approx(0.5 * width * lengths, rel=0.02 if angle in full else 0.06)
    rows, columns = torch.meshgrid(torch.arange(81.0), torch.arange(101.0), indexing="ij")
    away = ((columns - 50.3) * math.sin(heading) - (rows - 40.6) * math.cos(heading)).abs()
    assert bool((drawn[0, 0][away > width / 2 + 0.51] == 0).all())


def test_what_falls_outside_is_left_out_and_the_most_opaque_is_seen() -> None:
    row, column = torch.tensor([[0.0, 1, 1, -1, 2, 1]]), torch.tensor([[0.0, 2, 2, 0, 0, 3]])
    drawn = painted(row, column, torch.tensor([[0.3, 0.2, 0.9, 1.0, 1.0, 1.0]]), (2, 3))
    assert drawn[0, 0].tolist() == [[pytest.approx(0.3), 0, 0], [0, 0, pytest.approx(0.9)]]
    assert painted(row[:, :0], column[:, :0], torch.zeros(1, 0), (2, 3)).abs().sum() == 0


def test_density_is_by_area() -> None:
    there = presence(seeded(0, 400), (2.0, 2.0), (500, 70))
    assert there.shape == (400, 7) and bool(there.all())
    there = presence(seeded(0, 400), (1.0, 3.0), (30, 50))
    assert there.shape == (400, 1) and there.float().mean() == pytest.approx(2 * 0.15, abs=0.06)
    assert presence(seeded(0, 4), (0, 0), (100, 100)).shape == (4, 0)


def test_waver_has_mean_0_and_variance_1() -> None:
    along = torch.arange(2000.0).expand(200, 3, 2000)
    values = waver(seeded(0, 200), 3, (10, 60), along)
    assert values.mean().abs() < 0.02 and values.std() == pytest.approx(1, abs=0.03)
    assert (values[..., 1:] - values[..., :-1]).abs().max() < 2


@pytest.mark.parametrize("kind", ["scratches", "dust"])
def test_marks_are_bright_or_dark(kind: str) -> None:
    image = flat(0.5, 30, 3, 128, 128)
    bright, dark = (make(kind, bright=share)(image, seeded(0, 30)) for share in (1, 0))
    assert bright.min() >= 0.5 and dark.max() <= 0.5
    for result in (bright, dark):
        touched = ((result - image).abs() > 0.02).float().mean(dim=(1, 2, 3))
        assert touched.max() < 0.15 and 0.002 < touched.mean() < 0.05
        assert touched[touched > 0].numel() > 20


def test_scratches_of_cine_film_are_upright() -> None:
    image = flat(0.5, 40, 1, 128, 128)
    settings: dict[str, Any] = {"bright": 1, "density": 1, "length": 300, "broken": 0, "opacity": 1}
    upright = (Scratches(upright=1, **settings)(image, seeded(0, 40)) - 0.5).clamp(0, 0.2)
    any_way = (Scratches(upright=0, **settings)(image, seeded(0, 40)) - 0.5).clamp(0, 0.2)
    shares = [
        float((marks[..., 1:, :] - marks[..., :-1, :]).abs().sum() / (marks[..., 1:] - marks[..., :-1]).abs().sum())
        for marks in (upright, any_way)
    ]
    assert shares[0] < 0.2 and 0.6 < shares[1] < 1.6


def test_broken_scratches_have_gaps() -> None:
    image = flat(0.5, 60, 1, 256, 64)
    settings: dict[str, Any] = {"bright": 1, "density": 1, "length": 200, "upright": 1, "opacity": 1, "width": 2}
    whole, broken = (Scratches(broken=share, **settings)(image, seeded(0, 60)) - 0.5 for share in (0, 1))
    starts = [int(((m[..., 1:, :] > 0.1) & (m[..., :-1, :] < 0.01)).any(dim=3).sum()) for m in (whole, broken)]
    assert starts[1] > 1.5 * starts[0] and 0.3 * whole.sum() < broken.sum() < 0.9 * whole.sum()


def test_specks_are_as_large_as_they_say() -> None:
    image = flat(0.0, 200, 1, 100, 100)
    part = Dust(specks=1, size=6, hairs=0, opacity=1, bright=1)
    area = (part(image, seeded(0, 200)) > 0.4).flatten(1).sum(dim=1).float()
    assert area.mean() == pytest.approx(math.pi * 9 * (1 + (0.25**2 + 0.15**2 + 0.1**2) / 2), rel=0.1)
    assert area.std() > 1.5, "and irregular"
    hair = Dust(specks=0, hairs=1, length=40, width=1, opacity=1, bright=1)(image, seeded(0, 200))
    lit = hair.flatten(1).sum(dim=1)
    assert 25 < lit.median() < 42


# --- Halftone ---------------------------------------------------------------------------------------------------------

PLAIN: dict[str, Any] = {"skew": 0, "inks": 0, "paper": 0, "texture": 0, "scan": 0.3, "detail": 0}


@pytest.mark.parametrize(
    ("colour", "channel", "angle"), [((0, 1, 1), 0, 15), ((1, 0, 1), 1, 75), ((1, 1, 0), 2, 0), ((0, 0, 0), 0, 45)]
)
@pytest.mark.parametrize("pitch", [3.5, 8.0])
def test_screens_have_their_angle_and_pitch(colour: tuple[int, ...], channel: int, angle: float, pitch: float) -> None:
    image = (torch.tensor(colour) * 0.4 + 0.6).view(1, 3, 1, 1).expand(1, 3, 256, 256)
    part = Halftone(pitch=pitch, black=float(colour == (0, 0, 0)), gain=0, **PLAIN)
    printed = to_linear(part(image, seeded()))[0, channel]
    spectrum = rfft2(printed - printed.mean()).abs()
    row, column = divmod(int(spectrum.argmax()), spectrum.shape[1])
    across, down = column / 256, (row - 256 if row > 128 else row) / 256
    assert math.hypot(across, down) == pytest.approx(1 / pitch, abs=0.005)
    found = math.degrees(math.atan2(down, across)) % 90
    assert min(abs(found - turn) for turn in (angle, angle - 90, angle + 90, 90 - angle, -angle)) < 2


def test_dots_cover_what_is_asked_for_and_grow() -> None:
    amount = torch.linspace(0, 1, 21)
    image = (1 - amount).view(21, 1, 1, 1).expand(21, 1, 120, 120)
    for pitch in (3, 9):
        for gain in (0, 0.2):
            light = to_linear(Halftone(pitch=pitch, gain=gain, **PLAIN)(image, seeded(0, 21)))
            covered = 1 - light.mean(dim=(1, 2, 3))
            expected = amount + 4 * gain * amount * (1 - amount)
            assert (covered - expected).abs().max() < 0.025
            assert covered[0].abs() < 1e-4 and (covered[-1] - 1).abs() < 1e-4
            assert bool((covered.diff() > 0).all())


def test_prints_keep_tone_and_colour_roughly() -> None:
    colours = torch.tensor([[0.9, 0.5, 0.3], [0.2, 0.4, 0.7], [0.5, 0.5, 0.5], [0.8, 0.8, 0.2], [0.1, 0.1, 0.1]])
    image = colours[:, :, None, None].expand(5, 3, 160, 160)
    part = Halftone(gain=0.25, black=0, **{**PLAIN, "skew": (-2, 2)})
    seen = to_linear(part(image, seeded(0, 5))).mean(dim=(2, 3))
    assert (seen - to_linear(colours)).abs().max() < 0.06


def test_prints_in_black_alone_are_grey() -> None:
    image = torch.rand(40, 3, 1, 1).expand(40, 3, 48, 48)
    result = Halftone(black=0.5, paper=0, texture=0, inks=0)(image, seeded(0, 40))
    grey = (result - result[:, :1]).abs().amax(dim=(1, 2, 3)) < 1e-5
    assert 10 < int(grey.sum()) < 30
    assert result[grey].flatten(1).std(dim=1).median() > 0.1


def test_paper_is_seen_where_nothing_is_printed() -> None:
    white = flat(1.0, 4, 3, 64, 64)
    bare = to_linear(Halftone(paper=0.3, texture=0, black=0)(white, seeded(0, 4)))
    assert torch.allclose(bare.mean(dim=(0, 2, 3)), torch.tensor([0.9, 0.8, 0.7]), atol=1e-3)
    rough = to_linear(Halftone(paper=0.3, texture=0.03, scan=0, black=0)(white, seeded(0, 4)))
    assert rough[:, 2].std() == pytest.approx(0.03 * 0.7, rel=0.1)


def test_real_inks_absorb_more_than_ideal_ones() -> None:
    cyan = torch.tensor([0.0, 1, 1]).view(1, 3, 1, 1).expand(1, 3, 48, 48)
    real = to_linear(Halftone(**{**PLAIN, "inks": 1}, black=0)(cyan, seeded())).mean(dim=(0, 2, 3))
    assert torch.allclose(real, torch.tensor([0.0, 0.34, 0.77]), atol=0.01)


# --- Sharpening -------------------------------------------------------------------------------------------------------


def test_separable_blur_is_the_blur_of_its_kernel() -> None:
    image, sigma = torch.rand(3, 3, 19, 30), torch.tensor([0.0, 1.3, 2.5])
    kernels = gaussian_kernels(sigma, sigma, torch.zeros(3), 2.5)
    assert torch.allclose(gaussian_blur(image, sigma, 2.5), blur(image, kernels), atol=1e-5)
    assert torch.allclose(gaussian_blur(image[..., :1, :1], sigma, 2.5), image[..., :1, :1], atol=1e-6)


@pytest.mark.parametrize("period", [4, 8, 16])
def test_unsharp_masks_lift_frequencies_by_their_formula(period: int) -> None:
    radius, amount = 1.2, 1.5
    wave = 0.1 * (2 * math.pi * torch.arange(128) / period).cos()
    image = (0.5 + wave).expand(1, 3, 32, 128)
    result = Sharpen(radius=radius, amount=amount)(image, seeded())
    gain = 1 + amount * (1 - math.exp(-2 * (math.pi * radius / period) ** 2))
    assert torch.allclose((result - 0.5)[..., 32:96], gain * wave[32:96], atol=1e-4)


def test_unsharp_masks_leave_halos_and_small_differences() -> None:
    step = flat(0.4, 1, 1, 8, 40)
    step[..., 20:] = 0.6
    result = Sharpen(radius=1.5, amount=1)(step, seeded())[0, 0, 4]
    assert result[19] < 0.33 and result[20] > 0.67 and result[0] == pytest.approx(0.4) == 1 - result[-1]
    weak = 0.5 + 0.01 * torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    assert torch.equal(Sharpen(radius=1, amount=2, threshold=0.2)(weak, seeded()), weak)
    assert Sharpen(radius=1, amount=2)(weak, seeded()).std() > 2 * weak.std()
    assert Sharpen(radius=2, amount=3)(torch.rand(1, 3, 20, 20).round(), seeded()).max() == 1


def test_luma_may_be_sharpened_alone() -> None:
    image = 0.4 + 0.2 * torch.rand(30, 3, 24, 24)
    added = Sharpen(amount=0.5, on_luma=0.5)(image, seeded(0, 30)) - image
    grey = (added - added[:, :1]).abs().amax(dim=(1, 2, 3)) < 1e-6
    assert 6 < int(grey.sum()) < 24
