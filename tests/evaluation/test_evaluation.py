import json
import math
from pathlib import Path

import pytest
import torch
from PIL import Image as PillowImage

from imgrestore.degradations.blur import blur
from imgrestore.degradations.box_blur import BoxBlur
from imgrestore.degradations.camera_shake import CameraShake
from imgrestore.degradations.contract import degrade
from imgrestore.degradations.downsample import Downsample
from imgrestore.degradations.gaussian import Gaussian
from imgrestore.degradations.gaussian_blur import GaussianBlur
from imgrestore.errors import InputError, RecipeError, UsageError
from imgrestore.evaluation.classical import richardson_lucy
from imgrestore.evaluation.evaluate import (
    Pair,
    baselines,
    card_score,
    classical_methods,
    degraded_pairs,
    evaluate,
    paired_folders,
    parse_degradation,
    seeded,
    standard_degradations,
    to_tensor,
    white_noise,
)
from imgrestore.evaluation.report import Report, Requirement, Score
from imgrestore.metrics.protocols import psnr


def test_pairs_made_from_ground_truth(photo_folder: Path) -> None:
    pairs = degraded_pairs(photo_folder, standard_degradations("upscale", 4), 4)
    assert [pair.name for pair in pairs] == ["0.png", "1.png", "2.png", "3.png", "4.png", "more/5.png"]
    lq, gt = pairs[1].load()
    assert lq.shape == (3, 25, 30) and gt.shape == (3, 100, 120), "cropped to a multiple of the scale"
    assert torch.equal(lq, (lq * 255).round() / 255), "low-quality images are those of a file"
    assert torch.equal(lq, pairs[1].load()[0])


def test_tables_hold_the_baselines_and_means_over_images(photo_folder: Path) -> None:
    pairs = degraded_pairs(photo_folder, standard_degradations("upscale", 2), 2)
    report = Report(list(evaluate(baselines(2), pairs, "y")), "y")
    assert report.methods == ["nearest", "bicubic"] and report.metrics == ["psnr", "ssim", "ms_ssim"]
    values = [psnr(baselines(2)["bicubic"](lq), gt, "y", 2) for lq, gt in (pair.load() for pair in pairs)]
    assert report.mean("bicubic", "psnr") == pytest.approx(sum(values) / 6)
    assert math.isnan(report.mean("bicubic", "ms_ssim")), "the photos are smaller than the pyramid"
    assert list(baselines(1)) == ["input"]


def test_folders_are_paired_by_name_never_by_order(tmp_path: Path, photo) -> None:
    for name, seed in (("b", 1), ("a", 2), ("c", 3)):
        gt = PillowImage.fromarray(photo(32, 48, seed=seed))
        for folder, picture, extension in (("gt", gt, "png"), ("lq", gt.resize((24, 16)), "webp")):
            (tmp_path / folder).mkdir(exist_ok=True)
            picture.save(tmp_path / folder / f"{name}.{extension}", lossless=True)
    pairs = paired_folders(tmp_path / "lq", tmp_path / "gt", 2)
    assert [pair.name for pair in pairs] == ["a", "b", "c"]
    for pair in pairs:
        lq, gt = pair.load()
        assert psnr(baselines(2)["bicubic"](lq), gt) > 15
    with pytest.raises(InputError, match="48x32 is not a factor of 4"):
        paired_folders(tmp_path / "lq", tmp_path / "gt", 4)[0].load()
    (tmp_path / "lq" / "c.webp").rename(tmp_path / "lq" / "d.webp")
    with pytest.raises(InputError, match="c has no counterpart"):
        paired_folders(tmp_path / "lq", tmp_path / "gt", 2)
    (tmp_path / "gt" / "a.jpg").write_bytes((tmp_path / "gt" / "a.png").read_bytes())
    with pytest.raises(InputError, match=r"both a.* and a.* are called a"):
        paired_folders(tmp_path / "lq", tmp_path / "gt", 2)


def test_folders_without_images(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no image"):
        degraded_pairs(tmp_path, [], 2)
    with pytest.raises(UsageError, match="no standard degradation"):
        standard_degradations("colour", 1)


REPORT = Report(
    [
        Score(method, image, metric, value)
        for image, shift in (("a", -1.0), ("b", 1.0))
        for method, psnr_value in (("bicubic", 28.0), ("ours", 30.0))
        for metric, value in (("psnr", psnr_value + shift), ("ssim", math.nan if image == "a" else 0.9))
    ],
    "y",
)


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("psnr >= bicubic + 0.3", True),
        ("psnr >= bicubic + 2", True),
        ("psnr > bicubic + 2", False),
        ("psnr>=bicubic+2.5", False),
        ("psnr >= bicubic", True),
        ("psnr <= bicubic - 1", False),
        ("psnr < 31", True),
        ("ssim >= 0.9", True),
        ("psnr > 30.5", False),
    ],
)
def test_requirements(text: str, met: bool) -> None:
    assert Requirement.parse(text, REPORT.metrics, REPORT.methods).check(REPORT, "ours")[0] is met


