import json
import math
from pathlib import Path

import pytest
import torch
from PIL import Image as PillowImage

from imgrestore.errors import InputError, UsageError
from imgrestore.evaluation import baselines, card_score, degraded_pairs, measure, paired_folders, standard_degradations
from imgrestore.metrics import psnr
from imgrestore.report import Report, Requirement, Score


def test_pairs_made_from_ground_truth(photo_folder: Path) -> None:
    pairs = degraded_pairs(photo_folder, standard_degradations("upscale", 4), 4)
    assert [pair.name for pair in pairs] == ["0.png", "1.png", "2.png", "3.png", "4.png", "more/5.png"]
    lq, gt = pairs[1].load()
    assert lq.shape == (3, 25, 30) and gt.shape == (3, 100, 120), "cropped to a multiple of the scale"
    assert torch.equal(lq, (lq * 255).round() / 255), "low-quality images are those of a file"
    assert torch.equal(lq, pairs[1].load()[0])


def test_tables_hold_the_baselines_and_means_over_images(photo_folder: Path) -> None:
    pairs = degraded_pairs(photo_folder, standard_degradations("upscale", 2), 2)
    report = measure(baselines(2), pairs, "y")
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
        standard_degradations("deblur", 1)


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
    assert Requirement.parse(text).check(REPORT, "ours")[0] is met


def test_requirements_that_make_no_sense() -> None:
    for text in ("psnr", "psnr >= ", ">= 3", "psnr == 3", "psnr >= bicubic * 2"):
        with pytest.raises(UsageError, match="not understood"):
            Requirement.parse(text)
    with pytest.raises(UsageError, match="no metric 'pnsr' here; did you mean 'psnr'"):
        Requirement.parse("pnsr > 3").validate(REPORT.metrics, REPORT.methods)
    with pytest.raises(UsageError, match="no method 'bicubik' here; did you mean 'bicubic'"):
        Requirement.parse("psnr > bicubik").validate(REPORT.metrics, REPORT.methods)
    Requirement.parse("psnr > bicubic").validate(REPORT.metrics, REPORT.methods)


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
    report = measure({**baselines(2), "ours": baselines(2)["bicubic"]}, pairs, "y")
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
