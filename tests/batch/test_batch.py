"""Batches that are stopped, go on, and give the bytes they would have given at once."""

import json
import os
import pkgutil
import random
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image as PillowImage
from typer.testing import CliRunner

import processes
from conftest import restore, statuses
from imgrestore.batch.job import Job
from imgrestore.batch.manifest import MANIFEST
from imgrestore.cli.app import app
from imgrestore.cli.outcome import resuming

OPTIONS = ["--model", "bicubic", "--scale", "2"]


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "imgrestore", "restore", *map(str, arguments)]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != MANIFEST}


def entries(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / MANIFEST).read_bytes().splitlines()]


@pytest.fixture
def photos(tmp_path: Path, photo, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of four photos; the current folder holds it."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "in"
    folder.mkdir()
    for i, ending in enumerate(("png", "jpg", "webp", "tif")):
        PillowImage.fromarray(photo(20 + i, 30, seed=i)).save(folder / f"{i}.{ending}")
    return folder


def test_what_is_done_is_not_done_again(photos: Path) -> None:
    assert restore("in", "-o", "out", *OPTIONS)[0] == 0
    before = {path.name: path.stat().st_mtime_ns for path in Path("out").iterdir()}
    code, records, said = restore("in", "-o", "out", "--resume", *OPTIONS)
    assert code == 0 and {record["status"] for record in records} == {"skipped"}
    assert "0 of 4 restored, 4 done before" in said
    assert before == {path.name: path.stat().st_mtime_ns for path in Path("out").iterdir()}, "nothing was written"
    finished = [entry for entry in entries(Path("out")) if entry["status"] == "done"]
    assert [entry["output"] for entry in finished] == ["0.png", "1.jpg", "2.webp", "3.tif"]
    for entry in finished:
        assert entry["size"] == Path(entry["input"]).stat().st_size and len(entry["sha256"]) == 64
        assert entry["output_size"] == Path("out", entry["output"]).stat().st_size


def test_what_has_changed_is_done_again(photos: Path) -> None:
    restore("in", "-o", "out", *OPTIONS)
    first = contents(Path("out"))
    os.utime("in/0.png")
    Path("out/1.jpg").unlink()
    os.truncate("out/2.webp", 10)
    content = bytearray(Path("in/3.tif").read_bytes())
    content[-1] ^= 255  # a pixel
    Path("in/3.tif").write_bytes(content)
    os.utime("in/3.tif", (0, 0))
    _, records, _ = restore("in", "-o", "out", "--resume", *OPTIONS)
    assert statuses(records) == ["0.png skipped", "1.jpg done", "2.webp done", "3.tif done"]
    second = contents(Path("out"))
    assert first["3.tif"] != second["3.tif"] and first | {"3.tif": b""} == second | {"3.tif": b""}
    shutil.move("in", "moved")
    assert {r["status"] for r in restore("moved", "-o", "out", "--resume", *OPTIONS)[1]} == {"skipped"}
    shutil.move("out", "away")
    assert {r["status"] for r in restore("moved", "-o", "away", "--resume", *OPTIONS)[1]} == {"skipped"}


@pytest.mark.parametrize(
    "change",
    [
        ["--strength", "0.5"],
        ["--scale", "3"],
        ["--model", "lanczos"],
        ["--depth", "16"],
        ["--background", "white"],
        ["--allow-damaged"],
        ["--strip-metadata"],
        ["--model", "w"],
    ],
)
def test_other_parameters_or_weights_do_it_again(photos: Path, change: list[str]) -> None:
    weights = next(Path(__file__).parents[2].glob("weights/resnet-sr-x2*"))
    shutil.copy(weights, "w.safetensors")
    change = [word if word != "w" else "w.safetensors" for word in change]
    for name in ("1.jpg", "2.webp", "3.tif"):
        (photos / name).unlink()
    base = ["--model", "w.safetensors"] if "w.safetensors" in change else OPTIONS
    restore("in", "-o", "out", *base)
    assert statuses(restore("in", "-o", "out", "--resume", *base)[1]) == ["0.png skipped"]
    if base is not OPTIONS:
        shutil.copy(next(weights.parent.glob("resnet-sr-x4*")), "w.safetensors")
    assert statuses(restore("in", "-o", "out", "--resume", *base, *change)[1]) == ["0.png done"]


def test_files_of_others_are_never_replaced(photos: Path) -> None:
    Path("out").mkdir()
    Path("out/1.jpg").write_text("mine")
    code, _, said = restore("in", "-o", "out", "--resume", *OPTIONS)
    assert code == 1 and "1.jpg: exists already, and the manifest does not know it" in said
    assert contents(Path("out")) == {"1.jpg": b"mine"} and not Path("out", MANIFEST).exists()
    assert restore("in", "-o", "out", "--resume", "--overwrite", *OPTIONS)[0] == 0
    assert Path("out/1.jpg").read_bytes() != b"mine"


def test_the_result_of_another_photo_is_not_replaced(photos: Path, photo) -> None:
    restore("in", "-o", "out", *OPTIONS)
    before = contents(Path("out"))
    shutil.copytree("in", "also")
    for name in ("1.jpg", "2.webp"):
        PillowImage.fromarray(photo(22, 30, seed=9)).save(f"also/{name}")
    code, _, said = restore("also", "-o", "out", "--resume", *OPTIONS)
    assert code == 1 and contents(Path("out")) == before
    assert f"out/1.jpg: exists already (and 1 more), and is the result of {photos}/1.jpg --overwrite" in said
    Path("link").symlink_to("in")
    shutil.copy("also/1.jpg", "in/1.jpg")
    Path("out/2.webp").unlink()
    Path("also/1.jpg").unlink()
    assert statuses(restore("link", "-o", "out", "--resume", *OPTIONS)[1])[-2:] == ["1.jpg done", "2.webp done"]
    other = [*OPTIONS, "--strength", "0.5"]
    assert statuses(restore("also/0.png", "-o", "out/", "--resume", *other)[1]) == ["0.png done"], "it was moved"
    code, records, _ = restore("also", "-o", "out", "--resume", "--overwrite", *OPTIONS)
    assert code == 0 and "2.webp done" in statuses(records)


@pytest.mark.parametrize("more", [[], ["--resume"], ["--overwrite"]])
def test_what_appears_while_a_batch_runs_stays(more: list[str], photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def by_another(job: Job, *_: object) -> None:
        if job.source.name == "1.jpg":
            job.destination.write_text("theirs")

    restore("in/2.webp", "-o", "out/", *OPTIONS)
    Path("out/2.webp").unlink()
    monkeypatch.setattr("imgrestore.batch.run._digest", by_another)
    code, records, said = restore("in/1.jpg", "in/2.webp", "-o", "out/", *more, *OPTIONS)
    known = b"1.jpg" in Path("out", MANIFEST).read_bytes()
    if "--overwrite" in more:
        assert code == 0 and known and statuses(records) == ["1.jpg done", "2.webp done"]
        return
    assert code == 1 and statuses(records) == ["1.jpg failed", "2.webp done"] and not known
    assert records[0]["error_code"] == "exists" and "out/1.jpg: exists already" in said
    assert Path("out/1.jpg").read_text() == "theirs"
    assert "manifest does not know it" in restore("in", "-o", "out", "--resume", *OPTIONS)[2]


def test_failures_are_tried_again_only_when_asked_to(photos: Path) -> None:
    content = Path("in/0.png").read_bytes()
    Path("in/0.png").write_bytes(content[:200])
    Path("in/text.png").write_text("text")
    first = restore("in", "-o", "out", *OPTIONS)
    assert first[0] == 1 and sorted(statuses(first[1]))[::4] == ["0.png failed", "text.png failed"]
    lines = len(entries(Path("out")))
    code, records, said = restore("in", "-o", "out", "--resume", *OPTIONS)
    assert code == 1 and "0.png failed" in statuses(records) and "--retry-failed" in said
    assert "0 of 5 restored, 3 done before, 2 failed" in said
    assert len(entries(Path("out"))) == lines
    code, records, said = restore("in", "-o", "out", "--resume", "--retry-failed", *OPTIONS)
    assert code == 1 and "0.png failed" in statuses(records) and "earlier run" not in said
    Path("in/0.png").write_bytes(content)
    assert "0.png done" in statuses(restore("in", "-o", "out", "--resume", *OPTIONS)[1])


def test_requests_that_cannot_be_resumed(photos: Path) -> None:
    for output in ([], ["-o", "x.png"]):
        assert "--resume needs a folder" in restore("in/0.png", *output, "--resume", *OPTIONS)[2]
    assert "belongs to --resume" in restore("in", "-o", "out", "--retry-failed", *OPTIONS)[2]
    assert [path.name for path in Path().iterdir()] == ["in"]


def test_a_dry_run_tells_what_failed_before(photos: Path) -> None:
    Path("in/cut.png").write_bytes(Path("in/0.png").read_bytes()[:500])
    assert restore("in", "-o", "out", *OPTIONS)[0] == 1
    for also in ([], ["--json"]):
        result = CliRunner().invoke(app, ["restore", "in", "-o", "out", "--resume", "-n", *also, *OPTIONS])
        assert result.exit_code == 1 and "(an earlier run)" in result.stderr
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert statuses(records) == [f"{name} skipped" for name in ("0.png", "1.jpg", "2.webp", "3.tif")] + [
        "cut.png failed"
    ]
    Path("out/0.png").unlink()
    _, (record,), _ = restore("in/0.png", "-o", "out/", "--resume", "-n", *OPTIONS)
    assert record["status"] == "planned" and record["output"] == "out/0.png" and not Path("out/0.png").exists()


def test_a_dry_run_tells_what_is_left(photos: Path) -> None:
    result = CliRunner().invoke(app, ["restore", "in", "-o", "out", "--resume", "-n", *OPTIONS])
    assert result.stdout.count("\n") == 4 and not Path("out").exists()
    restore("in", "-o", "out", *OPTIONS)
    Path("out/2.webp").unlink()
    result = CliRunner().invoke(app, ["restore", "in", "-o", "out", "--resume", "-n", *OPTIONS])
    assert result.stdout.startswith("in/2.webp -> ") and result.stdout.count("\n") == 1


@pytest.mark.parametrize("lines", [b'"done"', b'"status"'])
def test_a_manifest_that_cannot_be_written_ends_no_batch(
    lines: bytes, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int, line: bytes) -> None:
        if lines in line:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("imgrestore.batch.manifest._append", full)
    code, records, said = restore("in", "-o", "out", *OPTIONS)
    assert code == 0 and len(records) == 4 and said.count("--resume will not know of this input") == 4


@pytest.mark.parametrize("options", [OPTIONS, [], ["--strength", "0.5"], ["--format", "webp", "--quality", "60"]])
def test_a_photo_alone_gives_the_bytes_it_gives_in_a_folder(photos: Path, options: list[str]) -> None:
    restore("in", "-o", "out", *options)
    for path in sorted(photos.iterdir()):
        restore(path, "-o", "alone/", *options)
    assert len(contents(Path("out"))) == 4 and contents(Path("out")) == contents(Path("alone"))


def test_killed_at_any_moment_and_resumed(tmp_path: Path, photo) -> None:
    (tmp_path / "in").mkdir()
    for i in range(30):
        PillowImage.fromarray(photo(40 + i, 60, seed=i)).save(tmp_path / "in" / f"{i:02}.{'png' if i % 2 else 'jpg'}")
    assert restore(tmp_path / "in", "-o", tmp_path / "whole", "--task", "upscale", "--scale", "2")[0] == 0
    chance = random.Random(4)
    out = tmp_path / "out"
    resumed = command("in", "-o", "out", "--task", "upscale", "--scale", "2", "--resume")
    kills = 0

    def written() -> int:
        return (out / MANIFEST).stat().st_size if (out / MANIFEST).exists() else 0

    for _ in range(3):
        process = processes.start(resumed, cwd=tmp_path, stderr=subprocess.PIPE)
        before = written()
        while process.poll() is None and written() <= before:
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.15))
        kills += process.poll() is None
        process.kill()
        process.communicate()
        with (out / MANIFEST).open("ab") as file:
            file.write(b'{"status":"don')
    done = processes.run(resumed, cwd=tmp_path, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    assert kills and b"done before" in done.stderr
    assert contents(out) == contents(tmp_path / "whole"), "the same bytes, and nothing left over"
    last = {entry["output"]: entry["status"] for entry in entries(out)}
    assert len(last) == 30 and set(last.values()) == {"done"}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_an_interrupted_batch_says_how_to_go_on(photos: Path, photo, number: int, code: int) -> None:
    PillowImage.fromarray(photo(500, 500)).save("in/big one.png")
    shutil.move("in", "in put")
    process = processes.start(
        command("in put", "-o", "out", "--task", "denoise", "--tile", "16"), stderr=subprocess.PIPE
    )
    end = time.monotonic() + 60
    done = {"0.png", "1.jpg", "2.webp", "3.tif"}

    def at_the_last_one() -> bool:
        return Path("out").exists() and done <= set(os.listdir("out"))  # noqa: PTH208

    while time.monotonic() < end and not at_the_last_one():
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(number)
    stderr = process.communicate(timeout=30)[1].decode()
    assert process.returncode == code and "Traceback" not in stderr
    line = stderr.splitlines()[-1]
    assert line.startswith("interrupted: 4 of 5 restored; go on with: imgrestore restore 'in put' -o out")
    assert set(contents(Path("out"))) == done
    again = shlex.split(line.split("go on with: ")[1])
    assert again[-1] == "--resume"
    left = CliRunner().invoke(app, [*again[1:], "--dry-run"]).stdout
    assert left.startswith("in put/big one.png -> ") and left.count("\n") == 1


@pytest.fixture
def heeding_ctrl_c() -> Iterator[None]:
    """Heed an interrupt in this process, also if whoever started the tests had it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeding_ctrl_c")
@pytest.mark.parametrize("moment", ["files._link", "batch.ledger.Ledger.done", "cli.console.say"])
def test_what_has_its_name_is_noted_and_counted(moment: str, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted = pkgutil.resolve_name(f"imgrestore.{moment}")

    def interrupting(*arguments: object) -> None:
        interrupted(*arguments)
        if "2.webp" in str(arguments):
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(f"imgrestore.{moment}", interrupting)
    result = CliRunner().invoke(app, ["restore", "in", "-o", "out", *OPTIONS])
    assert result.exit_code == 130 and "interrupted: 3 of 4 restored" in result.stderr
    assert set(contents(Path("out"))) == {"0.png", "1.jpg", "2.webp"}
    assert statuses(restore("in", "-o", "out", "--resume", *OPTIONS)[1])[-2:] == ["2.webp skipped", "3.tif done"]
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler


def test_the_command_line_that_goes_on() -> None:
    assert resuming(["restore", "a b", "-o", "x"]) == "imgrestore restore 'a b' -o x --resume"
    assert resuming(["restore", "-o", "x", "--", "-a"]) == "imgrestore restore -o x --resume -- -a"
    assert resuming(["restore", "a", "--resume"]) == "imgrestore restore a --resume"


def test_memory_stays_flat(photos: Path, photo) -> None:
    for i in range(60):
        PillowImage.fromarray(photo(100, 120, seed=i)).save(f"in/many{i}.png")
    code = (
        "import re, sys\n"
        "from imgrestore.cli import outcome\n"
        "sizes, report = [], outcome.Outcome.report\n"
        "def watched(self, record):\n"
        "    report(self, record)\n"
        "    sizes.append(int(re.search(r'VmRSS:\\s+(\\d+)', open('/proc/self/status').read())[1]))\n"
        "outcome.Outcome.report = watched\n"
        "from imgrestore.cli.app import app\n"
        "app(sys.argv[1:], standalone_mode=False)\n"
        "sys.exit(sizes[-1] > 1.03 * sizes[15])\n"
    )
    arguments = ["-q", "restore", "in", "-o", "out", "--task", "upscale", "--scale", "2"]
    done = processes.run([sys.executable, "-c", code, *arguments], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    assert len(contents(Path("out"))) == 64
