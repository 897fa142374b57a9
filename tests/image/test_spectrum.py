import math

import pytest
import torch

from imgrestore.image.spectrum import frequencies, high_pass, phase, scaled_cutoff


def spectrum(image: torch.Tensor) -> torch.Tensor:
    """Return the centred spectrum."""
    return torch.fft.fftshift(torch.fft.fft2(image), dim=(-2, -1))


@pytest.mark.parametrize(("cutoff", "removed"), [(10, 317), (20, 1257), (30, 2821)])
def test_ideal_mask_removes_the_bins_that_the_paper_implies(cutoff: float, removed: int) -> None:
    impulse = torch.zeros(256, 256)
    impulse[3, 5] = 1
    amplitude = spectrum(high_pass(impulse, cutoff)).abs()
    assert int((amplitude < 0.5).sum()) == removed, "an impulse has amplitude 1 in every bin"
    assert amplitude[128, 128 + cutoff] < 1e-4, "a distance that equals the cutoff is removed"
    assert amplitude[128 + cutoff + 1, 128] == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("shape", [(2, 3, 256, 256), (1, 1, 31, 48), (17, 16)])
def test_high_pass_of_a_constant_image_is_zero(shape: tuple[int, ...]) -> None:
    for value in (0.0, 0.7, 1.0):
        assert high_pass(torch.full(shape, value), 0).abs().max() < 1e-6


def test_high_pass_splits_an_image_into_two_bands() -> None:
    image = torch.rand(2, 3, 33, 40, generator=torch.Generator().manual_seed(0))
    high = high_pass(image, 6)
    assert high.shape == image.shape and high.dtype == image.dtype
    assert torch.allclose(high_pass(high, 6), high, atol=1e-6), "filtering twice is filtering once"
    assert high.mean((2, 3)).abs().max() < 1e-6
    assert torch.allclose(high_pass(image, 6)[0], high_pass(image[0], 6), atol=1e-6), "images do not mix"
    wave = torch.cos(2 * math.pi * 5 * torch.arange(40) / 40).expand(33, 40)
    assert torch.allclose(high_pass(wave, 4.9), wave, atol=1e-5)
    assert high_pass(wave, 5).abs().max() < 1e-5


def test_high_pass_as_a_spectrum_is_the_centred_log_amplitude() -> None:
    wave = torch.cos(2 * math.pi * 5 * torch.arange(32) / 32).expand(32, 32)
    result = high_pass(wave, 2, domain="spectrum")
    expected = torch.zeros(32, 32)
    expected[16, 16 - 5] = expected[16, 16 + 5] = math.log1p(32 / 2)
    assert torch.allclose(result, expected, atol=1e-5)


def test_cutoff_scales_with_the_shorter_side() -> None:
    assert scaled_cutoff(20, 256, 256) == 20
    assert scaled_cutoff(20, 128, 512) == 10


def test_phase_of_a_shifted_impulse_is_a_ramp() -> None:
    impulse = torch.zeros(16, 16)
    impulse[0, 1] = 1
    ramp = -2 * (torch.arange(16) - 8) / 16
    ramp[0] = 1  # -1 and 1 are the same angle; bin 8 stands for both frequencies
    assert torch.allclose(phase(impulse), ramp.expand(16, 16), atol=1e-5)


def test_phase_of_nothing_is_zero_and_finite() -> None:
    assert (phase(torch.zeros(2, 3, 16, 12)) == 0).all()
    for image in (torch.full((3, 16, 15), 0.5), torch.rand(3, 16, 15)):
        assert phase(image).abs().max() <= 1 and phase(image).shape == image.shape


def test_phase_of_a_negative_number_is_plus_one(monkeypatch: pytest.MonkeyPatch) -> None:
    y, x = torch.meshgrid(torch.arange(8), torch.arange(8), indexing="ij")
    for pattern in ((x + y) % 2, x % 2, y % 2):
        result = phase(pattern.float())
        assert result.min() > -1 and result.max() == 1, "the highest frequency of these is a negative number"
    negative = torch.complex(torch.full((8, 8), -1.0), torch.full((8, 8), -0.0))
    monkeypatch.setattr("imgrestore.image.spectrum.fft2", lambda image, norm: negative)
    assert (phase(pattern.float()) == 1).all(), "transforms may leave a zero with a sign"


def test_frequencies_are_those_of_the_transform() -> None:
    for height, width in ((8, 9), (7, 4), (1, 49)):
        vertical, horizontal = frequencies(height, width)
        assert torch.allclose(vertical[:, 0] / height, torch.fft.fftfreq(height))
        assert torch.allclose(horizontal[0] / width, torch.fft.fftfreq(width))
        assert not vertical.is_floating_point(), "whole numbers: a distance that equals the cutoff is no matter of luck"
