import contextlib
import math
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import processes
from conftest import open_picture
from imgrestore.datasets.samples import Share
from imgrestore.drawing.fonts import Fonts
from imgrestore.engine.restorer import Restorer
from imgrestore.errors import ComputeError, ImgrestoreError, InputError, RecipeError, UsageError, WeightsError
from imgrestore.losses.kl_gauss import KlGauss
from imgrestore.losses.l1 import L1
from imgrestore.losses.mse import Mse
from imgrestore.parts.part import check
from imgrestore.recipes import shipped_recipes
from imgrestore.recipes.recipe import Recipe, load_recipe
from imgrestore.training.check import check_run
from imgrestore.training.data import read_data
from imgrestore.training.distributed import launcher
from imgrestore.training.loop import train
from imgrestore.training.options import Options
from imgrestore.training.page import draw_run
from imgrestore.training.plan import Plan
from imgrestore.training.run import Run
from imgrestore.training.state import State, load_checkpoint
from imgrestore.training.step import Step
from imgrestore.training.windows import Windows
from imgrestore.weights.cards import Card
from imgrestore.weights.storage import build, load_weights, save_weights

DOCS = Path(__file__).parents[2] / "docs"
CPU = torch.device("cpu")
FEW = ["batch=2", "images=1", "log_every=2", "checkpoint_every=3"]
SMALL = ["width=8", "blocks=1", "patch=12", "warmup=2", *FEW]
WHOLE = ["model.size=16", "data.size=16", "width=8", "latent=8", "best=psnr", *FEW]
TINY = {
    "resnet": SMALL,
    "block": [*FEW, "batch=8", "size=36"],
    "block-vgg-vae": [*FEW, "checkpoint_every=100", "size=36"],
    "block-vae-mnist": [*FEW, "batch=8"],
    "dcae": WHOLE,
    "fourier": WHOLE,
    "sfl": ["data.kind=photos", "patch=12", "width=8", "accumulate=2", *FEW],
    "mnist": ["data.kind=images", "channels=1", "size=28", *FEW],
    "cae": ["data.kind=images", "size=32", *FEW],
    "vae": ["data.kind=images", "size=32", *FEW],
    "deconv2x": ["size=32", *FEW],
    "resnet4x": ["size=32", "width=8", *FEW],
    "unet": ["width=8", "quarter=8", "eighth=8", "patch=16", "drawn_pictures=2", "warmup=2", *FEW],
}


def kinds(value: Any) -> Any:
    """Return what a table of a recipe says, but for its numbers."""
    if isinstance(value, dict):
        return {key: kinds(each) for key, each in value.items() if key not in ("name", "summary", "paper")}
    if isinstance(value, list):
        return [kinds(each) for each in value]
    return value if isinstance(value, str | bool) else None


UNLIKE = sorted({str(kinds(load_recipe(name).to_table())): name for name in sorted(shipped_recipes())}.values())
"""One recipe for all that differ by numbers alone: those train alike."""

UNTIMED = ("steps_per_second", "waiting", "minutes")


@pytest.fixture
def pages() -> None:
    """Asked for by tests of the page of a run, see below."""


