"""The command line as a user meets it: separate processes, exit codes, clean streams."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import typer
from PIL import Image as PillowImage

import processes
from conftest import invoke, open_picture
from imgrestore.cli.app import _common_options_first, app
from imgrestore.engine import prepare as preparing
from imgrestore.weights.cards import read_card, weights_folder


def run(*arguments: str | Path, stdin: bytes = b"", cwd: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "imgrestore", *map(str, arguments)]
    return processes.run(command, input=stdin, capture_output=True, cwd=cwd)


@pytest.fixture
def picture(tmp_path: Path, photo) -> Path:
    path = tmp_path / "a.png"
    PillowImage.fromarray(photo(40, 50)).save(path)
    return path


def test_streams_give_the_same_bytes_as_files(picture: Path, tmp_path: Path) -> None:
    to_file = run("restore", picture, "-o", tmp_path / "b.png", "--model", "bicubic", "--scale", "2")
    assert to_file.returncode == 0 and to_file.stdout == b""
    piped = run(
        "restore", "-", "-o", "-", "--model", "bicubic", "--scale", "2", "--format", "png", stdin=picture.read_bytes()
    )
    assert piped.returncode == 0
    assert piped.stdout == (tmp_path / "b.png").read_bytes()
    assert b"\x1b" not in piped.stderr, "no control codes where stderr is not a terminal"


def test_a_folder_with_bad_files(tmp_path: Path, photo) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("1.jpg", "2.jpg", "3.jpg", "broken.jpg"):
        PillowImage.fromarray(photo(200, 200)).save(folder / name)
    content = (folder / "broken.jpg").read_bytes()
    (folder / "broken.jpg").write_bytes(content[: len(content) // 2])
    (folder / "text.jpg").write_text("this is no image")
    (folder / "notes.txt").write_text("neither is this, and it does not claim to be")
    for inputs in ([folder], sorted(folder.glob("*.jpg"))):
        out = tmp_path / f"out{len(inputs)}"
        done = run("restore", *inputs, "-o", out, "--model", "resnet-sr", "--scale", "2", "--json")
        assert done.returncode == 1
        assert sorted(path.name for path in out.iterdir()) == [".imgrestore-manifest.jsonl", "1.jpg", "2.jpg", "3.jpg"]
        errors = [line for line in done.stderr.decode().splitlines() if line.startswith("error:")]
        assert len(errors) == 2 and "text.jpg" in errors[0] and "broken.jpg" in errors[1]
        records = [json.loads(line) for line in done.stdout.splitlines()]
        assert [record["status"] for record in records].count("done") == 3
        assert [record["status"] for record in records].count("failed") == 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["restore", "missing.png", "--model", "bicubic"], 1, "no such file"),
        (["restore", "a.png", "--model", "bicubick"], 2, "did you mean 'bicubic'"),
        (["restore", "a.png", "--model", "bicubic", "--task", "upscale"], 2, "leave one out"),
        (["restore", "a.png", "--task", "colourise"], 2, "no model for the task"),
        (["restore", "a.png", "--model", "bicubic", "--scale", "nan"], 2, "not an enlargement"),
        (["restore", "a.png", "--model", "bicubic", "--memory", "lots"], 2, "not a size"),
        (["restore", "a.png", "--model", "bicubic", "--device", "gpu"], 2, "no device is called"),
        (["restore", "a.png", "--model", "bicubic", "--precision", "int8"], 2, "no precision"),
        (["restore", "a.png", "--model", "bicubic", "--strength", "2"], 2, "strength must be"),
        (["restore", "a.png", "--model", "bicubic", "--json", "-o", "-"], 2, "both go to standard output"),
        (["restore", "a.png", "--device", "gpu"], 2, "no device is called"),
        (["restore", "a.png", "missing.png", "--precision", "bf17", "--json"], 2, "no precision"),
        (["restore", "a.png", "-o", "x.png", "--name", "{stem}_x{ext}"], 2, "--name names results in folders"),
        (
            ["-q", "evaluate", "--model", "unsharp", "--data", ".", "--require", "psnr > 90"],
            1,
            "not met: unsharp: psnr",
        ),
        (["restore", "a.png", "--nonsense"], 2, "there is no option --nonsense"),
        (["restore"], 2, "no input"),
        (["train", "--recipe", "resnet-sr-x4", "--data", "missing"], 1, "no such folder"),
        (["train", "--recipe", "resnet-sr-x4", "--data", ".", "--set", "stpes=3"], 2, "did you mean 'steps'"),
        (["evaluate", "--model", "bicubic", "--data", ".", "--protocol", "yuv"], 2, "no protocol"),
        (["evaluate", "--model", "bicubic", "--data", ".", "--require", "x"], 2, "not understood"),
        (["evaluate", "--model", "unsharp", "--data", ".", "--scale", "2"], 2, "keeps the size"),
        (["evaluate", "--model", "unsharp", "--data", ".", "--degrade", "fog"], 2, "no degradation is named 'fog'"),
        (["evaluate", "--model", "unsharp", "--data", ".", "--sigma", "256"], 2, "between 0 and 255"),
        (["evaluate", "--model", "unsharp", "--data", ".", "--lq", ".", "--sigma", "9"], 2, "nothing degrades them"),
        (["evaluate", "--model", "bicubic", "--data", ".", "--scale", "2", "--csv", "--json"], 2, "use one of them"),
        (["compare", "a.png", "--model", "bicubic", "-o", "x.jpg"], 2, "is a PNG"),
        (["compare", "a.png", "--model", "bicubic", "-o", "a.png"], 1, "exists already"),
        (["models", "info", "resnet-sq"], 2, "did you mean 'resnet-sr'"),
        (["models", "info", "resnet-sr-fasd"], 2, "did you mean 'resnet-sr-fast'"),
        (["recipes", "show", "resnet"], 2, "no recipe is named"),
    ],
)
def test_mistakes_get_one_line_and_a_code(
    picture: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, message: str
) -> None:
    monkeypatch.chdir(picture.parent)
    found, stdout, error = invoke(*arguments)
    assert found == code and message in error and stdout == ""
    assert [path.name for path in picture.parent.iterdir()] == ["a.png"], "nothing was written"


def test_common_options_may_stand_anywhere(picture: Path) -> None:
    assert run("restore", picture, "--model", "bicubic", "-q").stderr == b""
    assert (
        run("restore", "-rq0vn", picture, "--model", "bicubic", "--overwrite", "--files-from", os.devnull).stderr == b""
    )
    done = run("restore", picture, "--model", "bicubick", "--debug")
    assert done.returncode == 2 and b"Traceback" in done.stderr


def test_every_flag_of_one_letter_can_stand_in_a_bundle() -> None:
    def flags(command: Any) -> set[str]:
        below = (flags(child) for child in getattr(command, "commands", {}).values())
        own = {o for p in command.params if getattr(p, "is_flag", False) for o in p.opts if len(o) == 2}
        return own.union(*below)

    assert flags(typer.main.get_command(app)) == {"-0", "-n", "-r", "-q", "-v"}
    assert _common_options_first(["-rqn", "-oq", "--", "-rq"]) == ["-q", "-r", "-n", "-oq", "--", "-rq"]


INTERRUPTED = """
from imgrestore.batch import inputs
from imgrestore.cli import app