@pytest.mark.parametrize(
    ("text", "other", "number"),
    [
        ("psnr > input-1", "input", -1),
        ("psnr > cae-small-882-a + 2", "cae-small-882-a", 2),
        ("psnr > fourier-ae-fc-10", "fourier-ae-fc-10", 0),
        ("psnr > fourier-ae-fc - 10", "fourier-ae-fc", -10),
        ("psnr > a+b", "a+b", 0),
        ("psnr > a+b+0.5", "a+b", 0.5),
        ("psnr > net (v1.2.safetensors) - 3", "net (v1.2.safetensors)", -3),
        ("psnr > v1.2", "v1.2", 0),
        ("psnr > 1.2", "", 1.2),
    ],
)
def test_requirements_name_methods_as_tables_do(text: str, other: str, number: float) -> None:
    methods = ["input", "cae-small-882-a", "fourier-ae-fc", "fourier-ae-fc-10", "a+b", "net (v1.2.safetensors)", "v1.2"]
    requirement = Requirement.parse(text, ["psnr"], methods)
    assert (requirement.other, requirement.number) == (other, number)


def test_requirements_that_make_no_sense() -> None:
    for text in ("psnr", "psnr >= ", ">= 3", "psnr == 3", "psnr >= bicubic * 2"):
        with pytest.raises(UsageError, match="not understood"):
            Requirement.parse(text, REPORT.metrics, REPORT.methods)
    with pytest.raises(UsageError, match="no metric 'pnsr' here; did you mean 'psnr'"):
        Requirement.parse("pnsr > 3", REPORT.metrics, REPORT.methods)
    with pytest.raises(UsageError, match="no method 'bicubik' here; did you mean 'bicubic'"):
        Requirement.parse("psnr > bicubik", REPORT.metrics, REPORT.methods)


def test_no_method_is_compared_with_itself() -> None:
    requirement = Requirement.parse("psnr > bicubic", REPORT.metrics, REPORT.methods)
    assert requirement.checked(["bicubic", "ours"]) == ["ours"]
    with pytest.raises(UsageError, match="compares bicubic with itself"):
        requirement.checked(["bicubic"])


def test_a_report_in_all_its_forms() -> None:
    assert REPORT.to_markdown().splitlines()[2:] == ["| bicubic | 28.00 | 0.9000 |", "| ours | 30.00 | 0.9000 |"]
    assert REPORT.to_csv().splitlines()[:2] == ["image,method,psnr,ssim", "a,bicubic,27.0,nan"]
    table = json.loads(REPORT.to_json())
    assert table["means"]["ours"] == {"psnr": 30.0, "ssim": 0.9} and table["protocol"] == "y"
    assert {"image": "a", "method": "ours", "metric": "ssim", "value": None} in table["scores"]
    perfect = Report([Score("x", "a", "psnr", math.inf)], "rgb")
    assert json.loads(perfect.to_json())["means"]["x"]["psnr"] == "inf"
    assert perfect.rows()[1] == ["x", "inf"]


def test_scores_for_a_card_leave_out_what_does_not_exist(photo_folder: Path) -> None:
    pairs = degraded_pairs(photo_folder, standard_degradations("upscale", 2), 2)
    report = Report(list(evaluate({**baselines(2), "ours": baselines(2)["bicubic"]}, pairs, "y")), "y")
    score = card_score(report, "ours", "photos", len(pairs))
    assert score["psnr"] == score["bicubic_psnr"] > score["nearest_psnr"]
    assert "ms_ssim" not in score and score["protocol"] == "y" and score["images"] == 6


def test_denoisers_are_measured_on_noise_that_is_neither_clipped_nor_rounded(photo_folder: Path) -> None:
    pairs = degraded_pairs(photo_folder, standard_degradations("denoise", 1, sigma=25), 1)
    lq, gt = pairs[0].load()
    assert (lq - gt).std().item() == pytest.approx(25 / 255, rel=0.02) and lq.min() < 0
    assert torch.equal(lq, pairs[0].load()[0])
    with pytest.raises(UsageError, match="--sigma"):
        standard_degradations("denoise", 1, sigma=300)