@pytest.fixture(autouse=True)
def quick(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw no page where none is looked at: it takes longer than all else of a run of a few steps."""
    if "pages" not in request.fixturenames:
        monkeypatch.setattr("imgrestore.training.loop.draw_run", lambda run, outcome: None)


def tiny(name: str, *changes: str) -> Recipe:
    """Load a recipe cut down to what a test can train."""
    terms = enumerate(load_recipe(name).loss)
    fewer_scales = [f"loss.{i}.scales=1" for i, term in terms if term.kind == "ms-ssim"]
    return load_recipe(name, [*TINY.get(name, TINY[name.partition("-")[0]]), *fewer_scales, *changes])


def small(*changes: str) -> Recipe:
    return tiny("resnet-sr-x2", *changes)


def finish(recipe: Recipe, data: Path, run: Path, **options) -> dict[str, torch.Tensor]:
    for _ in train(recipe, data, run, Options(**options)):
        pass
    return load_weights(Run(run, recipe.name).weights)[0].state_dict()


def fresh(recipe: Recipe) -> Step:
    return Step(recipe, Plan.of(recipe, 100, 1).stage(0), CPU)


def advance(step: Step, batches: list[tuple[torch.Tensor, torch.Tensor]]) -> float:
    """Take a step at the recipe's learning rate and return its loss."""
    number = int(step.number)
    step.prepare(number, windows(step.recipe).counting(number), step.recipe.optimizer.learning_rate)
    step.take(batches)
    return sum(step.read())


def windows(recipe: Recipe, samples: int = 100) -> Windows:
    return Windows(recipe, Plan.of(recipe, samples, 1))


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def records(run: Path) -> list[dict]:
    """Return a run's log without what depends on the clock."""
    logged = Run(run, "").records()
    return [{key: value for key, value in record.items() if key not in UNTIMED} for record in logged]


@pytest.mark.parametrize("name", UNLIKE)
def test_every_recipe_trains_and_its_weights_restore(
    name: str, photo_folder: Path, mnist_folder: Path, tmp_path: Path
) -> None:
    recipe = tiny(name, "steps=3", "every=2", "protocol=rgb")
    folder = mnist_folder if recipe.data.kind == "mnist" else photo_folder
    finish(recipe, folder, tmp_path / "run")
    model, card = load_weights(tmp_path / "run" / f"{name}.safetensors")
    assert card.recipe["name"] == name and f"{folder.name} (" in card.data
    restored = Restorer(model).restore_tensor(torch.rand(3, 9, 11))
    assert restored.shape == (3, 9 * card.scale, 11 * card.scale)
    logged = records(tmp_path / "run")
    last = card.steps
    assert [r["step"] for r in logged if "loss" in r] == [*range(2, last, 2), last]
    assert [r["step"] for r in logged if "model_psnr" in r] == [*range(2, last, 2), last]
    if any(part.kind != "identity" for part in recipe.degradation):  # else what is unrestored is perfect
        assert all("bicubic_psnr" in r or "input_psnr" in r for r in logged if "model_psnr" in r)
    assert "Infinity" not in (tmp_path / "run" / "log.jsonl").read_text()
    draw_run(Run(tmp_path / "run", name), "finished")
    assert (tmp_path / "run" / "run.html").stat().st_size > 5000
    best, _ = load_weights(tmp_path / "run" / "best.safetensors")
    assert best.state_dict().keys() == model.state_dict().keys()


@pytest.mark.parametrize("name", UNLIKE)
def test_loss_falls_on_one_batch(name: str, photo) -> None:
    table = tiny(name, "steps=150", "learning_rate=3e-3").to_table()
    recipe = Recipe.model_validate(table | {"schedule": {"kind": "constant"}})
    training = fresh(recipe)
    side, channels = (training.model.native_size or 24) * recipe.scale, training.model.channels
    gt = torch.from_numpy(photo(side, side)).permute(2, 0, 1)[None, :channels].float().expand(2, -1, -1, -1) / 255
    gt = torch.nn.functional.avg_pool2d(gt, 3, stride=1, padding=1, count_include_pad=False)
    gt = gt[:, : training.model.channels]
    if any(loss.kind == "bce" for loss in recipe.loss):
        gt = (gt > 0.5).float()  # whatever is grey has an entropy that the loss cannot fall below
    lq = torch.nn.functional.avg_pool2d(gt, recipe.scale)
    if recipe.scale == 1:
        lq = (lq + 0.1 * torch.randn(lq.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1)
    first = advance(training, [(lq, gt)])
    target = first - 0.1 * abs(first)
    assert any(advance(training, [(lq, gt)]) < target for _ in range(150))


@pytest.mark.parametrize("name", ["resnet-sr-x2", "block-ae-ncut", "block-vae", "fourier-ae"])
def test_pieces_equal_one_run(name: str, photo_folder: Path, tmp_path: Path) -> None:
    recipe = tiny(name, "steps=8", "every=4", "ema=0.9")
    whole = finish(recipe, photo_folder, tmp_path / "whole")
    for piece in range(5):
        options = Options(resume=piece > 0)
        stops = iter([False, False, False, True])
        for _ in train(recipe, photo_folder, tmp_path / "pieces", options, stopped=lambda stops=stops: next(stops)):
            pass
    assert same(whole, load_weights(tmp_path / "pieces" / f"{name}.safetensors")[0].state_dict())
    assert records(tmp_path / "whole") == records(tmp_path / "pieces")
    for file in (f"{name}.safetensors", "best.safetensors"):
        assert (tmp_path / "whole" / file).read_bytes() == (tmp_path / "pieces" / file).read_bytes()


def test_a_run_that_holds_nothing_out_is_resumed_where_others_are_measured(photo_folder: Path, tmp_path: Path) -> None:
    recipe, stops = small("steps=4", "every=2", "images=0"), iter([False, True])
    assert len([*train(recipe, photo_folder, tmp_path / "run", stopped=lambda: next(stops))]) == 2
    assert [p.step for p in train(recipe, photo_folder, tmp_path / "run", Options(resume=True))] == [3, 4, 4]


def command(recipe: str, data: Path, run: Path, changes: list[str]) -> list[str]:
    words = [
        "-m",
        "imgrestore",
        "train",
        "--recipe",
        recipe,
        "--data",
        str(data),
        "--output",
        str(run),
        "--device",
        "cpu",
    ]
    return [*words, *(word for change in changes for word in ("--set", change))]


def test_killed_three_times_and_resumed_gives_the_same_bytes(photo_folder: Path, tmp_path: Path) -> None:
    changes = [*SMALL, "steps=40", "every=15"]
    recipe = load_recipe("resnet-sr-x2", changes)
    finish(recipe, photo_folder, tmp_path / "whole")
    run = tmp_path / "killed"
    words = [sys.executable, *command("resnet-sr-x2", photo_folder, run, changes), "--workers", "0"]
    rng = random.Random(0)
    for attempt in range(3):
        process = processes.start([*words, *["--resume"] * (attempt > 0)], stderr=subprocess.PIPE)
        wanted, end = 10 * attempt + rng.randint(2, 8), time.monotonic() + 120
        while time.monotonic() < end and process.poll() is None:
            if max((record["step"] for record in Run(run, "").records()), default=0) >= wanted:
                break
            time.sleep(0.002)
        assert process.poll() is None, process.stderr.read().decode()
        time.sleep(rng.random() / 20)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stderr.close()
        assert Run(run, "").checkpoint.is_file() and not (run / "resnet-sr-x2.safetensors").exists()
    done = processes.run([*words, "--resume"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for file in ("resnet-sr-x2.safetensors", "best.safetensors"):
        assert (run / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
    assert records(run) == records(tmp_path / "whole")
    assert not [path for path in run.iterdir() if path.name.startswith(".")]


def test_three_pieces_cut_by_time_equal_one_run(photo_folder: Path, tmp_path: Path) -> None:
    recipe = small("steps=40", "every=15")
    whole = finish(recipe, photo_folder, tmp_path / "whole")
    seen = []
    for piece in range(3):
        minutes = math.inf if piece == 2 else 1e-4
        for progress in train(
            recipe, photo_folder, tmp_path / "pieces", Options(resume=piece > 0, max_minutes=minutes)
        ):
            last = progress.step
        seen.append(last)
    assert 0 < seen[0] < seen[1] < seen[2] == 40
    assert same(whole, load_weights(tmp_path / "pieces" / "resnet-sr-x2.safetensors")[0].state_dict())


def test_ctrl_c_stops_with_a_checkpoint_and_the_way_to_go_on(photo_folder: Path, tmp_path: Path) -> None:
    run, changes = tmp_path / "run", [*SMALL, "steps=100000", "every=50000"]
    words = [sys.executable, *command("resnet-sr-x2", photo_folder, run, changes), "--workers", "1"]
    process = processes.start(words, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 120
    while time.monotonic() < end and not Run(run, "").records():
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
    told = process.communicate(timeout=60)[1]
    assert process.returncode == 130, told
    assert "Traceback" not in told and "stopped at step" in told and "--resume" in told
    again = next(line for line in told.splitlines() if "--resume" in line).split()
    assert again[0] == "imgrestore"
    done = processes.run([sys.executable, "-m", *again, "--max-minutes", "0"], capture_output=True, text=True)
    assert done.returncode == 0 and "stopped at step" in done.stderr, done.stderr


def test_a_ctrl_c_that_is_ignored_stops_no_training(photo_folder: Path, tmp_path: Path) -> None:
    run, changes = tmp_path / "run", [*SMALL, "steps=100000", "every=50000", "log_every=1"]
    words = [sys.executable, *command("resnet-sr-x2", photo_folder, run, changes), "--workers", "0"]
    process = processes.start(processes.ignoring(signal.SIGINT, words), stderr=subprocess.PIPE, text=True)
    for more, number in ((1, signal.SIGINT), (3, signal.SIGTERM)):
        wanted, end = len(Run(run, "").records()) + more, time.monotonic() + 120
        while time.monotonic() < end and len(Run(run, "").records()) < wanted:
            time.sleep(0.02)
        process.send_signal(number)
    told = process.communicate(timeout=60)[1]
    assert process.returncode == 143 and told.count("stopping after this step") == 1, told


def test_starting_from_earlier_weights(photo_folder: Path, tmp_path: Path) -> None:
    finish(small("steps=2"), photo_folder, tmp_path / "x2")
    earlier = tmp_path / "x2" / "resnet-sr-x2.safetensors"
    training = fresh(tiny("resnet-sr-x4", "steps=2"))
    before = training.model.tail.weight.clone()
    training.start_from(earlier)
    assert torch.equal(training.model.head.weight, load_weights(earlier)[0].head.weight)
    assert torch.equal(training.model.tail.weight, before), "a layer of another shape stays fresh"
    start = load_weights(earlier)[0].head.weight
    assert torch.equal(training.result.head.weight, start), "the average begins there too"
    with pytest.raises(WeightsError, match="no layer of this resnet-sr fits"):
        fresh(tiny("resnet-sr-x4", "width=4", "steps=1")).start_from(earlier)
    narrower = fresh(tiny("resnet-sr-x2", "width=4", "steps=1"))
    with pytest.raises(WeightsError, match="no layer"):
        narrower.start_from(earlier)  # its tail's bias fits


def test_what_was_taken_over_is_told(photo_folder: Path, tmp_path: Path) -> None:
    finish(small("steps=1"), photo_folder, tmp_path / "x2")
    earlier = tmp_path / "x2" / "resnet-sr-x2.safetensors"
    said: list[str] = []
    warned: list[str] = []
    for name in ("resnet-sr-x2", "resnet-sr-x4"):
        run = tmp_path / f"from-x2-{name}"
        for _ in train(
            tiny(name, "steps=1", "precision=fp32"),
            photo_folder,
            run,
            Options(start=earlier),
            warn=warned.append,
            say=said.append,
        ):
            pass
    numbers = sum(tensor.numel() for tensor in load_file(earlier).values())
    tail = sum(tensor.numel() for name, tensor in load_file(earlier).items() if name.startswith("tail"))
    assert said == [f"took over {numbers:,} of {numbers:,} numbers from {earlier}"]
    assert warned == [f"took over {numbers - tail:,} of {numbers:,} numbers from {earlier}"]


def test_starting_from_a_network_that_counts_its_batches(photo_folder: Path, tmp_path: Path) -> None:
    finish(tiny("resnet4x", "steps=2"), photo_folder, tmp_path / "first")
    earlier = tmp_path / "first" / "resnet4x.safetensors"
    training = fresh(tiny("resnet4x", "steps=2"))
    training.start_from(earlier)
    started, known = training.model.state_dict(), load_weights(earlier)[0].state_dict()
    assert all(torch.equal(tensor, known[name]) for name, tensor in started.items())
    assert any(tensor.dim() == 0 for tensor in known.values())


def test_growing_from_earlier_weights(photo_folder: Path, tmp_path: Path) -> None:
    finish(small("steps=2"), photo_folder, tmp_path / "x2")
    earlier = tmp_path / "x2" / "resnet-sr-x2.safetensors"
    model, card = load_weights(earlier)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    save_weights(earlier, model.state_dict(), card)
    image = torch.rand(1, 3, 12, 9, generator=torch.Generator().manual_seed(1))
    wide = fresh(tiny("resnet-sr-x2", "width=11", "blocks=3", "steps=2"))
    wide.start_from(earlier)
    with torch.no_grad():
        assert torch.allclose(wide.model(image), model(image), atol=1e-5), "the larger network computes the same"
    lq, gt = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 16, 16)
    before = {name: tensor.clone() for name, tensor in wide.model.state_dict().items()}
    advance(wide, [(lq, gt)])
    changed = {name for name, tensor in wide.model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert {"body.2.second.weight", "tail.weight"} <= changed, "what is new takes part in learning"


def test_a_deblurring_network_grows_from_a_denoiser_of_the_same_fold(tmp_path: Path) -> None:
    def laid(card: dict[str, int], *larger: str) -> bool:
        earlier, path = build("resnet-denoise", card), tmp_path / "denoiser.safetensors"
        save_weights(path, earlier.state_dict(), Card("resnet-denoise", card))
        training = fresh(tiny("resnet-deblur", "width=12", "blocks=2", "steps=1", *larger))
        return training.start_from(path).whole

    assert laid({"scale": 1, "width": 8, "blocks": 1})
    assert laid({"width": 8, "blocks": 1}), "a card may be older than a dimension"
    with pytest.raises(WeightsError, match="no layer"):
        laid({"width": 8, "blocks": 1}, "fold=4")


def test_runs_are_not_mixed_up(photo_folder: Path, tmp_path: Path) -> None:
    recipe = small("steps=3")
    finish(recipe, photo_folder, tmp_path / "run")
    with pytest.raises(UsageError, match="already holds a run"):
        finish(recipe, photo_folder, tmp_path / "run")
    with pytest.raises(UsageError, match="no checkpoint"):
        finish(recipe, photo_folder, tmp_path / "other", resume=True)
    with pytest.raises(UsageError, match=r"was made with another recipe \(training.steps: 3, now 4\)"):
        finish(small("steps=4"), photo_folder, tmp_path / "run", resume=True)
    (photo_folder / "0.png").rename(photo_folder / "0.txt")
    (photo_folder / "0.txt").write_text("gone")
    with pytest.raises(UsageError, match="was made with other data"):
        finish(recipe, photo_folder, tmp_path / "run", resume=True)
    with pytest.raises(UsageError, match="--weights begins anew"):
        finish(recipe, photo_folder, tmp_path / "run", resume=True, start=tmp_path / "x")
    Run(tmp_path / "run", "").checkpoint.write_bytes(b"damaged")
    (photo_folder / "0.txt").unlink()
    with pytest.raises(WeightsError, match="damaged checkpoint"):
        finish(recipe, photo_folder, tmp_path / "run", resume=True)


def test_a_run_may_be_described_anew(photo_folder: Path, tmp_path: Path) -> None:
    run, recipe = tmp_path / "run", small("steps=3")
    finish(recipe, photo_folder, run)
    anew = recipe.model_copy(update={"summary": "in other words"})
    assert resumed(anew, run, read_data(recipe, photo_folder, 0).digest)[1].step == 3


def resumed(recipe: Recipe, run: Path, data: str) -> tuple[Step, State]:
    step = fresh(recipe)
    return step, load_checkpoint(Run(run, recipe.name).checkpoint, step, Plan.of(recipe, 5, 1), data)


def test_a_stop_at_the_last_step_still_gives_weights(photo_folder: Path, tmp_path: Path) -> None:
    recipe = small("steps=1")
    finish(recipe, photo_folder, tmp_path / "run", max_minutes=0)
    weights = tmp_path / "run" / "resnet-sr-x2.safetensors"
    weights.unlink()
    assert [p.step for p in train(recipe, photo_folder, tmp_path / "run", Options(resume=True))] == [1]
    assert weights.exists(), "resuming a finished run writes its weights again"


@pytest.mark.parametrize(
    ("changes", "data", "message"),
    [
        (["steps=3"], "missing", "no such folder"),
        (["steps=3"], "empty", "holds no image"),
        (["steps=3", "patch=400"], "photos", "0 usable images"),
        (["steps=3", "images=6"], "photos", "6 usable images, but 6 are held out"),
        (["steps=3", "degradation.0.scale=3"], "photos", "not 1/2"),
        (["steps=3", "loss.0.kind=kl-gauss"], "photos", "does not see the brightness"),
        (["steps=3", "loss.0.kind=ms-ssim"], "photos", "needs images of at least 161 x 161 pixels, got 24 x 24"),
        (["steps=3", "channels=1"], "photos", "takes images of 3 channels, the data gives 1"),
        (["steps=3", "loss.0.from_epoch=2"], "photos", "step 1: no loss counts"),
        (["steps=9", "loss.0.to_step=5"], "photos", "step 6: no loss counts"),
        (["steps=3", "best=ms_ssim"], "photos", "ms_ssim needs images of 161 pixels a side"),
        (["steps=3", 'stages=["joint", "cluster", "per-cluster"]'], "photos", "resnet-sr has no stage 'cluster'"),
    ],
)
def test_nothing_is_written_when_it_cannot_work(
    changes: list[str], data: str, message: str, photo_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImgrestoreError, match=message) as caught:
        finish(small(*changes), tmp_path / data, tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_loss_that_needs_an_output_the_model_does_not_give(photo_folder: Path, tmp_path: Path) -> None:
    table = small("steps=3").to_table()
    recipe = Recipe.model_validate(table | {"loss": [L1(), KlGauss(from_step=3)]})
    with pytest.raises(RecipeError, match="needs the model's output 'mean', which ResNetSR does not give"):
        finish(recipe, photo_folder, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("window", [{"from_step": 4}, {"from_epoch": 9}])
def test_a_run_may_end_before_a_loss_counts(window: dict[str, object]) -> None:
    recipe = Recipe.model_validate(small("steps=3").to_table() | {"loss": [L1(), Mse.model_validate(window)]})
    windows(recipe).check()


@pytest.mark.parametrize("window", [{"stage": "jiont"}, {"from_step": 3, "to_step": 2}])
def test_a_loss_that_never_counts(window: dict[str, object]) -> None:
    recipe = Recipe.model_validate(small("steps=3").to_table() | {"loss": [L1(), Mse.model_validate(window)]})
    with pytest.raises(RecipeError, match=r"'loss.1' \(mse\) never counts") as caught:
        windows(recipe).check()
    assert "the stages are joint" in caught.value.hint


def test_windows_that_end_with_the_run(photo_folder: Path, tmp_path: Path) -> None:
    finish(small("steps=4", "loss.0.to_step=4", "every=2"), photo_folder, tmp_path / "run")
    assert [r["step"] for r in records(tmp_path / "run") if "model_psnr" in r] == [2, 4]


def test_records_do_not_mix_losses(photo_folder: Path, tmp_path: Path) -> None:
    table = small("steps=6", "log_every=4").to_table()
    losses = [Mse(to_step=3, weight=1e6), L1(from_step=4), L1(from_step=4, weight=2.0)]
    finish(Recipe.model_validate(table | {"loss": losses}), photo_folder, tmp_path / "run")
    first = next(r for r in records(tmp_path / "run") if "loss" in r)
    assert first["step"] == 4 and first["loss"] < 1, "the mean is over the steps that had these losses"
    assert first["terms"].keys() == {"l1-1", "l1-2"}
    assert first["terms"]["l1-2"] == pytest.approx(2 * first["terms"]["l1-1"])


def test_an_infinite_gradient_changes_nothing_nor_does_any_step_after_it(photo) -> None:
    training = fresh(tiny("resnet4x", "steps=9", "ema=0.9"))  # its batch normalisation has statistics
    batch = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 64, 64)
    advance(training, [batch])
    everything = [training.model, training.result]
    before = [tensor.clone() for module in everything for tensor in module.state_dict().values()]
    parameter = next(iter(training.model.parameters()))
    hook = parameter.register_hook(lambda gradient: gradient * torch.inf)
    for number in (1, 2):
        training.prepare(number, (0,), 1e-3)
        training.take([batch])
        hook.remove()  # the second of these steps would be a good one
    with pytest.raises(ComputeError, match="step 2: the length of the gradient is"):
        training.check()
    after = [tensor for module in everything for tensor in module.state_dict().values()]
    assert len(after) == 2 * len(training.model.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("native", [True, False])
def test_bfloat16_only_where_it_is_native(native: bool, monkeypatch) -> None:
    """Imitated, it takes many times as long as float32."""
    monkeypatch.setattr("imgrestore.training.step.native_bfloat16", lambda device: native)
    assert fresh(small("steps=1", "precision=bf16")).bf16 == native
    assert not fresh(small("steps=1", "precision=fp32")).bf16


def test_averages_take_statistics_along() -> None:
    """Averaged weights were once put before the statistics of the last batches."""
    training = fresh(tiny("resnet4x", "steps=9", "ema=0.999"))
    own, running = training.model.state_dict(), training.result.state_dict()
    name = next(name for name in own if name.endswith("running_mean"))
    first = running[name].clone()
    for _ in range(3):
        advance(training, [(torch.rand(2, 3, 16, 16), torch.rand(2, 3, 64, 64))])
    assert not torch.equal(running[name], first) and not torch.equal(running[name], own[name])
    assert torch.equal(running[name.replace("running_mean", "num_batches_tracked")], torch.tensor(3))


def test_a_stage_builds_on_the_averaged_weights() -> None:
    recipe = tiny("block-ae-multi", "steps=2", "ema=0.9")
    training = fresh(recipe)
    for _ in range(2):
        advance(training, [(torch.rand(4, 3, 18, 18), torch.rand(4, 3, 18, 18))])
    averages = [average.clone() for average in training.result.parameters()]
    training.next_stage(Plan.of(recipe, 100, 1).stage(2), iter([torch.rand(8, 3, 18, 18)]))
    assert all(torch.equal(a, b) for a, b in zip(averages, training.model.parameters(), strict=True))


def test_a_loss_that_is_not_a_number_stops_the_run_and_its_batch_can_be_made_again(
    photo_folder: Path, tmp_path: Path
) -> None:
    """As docs/training.md says."""
    recipe, run = small("steps=30", "learning_rate=1e30", "checkpoint_every=1", "precision=fp32"), tmp_path / "run"
    with pytest.raises(ComputeError, match=r"step \d+: the loss is (nan|inf)") as caught:
        finish(recipe, photo_folder, run)
    assert "docs/training.md" in caught.value.hint
    number = int(str(caught.value).split()[1].rstrip(":"))
    data = read_data(recipe, photo_folder, 2**30)
    step, state = resumed(recipe, run, data.digest)
    assert state.step == number - 1, "the checkpoint is the one before the bad step"
    with pytest.raises(ComputeError, match=f"step {number}: the loss is"):
        advance(step, [Share(data.samples)[number - 1]])


def test_memory_that_runs_out_in_a_step_is_told_as_such(photo_folder: Path, tmp_path: Path, monkeypatch) -> None:
    def crowded(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(Step, "take", crowded)
    with pytest.raises(ComputeError, match="step 1: out of memory") as caught:
        finish(small("steps=3", "precision=fp32"), photo_folder, tmp_path / "run")
    assert "data.batch" in caught.value.hint


def test_a_loss_switch_happens_after_its_epoch_not_at_it(tmp_path: Path, photo_folder: Path) -> None:
    """Paper 000 trains with l1 up to and including epoch 100, then with l2."""
    text = load_recipe("resnet-sr-x2", [*SMALL, "epochs=6", "log_every=1", "images=0", "batch=2"]).to_table()
    recipe = Recipe.model_validate(text | {"loss": [L1(to_epoch=3), Mse(from_epoch=4)]})
    counted = windows(recipe, samples=6)
    assert counted.plan.steps == 18
    terms = [(counted.plan.epoch(step), counted.terms(counted.counting(step))) for step in range(18)]
    assert terms == [(epoch, ["l1" if epoch <= 3 else "mse"]) for epoch in range(1, 7) for _ in range(3)]
    assert [counted.plan.first_step(epoch) for epoch in (1, 2, 4)] == [0, 3, 9]
    counted.check()


def test_epochs_stages_and_accumulation_become_steps() -> None:
    recipe = tiny("block-ae-multi", "epochs=10", "batch=4", "accumulate=2", "every_epochs=3")
    plan = Plan.of(recipe, samples=100, processes=2)
    assert [(s.name, s.first, s.last, s.clustered) for s in plan.stages] == [
        ("joint", 0, 63, False),
        ("per-cluster", 63, 126, True),
    ]
    assert plan.samples_per_step == 16 and plan.measured_every == 19 and plan.stage(63).name == "per-cluster"
    assert [plan.epoch(step) for step in (0, 6, 7, 12, 13)] == [1, 1, 2, 2, 3]


def test_accumulated_batches_make_the_step_of_one_large_batch(photo) -> None:
    gt = torch.from_numpy(np.stack([photo(24, 24, seed=i) for i in range(4)])).permute(0, 3, 1, 2).float() / 255
    lq = torch.nn.functional.avg_pool2d(gt, 2)
    weights = []
    for accumulate in (1, 2):
        training = fresh(small("steps=3", f"accumulate={accumulate}", "precision=fp32", "optimizer.kind=sgd"))
        pieces = zip(lq.chunk(accumulate), gt.chunk(accumulate), strict=True)
        advance(training, list(pieces))
        weights.append(training.model.state_dict())
    assert all(torch.allclose(weights[0][name], weights[1][name], atol=1e-7) for name in weights[0])


def test_a_step_of_paper_003_goes_over_all_images_whatever_their_sizes(photo_folder: Path, tmp_path: Path) -> None:
    changes = ["width=4", "size=40", "accumulate=6", "epochs=3", "log_every=1"]
    finish(load_recipe("sfl-cae", changes), photo_folder, tmp_path / "run")
    assert [(r["step"], r["epoch"]) for r in records(tmp_path / "run")] == [(1, 1), (2, 2), (3, 3)]
    assert {tuple(r["terms"]) for r in records(tmp_path / "run")} == {("mse", "sfl-log")}


@pytest.mark.slow
def test_a_run_can_be_measured_in_minutes(photo_folder: Path, tmp_path: Path) -> None:
    recipe, began = small("minutes=0.5", "log_every=1", "checkpoint_every=10000"), time.monotonic()
    reports = list(train(recipe, photo_folder, tmp_path / "run", Options(began=began)))
    lasted = time.monotonic() - began
    assert reports[-1].done == 1 and reports[-1].steps is None
    assert 24 < lasted < 75, "on a busy machine things may take longer than they did before"
    logged = records(tmp_path / "run")
    assert "model_psnr" in logged[-1] and logged[-1]["step"] == reports[-1].step
    rates = [r["learning_rate"] for r in logged if "learning_rate" in r]
    assert rates[-1] < 0.05 * max(rates)
    assert load_weights(tmp_path / "run" / "resnet-sr-x2.safetensors")[1].steps == reports[-1].step


def test_only_the_clusters_decoders_are_trained_in_their_stage(photo_folder: Path, tmp_path: Path) -> None:
    recipe = tiny("block-ae-multi", "steps=4", "every=100")
    states = {}
    for progress in train(recipe, photo_folder, tmp_path / "run", Options()):
        if progress.step in (4, 8) and progress.step not in states:
            path = Run(tmp_path / "run", "").checkpoint
            states[progress.step] = path
    joint = finish(tiny("block-ae", "steps=4", "every=100"), photo_folder, tmp_path / "joint")
    multi = load_weights(tmp_path / "run" / "block-ae-multi.safetensors")[0]
    state = multi.state_dict()
    shared = [name for name in joint if name.startswith(("encoder", "decoder."))]
    assert shared and all(torch.equal(joint[name], state[name]) for name in shared), "the control is stage one"
    assert bool(state["routed"]) and state["centres"].abs().sum() > 0
    codes = multi.encoder(torch.rand(64, 3, 18, 18))
    block = multi.forward(torch.rand(5, 3, 18, 18))
    assert block.shape == (5, 3, 18, 18) and set(multi.cluster_of(codes).tolist()) <= {0, 1}


def test_the_page_and_pictures_of_a_run(photo_folder: Path, tmp_path: Path, pages: None) -> None:
    finish(small("steps=4", "every=2"), photo_folder, tmp_path / "run")
    page = (tmp_path / "run" / "run.html").read_text()
    stopped = iter([False, True])
    for _ in train(small("steps=4"), photo_folder, tmp_path / "stopped", stopped=lambda: next(stopped)):
        pass
    assert "Stopped" in (tmp_path / "stopped" / "run.html").read_text()
    assert "http" not in page.replace("http-equiv", "") and page.count("data:image/png;base64,") == 3
    assert "Finished" in page and "refresh" not in page and "model psnr" in page
    assert len(list((tmp_path / "run" / "samples").glob("*.png"))) == 2
    assert (tmp_path / "run" / "curves.png").stat().st_size > 5000


def test_the_recipe_in_the_run_folder_trains_the_same_run(photo_folder: Path, tmp_path: Path) -> None:
    recipe = small("steps=3")
    first = finish(recipe, photo_folder, tmp_path / "run")
    again = load_recipe(str(tmp_path / "run" / "recipe.toml"))
    assert again == recipe and same(first, finish(again, photo_folder, tmp_path / "again"))


@pytest.mark.parametrize("place", [0, 3])
def test_damaged_files_change_nothing_with_the_cache(place: int, photo_folder: Path) -> None:
    whole = (photo_folder / f"{place}.png").read_bytes()
    (photo_folder / f"{place}.png").write_bytes(whole[: len(whole) // 2])
    recipe = small("steps=5", "images=2")
    data = [read_data(recipe, photo_folder, cache) for cache in (2**30, 0)]
    assert data[0].digest == data[1].digest and len(data[0].samples) == len(data[1].samples) == 4
    assert [pair.name for pair in data[0].pairs] == [pair.name for pair in data[1].pairs]
    first, second = (each.samples.batch(range(12)) for each in data)
    assert torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])
    reports = [dict(check_run(recipe, photo_folder, cache).facts) for cache in (2**30, 0)]
    assert all(facts["files that cannot be used"] == "1" for facts in reports)
    assert all(int(facts["images to train on"]) + int(facts["held out for measuring"]) == 5 for facts in reports)


def test_held_out_files_that_are_damaged(photo_folder: Path) -> None:
    recipe = small("steps=5", "images=2")
    held = [pair.name for pair in read_data(recipe, photo_folder, 0).pairs]
    for left, name in enumerate(held):
        whole = (photo_folder / name).read_bytes()
        (photo_folder / name).write_bytes(whole[: len(whole) // 2])
        for cache in (2**30, 0):
            if left:
                with pytest.raises(InputError, match="none of the 2 images held out"):
                    read_data(recipe, photo_folder, cache)
                continue
            data = read_data(recipe, photo_folder, cache)
            assert [pair.name for pair in data.pairs] == held[1:]
            assert len(data.skipped) == 1 and name in data.skipped[0] and "held out" in data.skipped[0]


def test_check_reports_without_writing(photo_folder: Path, tmp_path: Path) -> None:
    (photo_folder / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n cut off")
    for cache in (2**30, 1000):
        report = check_run(small("steps=5"), photo_folder, cache)
        facts = dict(report.facts)
        assert facts["images to train on"] == "5" and facts["files that cannot be used"] == "1"
        assert "bad.png" in report.skipped[0] and facts["length"].startswith("5 steps, 2.0 epochs")


def test_pairs_are_taken_as_they_are(photo_folder: Path, tmp_path: Path) -> None:
    """As docs/training.md shows it."""
    text = (DOCS / "training.md").read_text(encoding="utf-8").partition("# pairs.toml")[2].partition("```")[0]
    (tmp_path / "pairs.toml").write_text(f"#{text}", encoding="utf-8")
    for name, size in (("lq", (60, 50)), ("gt", (120, 100))):
        (tmp_path / name).mkdir()
        for number in range(3):
            open_picture(photo_folder / f"{number}.png").resize(size).save(tmp_path / name / f"{number}.png")
    recipe = load_recipe(str(tmp_path / "pairs.toml"), [*SMALL, "steps=1"])
    data = read_data(recipe, tmp_path, 2**30)
    lq, _ = data.pairs[0].load()
    given = np.asarray(open_picture(tmp_path / "lq" / f"{data.pairs[0].name}.png"))
    assert np.array_equal((lq * 255).round().byte().permute(1, 2, 0).numpy(), given)
    finish(recipe, tmp_path, tmp_path / "run")


def test_drawn_pictures_beside_photos(photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = small("drawn=0.4", "drawn_pictures=2", "steps=2")
    assert check(Recipe, recipe.to_table()).fingerprint() == recipe.fingerprint() != small("steps=2").fingerprint()
    weights = finish(recipe, photo_folder, tmp_path / "whole")
    for _ in train(recipe, photo_folder, tmp_path / "parts", stopped=lambda: True):
        pass
    assert same(weights, finish(recipe, photo_folder, tmp_path / "parts", resume=True))
    facts = dict(check_run(recipe, photo_folder, 2**30).facts)
    assert facts["images to train on"] == "7" and facts["samples in an epoch"] == "8"
    monkeypatch.setattr("imgrestore.drawing.picture.find_fonts", lambda: Fonts((), "other"))
    with pytest.raises(UsageError, match="was made with other data"):
        finish(recipe, photo_folder, tmp_path / "parts", resume=True)


def test_records_for_tensorboard(photo_folder: Path, tmp_path: Path) -> None:
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    from imgrestore.training.tensorboard import writer

    finish(small("steps=4", "every=2"), photo_folder, tmp_path / "run", watch=writer(tmp_path / "tb"))
    events = event_accumulator.EventAccumulator(str(tmp_path / "tb"))
    events.Reload()
    assert [event.step for event in events.Scalars("loss")] == [2, 4]
    assert "model_psnr" in events.Tags()["scalars"]


# Several processes


@pytest.mark.parametrize(
    ("size", "local", "begins"),
    [
        ("1", "1", "imgrestore"),
        ("4", "4", "torchrun --nproc-per-node 4 -m imgrestore"),
        ("8", "4", "torchrun --nnodes 2 --nproc-per-node 4 -m imgrestore"),
    ],
)
def test_a_run_goes_on_with_as_many_processes(size: str, local: str, begins: str, monkeypatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", size)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", local)
    monkeypatch.setenv("RANK", "0")
    assert " ".join(launcher()) == begins


def together(folder: Path, run: Path, changes: list[str], *, kill: bool = False) -> list[tuple[int, str]]:
    """Train in two processes as torchrun starts them; optionally kill the second one as soon as it steps."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    world = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    words = [sys.executable, *command("resnet-sr-x2", folder, run, changes), "--workers", "0"]
    pair = [
        processes.start(words, env=world | {"RANK": str(i), "LOCAL_RANK": str(i)}, stderr=subprocess.PIPE, text=True)
        for i in range(2)
    ]
    if kill:
        end = time.monotonic() + 120
        while time.monotonic() < end and not Run(run, "").records():
            time.sleep(0.02)
        pair[1].send_signal(signal.SIGKILL)
    told = [process.communicate(timeout=120)[1] for process in pair]
    return [(process.returncode, text) for process, text in zip(pair, told, strict=True)]


def test_two_processes_learn_as_one_with_twice_the_batch(photo_folder: Path, tmp_path: Path, pages: None) -> None:
    changes = [*SMALL, "steps=12", "every=6", "precision=fp32", "log_every=1", "images=2", "checkpoint_every=100"]
    for code, told in together(photo_folder, tmp_path / "two", changes):
        assert code == 0, told
    recipe = load_recipe("resnet-sr-x2", [*changes, "batch=4"])
    finish(recipe, photo_folder, tmp_path / "one")
    two, one = records(tmp_path / "two"), records(tmp_path / "one")
    assert len(two) == len(one) == 14
    for a, b in zip(two, one, strict=True):
        assert a.keys() == b.keys()
        for key in a:
            assert a[key] == b[key] or a[key] == pytest.approx(b[key], rel=1e-4), key
    files = sorted(str(path.relative_to(tmp_path / "two")) for path in (tmp_path / "two").rglob("*"))
    assert files == sorted(str(path.relative_to(tmp_path / "one")) for path in (tmp_path / "one").rglob("*"))


def test_processes_agree_on_the_time_of_a_run_in_minutes(photo_folder: Path, tmp_path: Path) -> None:
    changes = [*SMALL, "minutes=0.02", "every=20"]
    for code, told in together(photo_folder, tmp_path / "run", changes):
        assert code == 0, told
    model, _ = load_weights(tmp_path / "run" / "resnet-sr-x2.safetensors")
    assert all(bool(parameter.isfinite().all()) for parameter in model.parameters())


def test_a_dead_process_ends_the_others_with_a_clear_error(photo_folder: Path, tmp_path: Path) -> None:
    changes = [*SMALL, "steps=1000000", "every=1000000"]
    (first, told), (second, _) = together(photo_folder, tmp_path / "run", changes, kill=True)
    assert second == -signal.SIGKILL
    assert first == 1 and "another process of this run has ended" in told and "Traceback" not in told, told
    assert Run(tmp_path / "run", "").checkpoint.is_file()
