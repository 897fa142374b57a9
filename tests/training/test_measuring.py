"""Measuring a run on what was held out from its data."""

from pathlib import Path

import pytest
import torch
from PIL import Image as PillowImage

from imgrestore.evaluation.evaluate import baselines, evaluate
from imgrestore.evaluation.report import Report
from imgrestore.metrics import METRICS
from imgrestore.metrics.tensors import measure
from imgrestore.recipes.recipe import load_recipe
from imgrestore.training.data import CROP, read_data
from imgrestore.training.distributed import Processes
from imgrestore.training.measuring import Measuring
from imgrestore.training.plan import Plan
from imgrestore.training.step import Step

CPU = torch.device("cpu")
SMALL = ["width=8", "blocks=1", "patch=12", "batch=2", "images=2", "precision=fp32", "steps=4"]


@pytest.mark.parametrize("protocol", ["rgb", "y"])
@pytest.mark.parametrize("border", [0, 4])
def test_metrics_of_tensors_are_those_of_the_protocols(protocol: str, border: int, photo) -> None:
    gt = torch.from_numpy(photo(170, 180)).permute(2, 0, 1).float() / 255
    restored = gt + 0.05 * torch.randn(gt.shape, generator=torch.Generator().manual_seed(0))
    found = measure(restored, gt, protocol, border, tuple(METRICS))
    for name, metric in METRICS.items():
        assert found[name] == pytest.approx(metric(restored, gt, protocol, border), abs=1e-4), name


def measuring(folder: Path, *changes: str) -> tuple[Measuring, Step]:
    recipe = load_recipe("resnet-sr-x2", [*SMALL, *changes])
    data = read_data(recipe, folder, 2**30)
    step = Step(recipe, Plan.of(recipe, len(data.samples), 1).stage(0), CPU)
    return Measuring(recipe, data, CPU, Processes()), step


def test_the_last_measurement_is_that_of_evaluate(photo_folder: Path) -> None:
    ours, step = measuring(photo_folder)
    quick, last = (ours(step.result, (0,), last=each).report for each in (False, True))
    recipe = step.recipe
    pairs = read_data(recipe, photo_folder, 2**30).pairs
    expected = Report(list(evaluate(baselines(2), pairs, "y", ("psnr", "ssim"))), "y")
    for method in ("bicubic", "nearest"):
        for metric in ("psnr", "ssim"):
            assert last.mean(method, metric) == pytest.approx(expected.mean(method, metric), abs=1e-9)
            assert quick.mean(method, metric) == pytest.approx(expected.mean(method, metric), abs=1e-3)
    assert last.mean("model", "psnr") == pytest.approx(quick.mean("model", "psnr"), abs=1e-3)


def test_measuring_changes_nothing_of_what_is_trained(photo_folder: Path) -> None:
    ours, step = measuring(photo_folder, "ema=0")
    places = [parameter.data_ptr() for parameter in step.model.parameters()]
    expected = ours.expected(step.result)
    assert all(0 < seconds < 60 for seconds in expected)
    ours(step.result, (0,), last=False)
    assert step.result is step.model and step.model.training
    assert [parameter.data_ptr() for parameter in step.model.parameters()] == places


def test_large_pictures_are_measured_in_the_middle(tmp_path: Path, photo) -> None:
    wide = photo(150, CROP + 100)
    for name in ("a", "b"):
        PillowImage.fromarray(wide).save(tmp_path / f"{name}.png")
    recipe = load_recipe("resnet-sr-x2", [*SMALL, "images=1", "context=4"])
    (pair,) = read_data(recipe, tmp_path, 2**30).pairs
    lq, gt = pair.load()
    assert gt.shape == (3, 150, CROP) and lq.shape == (3, 75, CROP // 2)
    assert torch.equal((gt * 255).round().byte().permute(1, 2, 0), torch.from_numpy(wide[:, 50:-50]))