def test_what_is_deblurred_holds_nothing_mirrored(photo) -> None:
    scene, blurs = photo(130, 160), [GaussianBlur(sigma=1.6), BoxBlur(size=5)]
    pixels = scene[20:110, 20:140]
    lq, gt = Pair.degraded("a", lambda: pixels, blurs, 1).load()
    assert lq.shape == gt.shape == (3, 90 - 2 * 10, 120 - 2 * 10), "7 and 3 pixels on every side"
    whole = to_tensor(pixels)
    assert torch.equal(gt, whole[:, 10:-10, 10:-10])
    real = degrade(to_tensor(scene)[None], blurs, seeded("a"))[0, :, 30:100, 30:130]
    assert torch.allclose(lq, real, atol=1e-5), "as if the scene around it were blurred with it"
    shaken = Pair.degraded("b", lambda: pixels, [CameraShake(size=(9, 19))], 1)
    kernel = CameraShake(size=(9, 19)).kernels(seeded("b").fork())
    reach = kernel.shape[-1] // 2
    assert torch.equal(shaken.load()[0], blur(whole[None], kernel)[0, :, reach:-reach, reach:-reach])
    with pytest.raises(InputError, match="leaves nothing of it"):
        Pair.degraded("a", lambda: pixels[:14], [GaussianBlur(sigma=1.6)], 1).load()


def test_an_image_that_a_blur_passes_by_is_not_cropped(photo) -> None:
    blurs = [GaussianBlur(sigma=(0.5, 3), probability=0.5)]
    pairs = {name: Pair.degraded(name, lambda: photo(90, 120), blurs, 1).load() for name in "abcdefgh"}
    passed = [name for name, (lq, gt) in pairs.items() if torch.equal(lq, gt)]
    assert 0 < len(passed) < 8
    assert all((pair[0].shape == (3, 90, 120)) is (name in passed) for name, pair in pairs.items())


def test_blurred_and_shrunk_images_are_cropped_alike(photo) -> None:
    lq, gt = Pair.degraded("a", lambda: photo(96, 96), [GaussianBlur(sigma=1.6), Downsample(scale=4)], 4).load()
    assert lq.shape == (3, 20, 20) and gt.shape == (3, 80, 80)
    assert psnr(baselines(4)["bicubic"](lq), gt) > 20
    with pytest.raises(UsageError, match="scale of 4: 96x96 become 48x48"):
        Pair.degraded("a", lambda: photo(96, 96), [Downsample(scale=2)], 4).load()


def test_degradations_as_the_command_line_takes_them() -> None:
    assert parse_degradation("gaussian-blur:sigma=1.6") == GaussianBlur(sigma=(1.6, 1.6))
    assert parse_degradation("camera-shake:size=[13, 27],linear=true") == CameraShake(size=(13, 27), linear=True)
    assert parse_degradation("gaussian:colour=grey,sigma=0.1") == Gaussian(colour="grey", sigma=(0.1, 0.1))
    assert parse_degradation("gaussian-blur") == GaussianBlur()
    for text, message in (
        ("gausian-blur", "no degradation is named 'gausian-blur'; did you mean 'gaussian-blur'"),
        ("gaussian-blur:sgima=1", "unknown key 'sgima'"),
        ("gaussian-blur:sigma=-1", "'sigma': must lie between 0 and 50"),
        ("gaussian-blur:1.6", "'1.6' is not setting=value"),
    ):
        with pytest.raises(RecipeError, match=message):
            parse_degradation(text)


def test_classical_methods_are_told_what_happened(photo) -> None:
    def gains(*degradations) -> dict[str, float]:
        pair = Pair.degraded("a", lambda: photo(128, 128), degradations, 1)
        lq, gt = pair.load()
        return {name: psnr(method(lq), gt) - psnr(lq, gt) for name, method in classical_methods(pair).items()}

    noisy = gains(*white_noise(25))
    assert list(noisy) == ["non-local-means-told-sigma"] and noisy["non-local-means-told-sigma"] > 3
    for shake in (CameraShake(size=(9, 15)), GaussianBlur(sigma=(1, 2))):
        blurred = gains(shake, *white_noise(1))
        assert list(blurred) == ["richardson-lucy-told-kernel"] and blurred["richardson-lucy-told-kernel"] > 1.5
    assert gains() == gains(*white_noise(0)) == gains(Gaussian(sigma=(0, 0.1))) == {}
    assert gains(CameraShake(probability=0.5)) == gains(CameraShake(linear=True)) == {}
    shrunk = Pair.degraded("a", lambda: photo(128, 128), [GaussianBlur(sigma=(1, 1)), Downsample(scale=2)], 2)
    shrunk.load()
    assert classical_methods(shrunk) == {}


def test_richardson_lucy_is_that_of_scikit_image_where_no_edge_is_near(photo) -> None:
    from skimage.restoration import richardson_lucy as reference

    kernel = CameraShake(size=(5, 9)).kernels(seeded("a"))
    lq = blur(to_tensor(photo(160, 160))[None], kernel)[0]
    expected = reference(lq[0].double().numpy(), kernel[0].double().numpy(), num_iter=5)
    middle = slice(60, 100)
    ours = richardson_lucy(lq, kernel[0], iterations=5)[0, middle, middle].double()
    assert torch.allclose(ours, torch.from_numpy(expected)[middle, middle], atol=1e-4)
