"""A dry run refuses what the run refuses, and forecasts what it takes from what was measured here."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image as PillowImage

from conftest import invoke
from imgrestore import __version__
from imgrestore.batch import run as running
from imgrestore.batch.calibration import Calibration, Forecast, calibration_file
from imgrestore.cli.dry_run import duration, told
from imgrestore.weights.cards import weights_folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photo) -> Path:
    PillowImage.fromarray(photo(320, 400)).save(tmp_path / "a.png")
    content = bytearray((weights_folder() / "resnet-denoise.safetensors").read_bytes())
    (tmp_path / "cut.safetensors").write_bytes(content[:-1000])
    (tmp_path / "pickled.pth").write_bytes(b"x")
    (tmp_path / "there.png").write_bytes(b"x")
    (tmp_path / "out" / ".imgrestore-manifest.jsonl").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.mark.parametrize(
    "options",
    [
        "--memory lots",
        "--memory 0",
        "--memory 1M -m resnet-sr",
        "--device gpu",
        "--device cuda:99",
        "--device mps",
        "--precision int8",
        "--precision bf17 -m resnet-denoise",
        "--tile 0",
        "--tile many",
        "--strength 2",
        "--strength nan",
        "--quality 0",
        "--quality high",
        "--depth 12",
        "--background mauve",
        "--format svg",
        "--format jpeg --depth 16",
        "-o x.svg",
        "-o x.png --format jpeg",
        "-o there.png",
        "-o a.png",
        "-o out",
        "-o there.png/x.png",
        "--name {stem}",
        "--name {stme}{ext}",
        "--name out{ext}",
        "--scale four",
        "--scale 0",
        "--scale 100",
        "--scale 2 --width 100",
        "--scale 5 -m resnet-sr",
        "--width 0",
        "--max-side 10 --min-side 20",
        "--crop 1,2,3",
        "--crop 0,0,9999,9999",
        "--max-pixels some",
        "--max-pixels 10",
        "-m bicubick",
        "-m cut.safetensors",
        "-m gone.safetensors",
        "-m pickled.pth",
        "-m bicubic+resnet-sr",
        "-t colourise",
        "-t denoise -m bicubic",
        "-t auto -s 5",
        "--resume",
        "--retry-failed",
        "--glob *.png",
        "-0",
        "--files-from gone.txt",
        "-o - --json",
        "-o - --preserve-times",
        "gone.png",
    ],
)
def test_a_dry_run_refuses_what_the_run_refuses(here: Path, options: str) -> None:
    arguments = ["restore", "a.png", *options.split()]
    dry, run = invoke(*arguments, "-n"), invoke(*arguments)
    assert dry[0] == run[0] != 0

    def errors(said: str) -> list[str]:
        lines = [line for line in said.splitlines() if " -> " not in line and not line.startswith("forecast")]
        return [line for line in lines if "restored" not in line]

    assert errors(dry[2]) == errors(run[2])


def test_a_dry_run_forecasts_from_what_was_measured(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_since", lambda began: 3.0)
    arguments = ["restore", "a.png", "-m", "bicubic", "--scale", "2"]
    assert "nothing like it was measured here yet" in invoke(*arguments, "-n")[2]
    assert not calibration_file().exists(), "a dry run measures nothing"
    assert invoke(*arguments, "-o", "1.png")[0] == 0
    assert "about 3 s (by one run; how far off that is, is not known yet)" in invoke(*arguments, "-n")[2]
    monkeypatch.setattr(running, "_since", lambda began: 4.0)
    assert invoke(*arguments, "-o", "2.png")[0] == 0
    _, stdout, said = invoke(*arguments, "-n", "--json")
    assert "forecast: about 4 s (forecasts were off by 25 % here)" in said
    forecast = json.loads(stdout)["forecast"]
    assert (forecast["seconds"], forecast["error"], forecast["disk"]) == (3.5, 0.25, 4 * 320 * 400 * 3)
    assert 0 < forecast["memory"] < 2**30
    half = invoke(*arguments, "-n", "--json", "--crop", "0,0,400,640")[1]
    assert json.loads(half)["forecast"]["seconds"] == pytest.approx(3.5 / 2)
    assert "nothing like it" in invoke("restore", "a.png", "-m", "lanczos", "-n")[2], "another model"
    assert "forecast" not in invoke("restore", "a.png", "-n", "-q", "-m", "lanczos")[1]


def test_what_cannot_be_kept_ends_nothing(here: Path) -> None:
    Path("cache").write_text("a file, where a folder should be")
    assert invoke("restore", "a.png", "-m", "bicubic", "-o", "b.png")[0] == 0
    Path("cache").unlink()
    file = calibration_file()
    file.parent.mkdir(parents=True)
    measured = [json.dumps({"version": __version__, "measured": each}) for each in ([], {"x": [[1]]}, {"x": 1})]
    for content in ("", "[]", "{}", '{"version": 1}', "[" * 10**5, *measured):
        file.write_text(content)
        assert "nothing like it was measured" in invoke("restore", "a.png", "-n", "-m", "bicubic")[2]
    shutil.rmtree("cache")


def test_calibration_remembers_the_last_batches(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    calibration = Calibration(path)
    assert calibration.seconds("net", 2) is None and calibration.error("net") is None
    calibration.add("net", 0.01, 5)
    assert calibration.seconds("net", 2) is None, "the start of a small batch says nothing"
    calibration.add("net", 1, 100)
    for _ in range(32):
        calibration.add("net", 2, 8)
    calibration.save()
    again = Calibration(path)
    assert again.seconds("net", 3) == pytest.approx(12) and again.error("net") == 0, "the slow one is forgotten"
    table = json.loads(path.read_text())
    path.write_text(json.dumps(table | {"version": "0.0.1"}))
    assert Calibration(path).seconds("net", 3) is None, "another version may be faster"


def test_forecasts_in_words() -> None:
    one = Forecast(60.0, 0.1, 2 * 10**8, 10**6)
    assert told([one, replace(one, seconds=660.0, error=0.2)]) == (
        "about 12 min (forecasts were off by 19 % here); up to 200 MB of memory for image data; "
        "up to 2 MB on disk, less what compression saves"
    )
    assert told([one, Forecast(None, None, None, 0)]).startswith(
        "about 60 s for 1 of 2 photos, and nothing like the others was measured here yet"
    )
    assert [duration(s) for s in (0.2, 89, 600, 9000)] == ["1 s", "89 s", "10 min", "2.5 h"]
