import math

import pytest
import torch
from torch import Tensor

from imgrestore.degradations.camera import Camera, _demosaic, _Development, _mosaic
from imgrestore.degradations.streams import Streams
from imgrestore.image.color import luma

QUIET = {"banding": 0, "smoothed": 0, "sharpened": 0, "compressed": 0}


def streams(count: int, seed: int = 0) -> Streams:
    return Streams.seeded(seed, range(count))


def flat(level: float, count: int = 4, side: int = 128) -> Tensor:
    return torch.full((count, 3, side, side), level)


def neighbours(noise: Tensor) -> Tensor:
    """Return the correlation of horizontal neighbours in each image and channel, (N, C)."""
    noise = noise - noise.mean(dim=(2, 3), keepdim=True)
    return (noise[..., 1:] * noise[..., :-1]).mean(dim=(2, 3)) / noise.square().mean(dim=(2, 3))


def test_a_camera_develops_what_it_measured() -> None:
    photo = torch.rand(8, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    camera = _Development(streams(8))
    raw = camera.raw(photo)
    assert raw.max() < 1 and torch.allclose(camera.photo(raw), photo, atol=1e-4)
    greys = camera.raw(torch.linspace(0.1, 1, 9).view(1, 1, 1, 9).expand(8, 3, 1, 9))
    assert bool((greys[:, 1:2] > greys[:, ::2]).all()), "sensors see more green"
    ratios = greys / greys[:, 1:2]
    assert torch.allclose(ratios, ratios[..., :1].expand_as(ratios), rtol=1e-4), "grey is one balance at any brightness"


def test_without_noise_the_photo_is_the_photo() -> None:
    photo = torch.rand(2, 3, 31, 45, generator=torch.Generator().manual_seed(0)).mul(255).round() / 255
    camera = Camera(iso=1, sensor=1e-7, **QUIET)
    error = (camera(photo, streams(2)) - photo).abs()
    assert error.mean() < 0.5 / 255 and error.max() < 4 / 255, "but for the raw file's 10 bits"


def test_variance_follows_the_line_that_is_asked_for() -> None:
    levels = torch.tensor([0.05, 0.1, 0.2, 0.4, 0.8])
    raw = levels[:, None, None, None].expand(5, 1, 400, 400)
    for iso in (400, 3200):
        shot = iso / 100 * 6e-5
        camera = Camera(iso=iso, sensor=6e-5, banding=0)
        variances = torch.stack([camera.measured(raw, streams(5, seed)).var(dim=(1, 2, 3)) for seed in range(8)])
        read = variances - shot * levels
        assert variances.mean(0).tolist() == pytest.approx((shot * levels + read.mean()).tolist(), rel=0.03)
    usual = math.exp(2.18 * math.log(shot) + 1.20)
    assert usual * 0.4 < read.mean() < usual * 2.5, "at a low ISO it is too little to be told from rounding"


def test_read_noise_varies_from_camera_to_camera() -> None:
    dark = torch.zeros(400, 1, 24, 24)
    camera = Camera(iso=6400, sensor=1e-4, banding=0)
    logs = camera.measured(dark, streams(400)).var(dim=(1, 2, 3)).log()
    assert logs.mean() == pytest.approx(2.18 * math.log(64e-4) + 1.20, abs=0.06)
    assert logs.std() == pytest.approx(0.26, abs=0.04)


def test_rows_of_some_sensors_are_noisy_together() -> None:
    dark = torch.zeros(200, 1, 64, 64)
    together = (Camera(banding=1, iso=6400).measured(dark, streams(200))).mean(3).var(dim=(1, 2))
    apart = (Camera(banding=0, iso=6400).measured(dark, streams(200))).mean(3).var(dim=(1, 2))
    assert together.median() > 5 * apart.median()


def test_every_phase_of_the_mosaic_occurs_and_flat_raw_stays_flat() -> None:
    colours = _mosaic(torch.zeros(64, 3, 10, 12), streams(64))
    assert bool((colours.sum(1) == 1).all())
    assert colours.mean(dim=(0, 2, 3)).tolist() == [0.25, 0.5, 0.25]
    phases = {tuple(image[:, :2, :2].flatten().int().tolist()) for image in colours}
    assert len(phases) == 4
    for quality in (0.0, 1.0):
        grey = _demosaic(torch.full((64, 1, 10, 12), 0.3), colours, torch.full((64,), quality))
        assert torch.allclose(grey, torch.full_like(grey, 0.3), atol=1e-6)
        colour = torch.tensor([0.2, 0.5, 0.7])[:, None, None]
        uniform = _demosaic((colours * colour).sum(1, keepdim=True), colours, torch.full((64,), quality))
        expected = colour.expand(64, 3, 6, 8)
        assert torch.allclose(uniform, expected, atol=1e-6 if not quality else 0.2)


def test_the_better_demosaicing_keeps_more_of_a_grating() -> None:
    x = torch.arange(64).float()
    grey = (0.5 + 0.3 * torch.sin(2 * math.pi * x / 5)).expand(1, 3, 64, 64)
    colours = _mosaic(grey, streams(1))
    errors = []
    for quality in (0.0, 1.0):
        restored = _demosaic((grey * colours).sum(1, keepdim=True), colours, torch.tensor([quality]))
        errors.append(float((restored - grey[..., 2:-2, 2:-2]).square().mean()))
    assert errors[1] < 0.5 * errors[0]


def test_neighbours_and_channels_are_correlated_after_demosaicing_and_not_when_halved() -> None:
    mosaic, halved = (Camera(iso=3200, halved=share, **QUIET)(flat(0.5, 16), streams(16)) - 0.5 for share in (0.0, 1.0))
    demosaiced = neighbours(mosaic)
    assert demosaiced[:, ::2].mean() > 0.35, "red and blue are the sparsest"
    assert demosaiced[:, ::2].mean() > demosaiced[:, 1].mean() > 0.05
    assert neighbours(halved).abs().max() < 0.05


def test_noise_is_stronger_in_the_dark_and_gone_where_overexposed() -> None:
    camera = Camera(iso=3200, halved=1, **QUIET)
    sigma = [float((camera(flat(level), streams(4)) - level).std()) for level in (0.15, 0.5, 0.8, 1.0)]
    assert sigma[0] > sigma[2] and sigma[1] > sigma[2] and sigma[3] == 0


def test_smoothing_makes_colour_blotchy_and_leaves_luma_fine() -> None:
    def noise(**settings: float) -> Tensor:
        return Camera(iso=6400, halved=1, **{**QUIET, **settings})(flat(0.5, 24), streams(24)) - 0.5

    plain, smoothed = noise(), noise(smoothed=1)
    colour = (each - luma(each) for each in (plain, smoothed))
    before, after = (neighbours(each).mean() for each in colour)
    assert before < 0.1 and after > 0.3
    assert neighbours(luma(smoothed)).mean() < after
    assert luma(noise(sharpened=1)).std() > 1.1 * luma(plain).std()


def test_grey_photos_stay_grey_and_have_less_noise_than_colour() -> None:
    grey, colour = flat(0.5, 8)[:, :1], flat(0.5, 8)
    camera = Camera(iso=6400, halved=1, **QUIET)
    assert camera(grey, streams(8)).shape == grey.shape
    assert (camera(grey, streams(8)) - 0.5).std() < (camera(colour, streams(8)) - 0.5).std()


def test_mean_colours_stay() -> None:
    for level in (0.1, 0.5, 0.9):
        result = Camera(iso=(100, 3200))(flat(level, 32), streams(32))
        assert (result.mean(dim=(2, 3)) - level).mean(0).abs().max() < 1.5 / 255
