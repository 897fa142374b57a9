import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from imgrestore.engine import Restorer
from imgrestore.errors import ComputeError, ImgrestoreError, UsageError, WeightsError
from imgrestore.recipes import shipped_recipes
from imgrestore.recipes.recipe import load_recipe
from imgrestore.trainer import CHECKPOINT, LOG, Training, learning_rate, train, weights_path
from imgrestore.weights import load_weights

CPU = torch.device("cpu")
SMALL = ["width=8", "blocks=1", "patch=12", "batch=2", "images=1", "log_every=2", "checkpoint_every=3", "warmup=2"]


def small(*changes: str, name: str = "resnet-sr-x2"):
    return load_recipe(name, [*SMALL, *changes])


def finish(recipe, data: Path, run: Path, **options) -> dict[str, torch.Tensor]:
    for _ in train(recipe, data, run, device=CPU, **options):
        pass
    return load_weights(weights_path(recipe, run))[0].state_dict()


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_every_recipe_trains_and_its_weights_restore(name: str, photo_folder: Path, tmp_path: Path) -> None:
    recipe = small("steps=3", "every=2", name=name)
    finish(recipe, photo_folder, tmp_path / "run")
    model, card = load_weights(weights_path(recipe, tmp_path / "run"))
    assert card.steps == 3 and card.recipe["name"] == name and "photos" in card.data
    restored = Restorer(model).restore_tensor(torch.rand(3, 9, 11))
    assert restored.shape == (3, 9 * card.scale, 11 * card.scale)
    records = [json.loads(line) for line in (tmp_path / "run" / LOG).read_text().splitlines()]
    assert [r["step"] for r in records if "loss" in r] == [2, 3]
    assert [r["step"] for r in records if "model_psnr" in r] == [2, 3]
    assert all(r["nearest_psnr"] < r["bicubic_psnr"] for r in records if "model_psnr" in r)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_loss_falls_on_one_batch(precision: str, photo) -> None:
    recipe = small("steps=60", "warmup=5", f"precision={precision}", "learning_rate=3e-3", "width=16")
    training = Training(recipe, CPU)
    gt = torch.from_numpy(photo(48, 48)).permute(2, 0, 1)[None].float() / 255
    gt = torch.nn.functional.avg_pool2d(gt, 3, stride=1, padding=1, count_include_pad=False)
    lq = torch.nn.functional.avg_pool2d(gt, 2)
    losses = [training.advance(lq, gt) for _ in range(60)]
    assert losses[-1] < 0.9 * losses[0]


def test_pieces_equal_one_run(photo_folder: Path, tmp_path: Path) -> None:
    recipe = small("steps=8", "every=4")
    whole = finish(recipe, photo_folder, tmp_path / "whole")
    for piece in range(3):
        calls = iter(range(100))
        options = {"resume": piece > 0, "stopped": lambda calls=calls: next(calls) == 2}
        for _ in train(recipe, photo_folder, tmp_path / "pieces", device=CPU, **options):
            pass
    assert same(whole, load_weights(weights_path(recipe, tmp_path / "pieces"))[0].state_dict())
    logs = [[json.loads(x) for x in (tmp_path / n / LOG).read_text().splitlines()] for n in ("whole", "pieces")]
    assert logs[0] == logs[1]
    files = [weights_path(recipe, tmp_path / name).read_bytes() for name in ("whole", "pieces")]
    assert files[0] == files[1]


