"""The commands that measure training, pack photos, and visit a machine with a GPU."""

import importlib.util
import sys
import tarfile
import time
from pathlib import Path
from types import ModuleType

import pytest

from conftest import open_picture
from imgrestore.weights.storage import load_weights

ROOT = Path(__file__).parents[2]
SMALL = ["width=8", "blocks=1", "patch=12", "batch=2", "images=1", "log_every=1", "precision=fp32", "warmup=2"]


def program(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_of_training(photo_folder: Path, monkeypatch, capsys) -> None:
    changes = [word for change in SMALL for word in ("--set", change)]
    words = ["resnet-sr-x2", "--data", str(photo_folder), "--device", "cpu", "--steps", "1", "--rounds", "1", *changes]
    monkeypatch.setattr(sys, "argv", ["training.py", *words, "--against", str(ROOT / "src")])
    program("training").main()
    heads, _, cells = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert heads == "| recipe | ms a sample | of a step | steps/s | samples | steps |"
    assert cells.startswith("| resnet-sr-x2 | ") and all(float(cell) > 0 for cell in cells.split("|")[-3:-1])


def test_photos_are_packed_as_large_as_they_may_be(photo_folder: Path, tmp_path: Path, monkeypatch) -> None:
    pack = program("pack")
    monkeypatch.setattr(pack, "SIDES", (120, 60, 30))
    side, size = pack.pack(photo_folder, tmp_path / "all", 10**6)
    assert side == 120 and size == sum(path.stat().st_size for path in (tmp_path / "all").iterdir())
    side, smaller = pack.pack(photo_folder, tmp_path / "few", size - 1)
    assert side == 60 and smaller < size
    assert {max(open_picture(path).size) for path in (tmp_path / "few").iterdir()} == {60}
    assert len(list((tmp_path / "few").iterdir())) == 6
    with pytest.raises(SystemExit, match="6 photos do not fit"):
        pack.pack(photo_folder, tmp_path / "none", 100)


@pytest.mark.slow
def test_a_visit_and_another_that_goes_on(photo_folder: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    gpu = program("gpu")
    monkeypatch.setattr(gpu, "SETTLING", 1.0)
    monkeypatch.setattr(gpu, "PAUSE", 0.5)
    changes = [word for change in SMALL for word in ("--set", change)]

    def visit(*words: str) -> None:
        given = ["--minutes", "0.4", "--data", str(photo_folder), "--device", "cpu", "--tests", "", "--models"]
        monkeypatch.setattr(sys, "argv", ["gpu.py", "resnet-sr-x2=3", "resnet-sr-x4", *given, *changes, *words])
        with pytest.raises(SystemExit) as ended:
            gpu.main(time.monotonic)
        assert ended.value.code == 0

    began = time.monotonic()
    visit("--output", str(tmp_path / "first"))
    assert time.monotonic() - began < 0.4 * 60 + 5
    visit("--output", str(tmp_path / "second"), "--earlier", str(tmp_path / "first"))
    assert sorted(path.name for path in (tmp_path / "second").iterdir()) == ["resnet-sr-x2.tar", "resnet-sr-x4.tar"]
    assert capsys.readouterr().out.count("took over") == 2
    with tarfile.open(tmp_path / "second" / "resnet-sr-x2.tar") as file:
        file.extractall(tmp_path / "brought", filter="data")
    _, card = load_weights(tmp_path / "brought" / "resnet-sr-x2.safetensors")
    assert card.recipe["training"]["minutes"] < 0.31
    assert "Finished" in (tmp_path / "brought" / "run.html").read_text()


def test_what_a_visit_runs_is_kept_and_ends_in_time(tmp_path: Path, monkeypatch, capsys) -> None:
    gpu = program("gpu")
    visit = gpu.Visit(1, tmp_path, time.monotonic())
    assert visit.report("tests", ["-c", "print('fine')"]) and "fine" in (tmp_path / "tests.txt").read_text()
    assert not visit.report("engine", ["-c", "raise SystemExit('broken')"])
    assert "broken" in (tmp_path / "engine.txt").read_text()
    monkeypatch.setitem(gpu.SHARES, "engine", 0.02)
    assert not visit.report("engine", ["-c", "import time; print('begun', flush=True); time.sleep(60)"])
    assert "begun" in (tmp_path / "engine.txt").read_text() and "out of time" in capsys.readouterr().out


def test_a_recipe_that_fails_leaves_the_others_their_time(photo_folder: Path, tmp_path: Path, capsys) -> None:
    gpu = program("gpu")
    visit = gpu.Visit(1, tmp_path / "out", time.monotonic())
    recipe = gpu.load_recipe("resnet-sr-x2", [*SMALL, "patch=4000"])
    assert not visit.train(recipe, photo_folder, "cpu", None, 0.1)
    assert "resnet-sr-x2: FAILED, " in capsys.readouterr().out


def test_shares_are_of_the_time_that_is_left() -> None:
    shared = program("gpu").shared_out(["a=2", "b", "c"])
    assert shared == [("a", 0.5), ("b", 0.5), ("c", 1.0)]
