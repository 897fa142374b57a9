from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage

from conftest import open_picture, random_model
from imgrestore.engine.restorer import Restorer
from imgrestore.errors import InputError
from imgrestore.evaluation.comparison import Subject, compare_photo, most_different
from imgrestore.evaluation.evaluate import (
    baselines,
    degraded_pairs,
    evaluate,
    standard_degradations,
    standard_protocol,
)
from imgrestore.evaluation.report import Report
from imgrestore.evaluation.sheet import draw_sheet, save_sheet


def test_the_places_that_differ_most_are_found_without_overlap() -> None:
    first, second = torch.zeros(3, 200, 300), torch.zeros(3, 200, 300)
    second[:, 100:132, 200:232] = 1
    second[:, 8:40, 16:48] = 0.5
    boxes = most_different([first, second], 3, 32)
    assert boxes[:2] == [(96, 200, 32), (8, 16, 32)] or boxes[0][:2] in ((96, 200), (104, 200))
    for i, (y, x, _) in enumerate(boxes):
        assert all(abs(y - v) >= 32 or abs(x - u) >= 32 for v, u, _ in boxes[:i])


def test_a_comparison_with_ground_truth_becomes_a_picture(tmp_path: Path, photo) -> None:
    PillowImage.fromarray(photo(120, 160)).save(tmp_path / "x.png")
    subject = Subject.load(tmp_path / "x.png", None, True, "upscale", 2)
    assert subject.lq.shape == (3, 60, 80) and subject.gt.shape == (3, 120, 160)
    restorers = {"resnet-sr": Restorer(random_model("resnet-sr", 2, width=8, blocks=1))}
    comparison = compare_photo(subject, restorers, 2, crops=2, crop_size=40)
    assert list(comparison.panels) == ["nearest", "bicubic", "resnet-sr", "ground truth"]
    assert comparison.scores.keys() == {"nearest", "bicubic", "resnet-sr"} and len(comparison.boxes) == 2
    sheet = draw_sheet([comparison, comparison])
    save_sheet(sheet, tmp_path / "sheet.png")
    assert np.array_equal(np.asarray(open_picture(tmp_path / "sheet.png")), sheet)
    assert sheet.shape[1] > 4 * 300 and (sheet < 100).any(axis=2).mean() > 0.001


@pytest.mark.parametrize(("task", "scale", "mark"), [("upscale", 2, " (y)"), ("deblur", 1, "")])
def test_figures_are_those_of_evaluate(task: str, scale: int, mark: str, tmp_path: Path, photo) -> None:
    PillowImage.fromarray(photo(120, 160)).save(tmp_path / "x.png")
    [pair] = degraded_pairs(tmp_path, standard_degradations(task, scale), scale)
    protocol = standard_protocol(task)
    report = Report(list(evaluate(baselines(scale), [pair], protocol, ["psnr", "ssim"])), protocol)
    subject = Subject.load(tmp_path / "x.png", None, True, task, scale)
    shown = compare_photo(subject, {}, scale, 0, 64, protocol).scores
    assert shown == {
        name: f"{report.mean(name, 'psnr'):.2f} dB  SSIM {report.mean(name, 'ssim'):.3f}{mark}"
        for name in baselines(scale)
    }


def test_no_places_need_no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "stack", None)
    assert most_different([torch.zeros(3, 9, 9)] * 2, 0, 4) == []


def test_small_photos_and_no_truth(tmp_path: Path, photo) -> None:
    PillowImage.fromarray(photo(9, 7)).save(tmp_path / "x.png")
    subject = Subject.load(tmp_path / "x.png", None, False, "upscale", 2)
    comparison = compare_photo(subject, {}, 2, crops=3, crop_size=128)
    assert not comparison.scores and comparison.boxes
    draw_sheet([comparison])


def test_truth_of_the_wrong_size(tmp_path: Path, photo) -> None:
    for name, side in (("x", 20), ("gt", 50)):
        PillowImage.fromarray(photo(side, side)).save(tmp_path / f"{name}.png")
    with pytest.raises(InputError, match="50x50 is not 2 times"):
        Subject.load(tmp_path / "x.png", tmp_path / "gt.png", False, "upscale", 2)