def test_killed_and_resumed_gives_the_same_bytes(photo_folder: Path, tmp_path: Path) -> None:
    changes = [*SMALL, "steps=30", "every=100"]
    recipe = load_recipe("resnet-sr-x2", changes)
    finish(recipe, photo_folder, tmp_path / "whole")
    run = tmp_path / "killed"
    command = [sys.executable, "-m", "imgrestore", "train", "--recipe", "resnet-sr-x2", "--data", str(photo_folder)]
    command += ["--run", str(run), *(word for change in changes for word in ("--set", change))]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    for attempt in range(2):
        log = run / LOG
        process = subprocess.Popen(command + ["--resume"] * (attempt > 0), env=environment, stderr=subprocess.PIPE)
        wanted, end = 4 + 10 * attempt, time.monotonic() + 120
        while time.monotonic() < end and process.poll() is None:
            steps = [json.loads(x)["step"] for x in log.read_text().splitlines()] if log.exists() else [0]
            if max(steps, default=0) >= wanted:
                break
            time.sleep(0.005)
        assert process.poll() is None, process.stderr.read().decode()
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stderr.close()
    assert (run / CHECKPOINT).is_file() and not weights_path(recipe, run).exists()
    done = subprocess.run([*command, "--resume"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    whole, resumed = (
        load_weights(weights_path(recipe, folder))[0].state_dict() for folder in (tmp_path / "whole", run)
    )
    assert same(whole, resumed)
    assert not [path for path in run.iterdir() if path.name.startswith(".")]


def test_starting_from_earlier_weights(photo_folder: Path, tmp_path: Path) -> None:
    recipe = small("steps=2")
    finish(recipe, photo_folder, tmp_path / "x2")
    earlier = weights_path(recipe, tmp_path / "x2")
    training = Training(small("steps=2", name="resnet-sr-x4"), CPU)
    before = training.model.tail.weight.clone()
    training.start_from(earlier)
    assert torch.equal(training.model.head.weight, load_weights(earlier)[0].head.weight)
    assert torch.equal(training.model.tail.weight, before), "a layer of another shape stays fresh"
    with pytest.raises(WeightsError, match="nothing in it fits"):
        Training(small("width=4", "steps=1", name="resnet-sr-x4"), CPU).start_from(earlier)


def test_runs_are_not_mixed_up(photo_folder: Path, tmp_path: Path) -> None:
    recipe = small("steps=3")
    finish(recipe, photo_folder, tmp_path / "run")
    with pytest.raises(UsageError, match="already holds a run"):
        finish(recipe, photo_folder, tmp_path / "run")
    with pytest.raises(UsageError, match="no checkpoint"):
        finish(recipe, photo_folder, tmp_path / "other", resume=True)
    with pytest.raises(UsageError, match="was made with another recipe"):
        finish(small("steps=4"), photo_folder, tmp_path / "run", resume=True)
    (photo_folder / "0.png").rename(photo_folder / "0.txt")
    (photo_folder / "0.txt").write_text("gone")
    with pytest.raises(UsageError, match="was made with another data"):
        finish(recipe, photo_folder, tmp_path / "run", resume=True)
    with pytest.raises(UsageError, match="--start begins anew"):
        finish(recipe, photo_folder, tmp_path / "run", resume=True, start=tmp_path / "x")
    (tmp_path / "run" / CHECKPOINT).write_bytes(b"damaged")
    (photo_folder / "0.txt").unlink()
    with pytest.raises(WeightsError, match="damaged checkpoint"):
        finish(recipe, photo_folder, tmp_path / "run", resume=True)


def test_a_stop_at_the_last_step_still_gives_weights(photo_folder: Path, tmp_path: Path) -> None:
    recipe = small("steps=1")
    finish(recipe, photo_folder, tmp_path / "run", max_minutes=0)
    weights_path(recipe, tmp_path / "run").unlink()
    assert [p.step for p in train(recipe, photo_folder, tmp_path / "run", device=CPU, resume=True)] == [1]
    assert weights_path(recipe, tmp_path / "run").exists(), "resuming a finished run writes its weights again"


def test_nothing_is_written_when_the_data_is_bad(photo_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ImgrestoreError, match="no such folder"):
        finish(small("steps=3"), tmp_path / "missing", tmp_path / "run")
    with pytest.raises(ImgrestoreError, match="usable images"):
        finish(small("steps=3", "patch=400"), photo_folder, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_not_a_number_stops_the_run() -> None:
    training = Training(small("steps=3"), CPU)
    with pytest.raises(ComputeError, match="the loss is nan"):
        training.advance(torch.full((1, 3, 8, 8), torch.nan), torch.zeros(1, 3, 16, 16))


def test_learning_rate_warms_up_and_follows_a_cosine() -> None:
    recipe = small("steps=102", "learning_rate=1e-3", "warmup=2", "schedule.final=0.1")
    rates = [learning_rate(recipe, step) for step in range(102)]
    assert rates[0] == pytest.approx(5e-4) and rates[1] == pytest.approx(1e-3) and rates[2] == pytest.approx(1e-3)
    assert rates[52] == pytest.approx(0.55e-3)
    assert rates[-1] == pytest.approx(1e-4, rel=0.01)