def stopped(*_, **__):
    raise KeyboardInterrupt

inputs.find_images = stopped
app.main()
"""


def test_an_interrupted_plan_says_so(tmp_path: Path) -> None:
    command = [sys.executable, "-c", INTERRUPTED, "restore", str(tmp_path)]
    done = processes.run(command, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"interrupted\n")


def test_names_cannot_command_the_terminal(tmp_path: Path) -> None:
    name = "a\x1b[31m\nerror: b:cat:.jpg"
    (tmp_path / name).write_text("text")
    done = run("restore", name, "--model", "bicubic", cwd=tmp_path)
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 2 and "\\x1b[31m\\nerror: b:cat:.jpg: not an image" in lines[0]


def test_errors_as_printed(picture: Path) -> None:
    done = run("restore", picture, "--model", "bicubick")
    assert done.returncode == 2 and done.stdout == b""
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 2 and lines[0].startswith("error: ") and lines[1].startswith("hint: ")


def test_a_reader_that_goes_away_ends_quietly(picture: Path) -> None:
    restore = f"{sys.executable} -m imgrestore restore {picture} -o - --model bicubic --scale 20 --format png"
    done = processes.run(["bash", "-c", f"{restore} | head -c 10"], capture_output=True)
    assert len(done.stdout) == 10 and b"Traceback" not in done.stderr and b"Exception" not in done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_work_leaves_nothing_behind(tmp_path: Path, photo, number: signal.Signals, code: int) -> None:
    """A signal that was ignored at the start stays so."""
    PillowImage.fromarray(photo(600, 600)).save(tmp_path / "a.png")
    asked = ["--task", "upscale", "--scale", "4", "--tile", "16"]
    command = [sys.executable, "-m", "imgrestore", "restore", "a.png", "-o", "b.png", *asked]
    other = signal.SIGTERM if number == signal.SIGINT else signal.SIGINT
    process = processes.start(processes.ignoring(other, command), cwd=tmp_path, stderr=subprocess.PIPE)
    end = time.monotonic() + 60
    while time.monotonic() < end and not any(path.name.startswith(".") for path in tmp_path.iterdir()):
        assert process.poll() is None, process.stderr.read().decode()
        time.sleep(0.01)
    process.send_signal(other)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.3)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == code and b"Traceback" not in stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_inputs_are_never_touched_and_outputs_need_permission(picture: Path) -> None:
    before = picture.read_bytes()
    assert invoke("restore", picture, "-o", picture, "--overwrite", "--model", "bicubic")[0] == 2
    assert picture.read_bytes() == before
    assert invoke("restore", picture, "--model", "bicubic")[0] == 0
    assert invoke("restore", picture, "--model", "bicubic")[0] == 1
    assert invoke("restore", picture, "--model", "bicubic", "--overwrite")[0] == 0


def test_every_saving_option_changes_the_result(picture: Path, tmp_path: Path) -> None:
    def size(name: str, *options: str) -> int:
        code, _, error = invoke("restore", picture, "-o", tmp_path / name, "--model", "bicubic", *options)
        assert code == 0, error
        return (tmp_path / name).stat().st_size

    assert size("1.jpg", "--quality", "20") < size("2.jpg") and size("3.jpg", "--subsampling") < size("4.jpg")
    assert size("5.webp") < size("6.webp", "--lossless")
    size("7.png", "--strength", "0")
    assert open_picture(tmp_path / "7.png").size == (100, 80)


def test_dry_run_writes_nothing(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(picture.parent)
    code, stdout, _ = invoke("restore", "a.png", "--task", "upscale", "--dry-run")
    assert code == 0 and stdout == "a.png -> a_resnet-sr_4x.png (50x40 -> 200x160, png)\n"
    assert [path.name for path in picture.parent.iterdir()] == ["a.png"]


def test_lists_and_facts() -> None:
    code, stdout, _ = invoke("models", "list", "--json")
    names = [json.loads(line)["model"] for line in stdout.splitlines()]
    assert code == 0 and len(names) == len(set(names)) and {"bicubic", "lanczos", "nearest", "resnet-sr"} <= set(names)
    assert "resnet-sr" in invoke("models", "list")[1]
    assert "Apache-2.0" in invoke("models", "info", "resnet-sr")[1]
    assert "resnet-sr-x4" in invoke("recipes", "list")[1]
    assert "steps = 7" in invoke("recipes", "show", "resnet-sr-x4", "--set", "steps=7")[1]
    assert json.loads(invoke("recipes", "schema")[1])["title"] == "imgrestore recipe"
    assert invoke("--version")[1].startswith("imgrestore ")
    assert "libvips" in invoke("doctor")[1]


def test_what_was_held_back_is_told(photo_folder: Path, tmp_path: Path) -> None:
    def told(name: str, *options: str) -> dict[str, Any]:
        code, stdout, stderr = invoke(
            "restore", photo_folder / "0.png", "-o", tmp_path / name, "--model", "unsharp", "--json", *options
        )
        assert code == 0, stderr
        return json.loads(stdout)

    held, bare = told("held.png"), told("bare.png", "--no-guard")
    assert 0 < held["guard"]["share"] <= 1 and 0 <= held["guard"]["strength"] < 1
    assert bare["guard"] is None and bare["settings"]["guard"] is False and not bare["warnings"]
    assert told("larger.png", "--model", "bicubic", "--scale", "2")["guard"] is None


def test_shipped_weights_are_those_listed() -> None:
    code, stdout, _ = invoke("models", "verify")
    assert code == 0 and stdout.count("ok resnet-sr-x") == 2


def test_weights_that_are_listed_but_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = "0" * 64 + "  gone.safetensors\n"
    (tmp_path / "SHA256SUMS").write_text(listed)
    monkeypatch.setattr("imgrestore.cli.models.weights_folder", lambda: tmp_path)
    code, _, stderr = invoke("models", "verify")
    assert code == 1 and "gone.safetensors: is missing" in stderr


def test_evaluate_prints_tables_and_holds_gates(photo_folder: Path) -> None:
    arguments = ["evaluate", "--model", "resnet-sr", "--scale", "2", "--data", photo_folder]
    code, stdout, stderr = invoke(*arguments, "--json", "--require", "psnr >= nearest - 90")
    table = json.loads(stdout)
    assert code == 0 and table["means"].keys() == {"nearest", "bicubic", "resnet-sr"} and table["images"] == 6
    assert "BT.601" in stderr and "met: resnet-sr" in stderr
    assert invoke(*arguments, "--require", "psnr >= bicubic + 90")[0] == 1
    assert invoke(*arguments, "--model", "bicubic", "--require", "psnr > bicubic")[0] == 0
    assert invoke(*arguments, "--csv")[1].startswith("image,method,psnr,ssim,ms_ssim\n")
    assert invoke(*arguments, "--markdown")[1].startswith("| method | psnr |")


def test_evaluate_degrades_as_told(photo_folder: Path) -> None:
    arguments = ["evaluate", "--model", "unsharp", "--data", photo_folder, "--json"]
    code, standard, stderr = invoke(*arguments, "--classical")
    assert code == 0 and "degraded for deblur x1 gaussian-blur:sigma=1.6 sigma 2;" in stderr
    assert [*json.loads(standard)["means"]] == ["input", "richardson-lucy-told-kernel", "unsharp"]
    told = ["--degrade", "gaussian-blur:sigma=1.6", "--sigma", "2"]
    code, same, _ = invoke(*arguments, "--classical", *told)
    assert (code, same) == (0, standard)
    without = json.loads(invoke(*arguments, *told[:2])[1])["means"]
    assert "--classical measures nothing here" in invoke(*arguments, "--classical", "--degrade", "jpeg")[2]
    assert [*without] == ["input", "unsharp"] and without["unsharp"]["psnr"] > without["input"]["psnr"] + 1


def test_scores_are_recorded_beside_those_of_other_low_quality_images(photo_folder: Path, tmp_path: Path) -> None:
    weights = tmp_path / "mine.safetensors"
    weights.write_bytes((weights_folder() / "resnet-denoise.safetensors").read_bytes())
    before = read_card(weights).scores
    arguments = ["evaluate", "--model", weights, "--data", photo_folder, "--record"]
    assert invoke(*arguments)[0] == 0
    stderr = invoke(*arguments, "--lq", photo_folder)[2]
    assert "photos: 6 images, low quality from photos;" in stderr
    assert [score["data"] for score in read_card(weights).scores[len(before) :]] == [
        "photos sigma 25",
        "photos, low quality from photos",
    ]


def test_a_precision_is_measured_once(photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = tmp_path / "mine.safetensors"
    weights.write_bytes((weights_folder() / "resnet-denoise.safetensors").read_bytes())
    made: list[dict[str, object]] = []
    prepare = preparing.prepare

    def noted(choice, **options: object):
        made.append(options)
        return prepare(choice, **options)

    monkeypatch.setattr(preparing, "prepare", noted)
    options = ["--precision", "bf16", "--tile", "64", "--memory", "300M"]
    assert invoke("evaluate", "--model", weights, "--data", photo_folder, "--record", *options)[0] == 0
    told = {"device": "auto", "tile": (64, 64), "memory": 300 * 2**20, "strength": 1.0, "guard": False}
    assert made == [told | {"precision": "bf16"}, told | {"precision": "fp32"}]


def test_clean_images_can_be_given(photo_folder: Path) -> None:
    output = json.loads(invoke("evaluate", "-m", "resnet-denoise", "-d", photo_folder, "--sigma", "0", "--json")[1])
    assert output["means"]["input"]["psnr"] == "inf" and output["means"]["resnet-denoise"]["psnr"] > 30


def test_compare_writes_a_picture(picture: Path, tmp_path: Path) -> None:
    arguments = ["compare", picture, "--model", "resnet-sr", "--model", "lanczos", "--scale", "2", "--degrade"]
    assert invoke(*arguments, "-o", tmp_path / "sheet.png")[0] == 0
    assert open_picture(tmp_path / "sheet.png").size[0] > 1500


def test_training_from_the_command_line(photo_folder: Path, tmp_path: Path) -> None:
    settings = ["width=8", "blocks=1", "patch=12", "batch=2", "steps=4", "images=1"]
    arguments = ["train", "--recipe", "resnet-sr-x2", "--data", photo_folder, "--output", tmp_path / "run", "--json"]
    arguments += [word for setting in settings for word in ("--set", setting)]
    code, stdout, stderr = invoke(*arguments, "--max-minutes", "0")
    assert code == 0 and "stopped at step 1 of 4" in stderr and "--resume" in stderr
    code, stdout, _ = invoke(*arguments, "--resume")
    assert code == 0 and json.loads(stdout.splitlines()[-1])["step"] == 4
    assert "trained 4 steps" in invoke(*arguments, "--resume")[2]
    weights = tmp_path / "run" / "resnet-sr-x2.safetensors"
    assert invoke("evaluate", "--model", weights, "--data", photo_folder, "--record")[0] == 0
    assert "bf16 costs" in invoke("models", "info", weights)[1]
    chain = f"{weights_folder() / 'resnet-denoise.safetensors'}+{weights}"
    before = weights.read_bytes()
    for untouched in ("resnet-sr", chain):
        code, _, stderr = invoke("evaluate", "--model", untouched, "--scale", 2, "--data", photo_folder, "--record")
        assert code == 0 and "warning" in stderr and weights.read_bytes() == before
    assert invoke("restore", photo_folder / "0.png", "--model", weights, "-o", tmp_path / "x.png")[0] == 0
    assert open_picture(tmp_path / "x.png").size == (240, 200)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--set", "stesp=3"], 2, "did you mean 'steps'"),
        (["--set", "schedule.kind=cosin"], 2, "did you mean 'cosine'"),
        (["--set", "batch=0"], 2, "'data.batch'"),
        (["--set", "loss.0.kind=l7"], 2, "no loss is named 'l7'"),
        (["--recipe", "resnet-sr-x3"], 2, "did you mean 'resnet-sr-x"),
        (["--data", "missing"], 1, "missing: no such folder"),
        (["--data", "empty"], 1, "empty: holds no image"),
        (["--cache", "much"], 2, "--cache much: not a size"),
        (["--resume"], 2, "holds no checkpoint"),
        (["--weights", "none.safetensors"], 1, "none.safetensors"),
        (["--device", "gpu"], 2, "no device is called 'gpu'"),
    ],
)
def test_training_that_cannot_start_says_why_in_one_line(
    arguments: list[str], code: int, message: str, photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    given = ["train", "--recipe", "resnet-sr-x2", "--data", photo_folder, "-o", "run", "--device", "cpu", *arguments]
    settings = ("width=8", "blocks=1", "patch=12", "images=1", "steps=2")
    given += ["--workers", "0", *(word for setting in settings for word in ("--set", setting))]
    ended, stdout, stderr = invoke(*given)
    assert ended == code and not stdout
    assert message in stderr and "\n" not in stderr.strip(), stderr
    assert not (tmp_path / "run").exists() and not (tmp_path / "runs").exists()


def test_one_corrupt_image_is_named_and_left_out(photo_folder: Path, tmp_path: Path) -> None:
    (photo_folder / "bad.png").write_bytes((photo_folder / "0.png").read_bytes()[:200])
    given = ["train", "--recipe", "resnet-sr-x2", "--data", photo_folder, "-o", tmp_path / "run", "--workers", "0"]
    given += [w for s in ("width=8", "blocks=1", "patch=12", "steps=2", "images=1") for w in ("--set", s)]
    code, stdout, stderr = invoke(*given, "--check")
    assert code == 0 and "files that cannot be used" in stdout and not (tmp_path / "run").exists()
    assert sum("bad.png" in line for line in stderr.splitlines()) == 1
    code, _, stderr = invoke(*given)
    assert code == 0 and sum("bad.png" in line for line in stderr.splitlines()) == 1 and "trained 2 steps" in stderr


def test_inputs_from_a_list(photo_folder: Path, tmp_path: Path) -> None:
    wanted = [photo_folder / "0.png", photo_folder / "more" / "5.png"]
    odd = photo_folder / "two\nlines.png"
    odd.write_bytes(wanted[0].read_bytes())
    lines, zeros = tmp_path / "lines.txt", tmp_path / "zeros.txt"
    lines.write_text("".join(f"{path}\n" for path in wanted))
    zeros.write_bytes(b"\0".join(str(path).encode() for path in [*wanted, odd]) + b"\0")
    arguments = ["restore", "--model", "bicubic", "--max-side", "150", "-o", tmp_path / "out", "--dry-run"]
    assert invoke(*arguments, "--files-from", lines)[1].count("->") == 4
    assert invoke(*arguments, "--files-from", zeros, "-0")[1].count("-> 150x") == 3
    code, _, error = invoke(*arguments, "--files-from", zeros)
    assert code == 2 and "holds names that end in NUL give -0" in error
    assert invoke(*arguments, "--files-from", tmp_path / "none")[0] == 1
    assert invoke(*arguments, "--scale", "2", "--width", "9", wanted[0])[0] == 2
    assert invoke("restore")[0] == 2


def test_results_beside_their_photos_are_not_restored_again(tmp_path: Path, photo) -> None:
    photos = {"a.png", "a_b.jpg", "a_restored.png"}
    for name in photos:
        PillowImage.fromarray(photo(8, 9)).save(tmp_path / name)

    def inputs(*arguments: str | Path) -> set[str]:
        code, stdout, _ = invoke("restore", *arguments, "--model", "bicubic", "--scale", "3", "--dry-run")
        assert code == 0
        return {Path(line.split(" -> ")[0]).name for line in stdout.splitlines()}

    assert invoke("restore", tmp_path, "--model", "bicubic", "--scale", "2")[0] == 0
    assert len(list(tmp_path.iterdir())) == 6 and inputs(tmp_path) == photos
    assert "left out as results of earlier runs: 3;" in invoke("restore", tmp_path, "--model", "nearest", "-n")[2]
    assert inputs(tmp_path, tmp_path / "a_bicubic_2x.png") == photos | {"a_bicubic_2x.png"}
    assert len(inputs(tmp_path, "-o", tmp_path / "out")) == 6
    for name in photos:
        (tmp_path / name).unlink()
    assert inputs(tmp_path) == {"a_bicubic_2x.png", "a_b_bicubic_2x.jpg", "a_restored_bicubic_2x.png"}


def test_a_file_called_like_a_stream(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(picture.parent)
    code, stdout, _ = invoke("restore", "a.png", "-o", "./-", "--model", "bicubic")
    assert code == 0 and stdout == "" and Path("-/a.png").is_file()
    Path("-").rename("folder")
    Path("a.png").rename("-")
    assert invoke("restore", "./-", "-o", "b.png", "--model", "bicubic")[0] == 0
    assert open_picture(Path("b.png")).size == (100, 80)
    Path("list").write_text("./-\n")
    assert invoke("restore", "--files-from", "list", "-o", "out/", "--model", "bicubic")[0] == 0


def test_a_crop_is_a_part_of_the_full_result(picture: Path, tmp_path: Path) -> None:
    arguments = ["restore", picture, "--scale", "2", "--precision", "fp32"]
    assert invoke(*arguments, "-o", tmp_path / "whole.png")[0] == 0
    code, _, stderr = invoke(*arguments, "-o", tmp_path / "part.png", "--crop", "30,20,40,33")
    assert code == 0 and "(40x33" in stderr
    whole, part = (np.asarray(open_picture(tmp_path / name)) for name in ("whole.png", "part.png"))
    assert np.array_equal(part, whole[20:53, 30:70])
    assert invoke(*arguments, "--crop", "30,20,400,33")[0] == 1
    assert invoke(*arguments, "--crop", "30,20,40")[0] == 2


def test_pickled_weights_are_not_even_opened(picture: Path, tmp_path: Path) -> None:
    harmful = tmp_path / "model.pth"
    harmful.write_bytes(b"cos\nsystem\n(S'touch harmed'\ntR.")
    code, _, stderr = invoke("restore", picture, "--model", harmful)
    assert code == 1 and "only weights in the safetensors format" in stderr
    harmful.rename(tmp_path / "model.safetensors")
    assert invoke("restore", picture, "--model", tmp_path / "model.safetensors")[0] == 1


def test_info_says_what_a_file_holds(picture: Path) -> None:
    stdout = invoke("info", picture)[1]
    assert "png, 50x40, RGB, uint8" in stdout and "not made by imgrestore" in stdout
    assert json.loads(invoke("info", picture, "--json")[1])["made_by"] is None
    assert invoke("info", picture.with_name("none.png"))[0] == 1


def test_info_shows_what_restore_would_refuse(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imgrestore.codecs.ReadOptions.max_pixels", 100)
    assert "50x40" in invoke("info", picture)[1], "a result may be larger than an input"
    moving = picture.with_name("moving.webp")
    frames = [PillowImage.new("RGB", (9, 9), colour) for colour in ("red", "blue")]
    frames[0].save(moving, save_all=True, append_images=frames[1:])
    code, stdout, stderr = invoke("info", moving)
    assert code == 0 and "webp, 9x9" in stdout and "holds 2 frames" in stderr


def test_what_is_accepted_of_a_file(picture: Path, tmp_path: Path, photo) -> None:
    frames = [PillowImage.fromarray(photo(20, 30, seed=i)) for i in range(2)]
    animation, damaged = tmp_path / "moving.gif", tmp_path / "cut.jpg"
    frames[0].save(animation, save_all=True, append_images=frames[1:])
    PillowImage.fromarray(photo(200, 200)).save(damaged)
    damaged.write_bytes(damaged.read_bytes()[:-3000])
    arguments = ["restore", "--model", "bicubic", "-o", tmp_path / "out.png", "--overwrite"]
    for path, option in ((animation, "--first-frame"), (damaged, "--allow-damaged")):
        assert invoke(*arguments, path)[0] == 1
        assert invoke(*arguments, path, option)[0] == 0
    code, _, stderr = invoke(*arguments, picture, "--max-pixels", "1k")
    assert code == 1 and "--max-pixels 2000" in stderr
    assert invoke(*arguments, picture, "--max-pixels", "none")[0] == 0
    assert invoke(*arguments, picture, "--max-pixels", "many")[0] == 2


@pytest.mark.parametrize("extension", ["png", "jpg", "tif", "webp"])
def test_results_say_how_they_were_made(extension: str, picture: Path, tmp_path: Path) -> None:
    out = tmp_path / f"out.{extension}"
    arguments = ["restore", picture, "--scale", "2", "--strength", "0.5", "-o", out, "--overwrite"]
    assert invoke(*arguments)[0] == 0
    made = json.loads(invoke("info", out, "--json")[1])["made_by"]
    assert made["model"] == "resnet-sr" and len(made["weights"]) == 64
    assert made["parameters"]["strength"] == 0.5 and made["parameters"]["width"] == 100
    assert "made by imgrestore" in invoke("info", out)[1]
    for option in ("--no-stamp", "--strip-metadata"):
        assert invoke(*arguments, option)[0] == 0
        assert (json.loads(invoke("info", out, "--json")[1])["made_by"] is None) == (option == "--no-stamp")


def test_names_that_are_empty_or_given_twice(tmp_path: Path, photo) -> None:
    path = tmp_path / "x.png"
    PillowImage.fromarray(photo(8, 8)).save(path)
    code, _, stderr = invoke("restore", "", "-m", "nearest")
    assert code == 2 and "the name of an input is empty" in stderr
    code, _, stderr = invoke("restore", path, "-o", "", "-m", "nearest")
    assert code == 2 and "--output is empty" in stderr
    assert invoke("restore", path, path, "-o", tmp_path / "out", "-m", "nearest")[0] == 0
    assert [entry.name for entry in (tmp_path / "out").glob("*.png")] == ["x.png"]
    assert invoke("restore", path, "--strength", "1.5", "--dry-run")[0] == 2


def test_samples_that_are_no_numbers_are_not_rounded(tmp_path: Path) -> None:
    samples = np.full((4, 4, 3), 0.5, np.float32)
    samples[1, 1] = np.nan
    tifffile.imwrite(tmp_path / "x.tif", samples, photometric="rgb")
    code, _, stderr = invoke("restore", tmp_path / "x.tif", "-m", "nearest", "--depth", "8", "-o", tmp_path / "y.tif")
    assert code == 1 and "not numbers" in stderr and not (tmp_path / "y.tif").exists()
