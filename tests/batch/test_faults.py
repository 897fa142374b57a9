"""What goes wrong on real machines: full disks, odd names, pipes, links in circles, signals in the middle of a step."""

import io
import json
import math
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import namedtuple
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage
from typer.testing import CliRunner

import processes
from imgrestore import files
from imgrestore.batch.manifest import MANIFEST
from imgrestore.batch.plan import plan
from imgrestore.batch.request import Request
from imgrestore.batch.space import forecast, shown
from imgrestore.cli import signals
from imgrestore.cli.app import app
from imgrestore.cli.outcome import resuming
from imgrestore.codecs import find_images, read_image
from imgrestore.codecs.reading import pipes
from imgrestore.codecs.writing import vips
from imgrestore.errors import ImgrestoreError, InputError, OutputError
from imgrestore.weights.catalogue import choose

OPTIONS = ["--model", "bicubic", "--scale", "2"]


def restore(*arguments: str | Path) -> tuple[int, str, str]:
    """Restore in this process and return the exit code and both streams."""
    result = CliRunner().invoke(app, ["restore", *map(str, arguments)])
    if isinstance(result.exception, ImgrestoreError):
        return 1, result.stdout, f"{result.stderr}error: {result.exception}\nhint: {result.exception.hint}\n"
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "imgrestore", "restore", *map(str, arguments)]


def unfinished(folder: Path) -> list[Path]:
    return [path for path in folder.rglob(f"{files.TEMPORARY_PREFIX}*") if path.name != MANIFEST]


@pytest.fixture
def photos(tmp_path: Path, photo: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of three photos in the current folder."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "in"
    folder.mkdir()
    for i, name in enumerate(("a.png", "b.jpg", "c.tif")):
        PillowImage.fromarray(photo(20 + i, 30, seed=i)).save(folder / name)
    return folder


@pytest.fixture
def files_of_20_kilobytes() -> Iterator[None]:
    """Let no file of this process grow beyond 20,000 bytes, as on a disk that fills up."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("format_name", ["png", "jpeg", "tiff", "webp"])
def test_a_disk_that_fills_up_loses_no_old_output(
    format_name: str, photos: Path, photo: Callable[..., Any], files_of_20_kilobytes: None
) -> None:
    PillowImage.fromarray(np.random.default_rng(0).integers(0, 256, (90, 90, 3), np.uint8)).save(photos / "b.jpg")
    ending = {"png": "png", "jpeg": "jpg", "tiff": "tif", "webp": "webp"}[format_name]
    old = Path("out", "b.jpg" if ending == "jpg" else f"b.{ending}")
    old.parent.mkdir()
    old.write_text("old")
    lossless = ["--lossless"] if format_name == "webp" else ["--quality", "100"]
    code, _, stderr = restore("in", "-o", "out", "--overwrite", "--format", format_name, *lossless, *OPTIONS)
    assert code == 1 and stderr.count("error:") == 1 and "2 of 3 restored, 1 failed" in stderr
    assert old.read_text() == "old" and len(list(Path("out").glob("[ac].*"))) == 2
    assert not unfinished(Path("out"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("arguments", [["in/a.png", "-o", "-"], ["in", "-o", "out", "--json"]])
def test_a_full_disk_behind_standard_output(arguments: list[str], photos: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = processes.run(command(*arguments, *OPTIONS), stdout=full, stderr=subprocess.PIPE)
    stderr = done.stderr.decode()
    assert done.returncode == 1 and "standard output: cannot be written (No space left on device)" in stderr
    assert "Traceback" not in stderr and "Exception" not in stderr


@pytest.mark.parametrize("arguments", [["in/a.png", "-o", "-"], ["in", "-o", "out", "--json"]])
def test_a_reader_that_goes_away_is_left_in_peace(arguments: list[str], photos: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = processes.run(command(*arguments, "-q", *OPTIONS), stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert done.returncode == 141 and not done.stderr
    assert not Path("out").exists() or not unfinished(Path("out"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize(("unread", "more"), [(True, ["--debug"]), (False, [])], ids=["nobody reads", "a full disk"])
def test_work_goes_on_without_standard_error(unread: bool, more: list[str], photos: Path) -> None:
    Path("in/text.png").write_text("no image")
    for arguments, code in ((["in", "-o", "out", "--json", *OPTIONS, *more], 1), (["in", "--scale", "nan", *more], 2)):
        handle = without_a_reader() if unread else os.open("/dev/full", os.O_WRONLY)
        done = processes.run(command(*arguments), stdout=subprocess.PIPE, stderr=handle)
        os.close(handle)
        assert done.returncode == code
        statuses = [json.loads(line)["status"] for line in done.stdout.splitlines()]
        assert statuses == (["failed", "done", "done", "done"] if code == 1 else [])


def without_a_reader() -> int:
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def test_a_reader_of_a_table_that_goes_away_is_left_in_peace() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    listing = [sys.executable, "-m", "imgrestore", "models", "list"]
    done = processes.run(listing, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert done.returncode == 141 and not done.stderr


def test_memory_that_runs_out_is_told_as_such(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from imgrestore.engine.restorer import Restorer

    def crowded(*_: object) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory: you tried to")

    monkeypatch.setattr(Restorer, "stream", crowded)
    code, stdout, stderr = restore("in/a.png", "-o", "out.png", "--json", *OPTIONS)
    assert code == 1 and "in/a.png: out of memory" in stderr and "report it" not in stderr
    assert json.loads(stdout)["error_code"] == "compute" and not Path("out.png").exists()


@pytest.mark.parametrize(
    ("closed", "output", "code", "said"),
    [
        (0, ["-o", "out.png", "--files-from", "-"], 2, b"no input"),
        (1, ["in/a.png", "-o", "-"], 1, b"standard output: cannot be written (Bad file descriptor)"),
        (1, ["in/a.png", "-o", "out.png", "--json"], 1, b"standard output: cannot be written (Bad file descriptor)"),
        (1, ["in/a.png", "-o", "out.png"], 0, b""),
        (2, ["in/a.png", "-o", "out.png"], 0, b""),
    ],
)
def test_streams_that_the_caller_has_closed(
    closed: int, output: list[str], code: int, said: bytes, photos: Path
) -> None:
    script = f"import os, sys; os.close({closed}); os.execv(sys.executable, sys.argv[1:])"
    arguments = [sys.executable, "-c", script, *command(*output, *OPTIONS)]
    done = processes.run(arguments, capture_output=True)
    assert done.returncode == code and said in done.stderr and b"Traceback" not in done.stderr


def free(monkeypatch: pytest.MonkeyPatch, size: int, total: int = 10**9) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(total, total - size, size))


def test_disk_space_is_looked_at_before_work_starts(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = plan(Request([Path("in")], output=Path("out/deep")), choose("bicubic", 2)).jobs
    needed = 60 * 3 * (40 + 42 + 44)
    free(monkeypatch, needed)
    assert forecast(jobs) == []
    free(monkeypatch, needed - 1)
    deeper = [replace(job, settings=replace(job.settings, depth=16)) for job in jobs]
    assert "take up to 45.4 kB" in forecast(deeper)[0]
    (warning,) = forecast(jobs)
    assert warning.endswith("22.7 kB are free, and the results take up to 22.7 kB, less what compression saves")
    assert restore("in", "-o", "out", "-n", *OPTIONS)[2].startswith("warning: ")
    assert restore("in", "-o", "out", *OPTIONS)[0] == 0, "it may well be enough"
    free(monkeypatch, 1000)
    with pytest.raises(OutputError, match="no space is left"):
        forecast(jobs)
    assert restore("in", "-o", "new", *OPTIONS)[0] == 1 and not Path("new").exists()
    free(monkeypatch, 0, total=0)
    assert forecast(jobs) == [], "a file system that does not say how large it is"
    assert [shown(size) for size in (0, 999, 1000, 2.5e12)] == ["0 bytes", "999 bytes", "1 kB", "2.5 TB"]


def test_a_folder_that_must_not_be_written_to(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("out").mkdir()
    with monkeypatch.context() as root:  # who may write anywhere
        root.setattr("imgrestore.batch.clashes.os.access", lambda path, mode: mode == os.R_OK)
        code, _, stderr = restore("in", "-o", "out", *OPTIONS)
    assert code == 1 and "out: cannot be written to" in stderr

    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.replace", refused)
    monkeypatch.setattr("os.link", refused)
    code, _, stderr = restore("in", "-o", "out", *OPTIONS)
    assert code == 1 and stderr.count("cannot be written (Permission denied)") == 3 and not unfinished(Path("out"))


def test_an_output_that_one_may_not_even_look_for(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look = Path.stat

    def refused(path: Path, **options: Any) -> os.stat_result:
        if path.parent.name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return look(path, **options)

    Path("locked").mkdir()
    monkeypatch.setattr("pathlib.Path.stat", refused)
    monkeypatch.setattr("imgrestore.batch.clashes.os.access", lambda path, mode: mode == os.R_OK)
    for output in ("locked/x.png", "locked/"):
        code, _, stderr = restore("in/a.png", "-o", output, *OPTIONS)
        assert code == 1 and "locked: cannot be written to" in stderr


def test_a_folder_that_cannot_be_searched_is_named(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("listed", "secret", "open"):
        (photos / name).mkdir()
        shutil.copy(photos / "a.png", photos / name)
    scan, is_file = os.scandir, Path.is_file

    def scandir(path: str) -> Any:
        if Path(path).name == "secret":
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    def looked_at(path: Path) -> bool:
        if path.parent.name == "listed":
            raise PermissionError(13, "Permission denied", str(path))
        return is_file(path)

    monkeypatch.setattr("os.scandir", scandir)
    monkeypatch.setattr("pathlib.Path.is_file", looked_at)
    code, _, stderr = restore("in", "-r", "-o", "out", *OPTIONS)
    assert code == 1 and Path("out/open/a.png").exists() and "4 of 6 restored, 2 failed" in stderr
    assert "error: in/secret: cannot be read (Permission denied)" in stderr
    assert "error: in/listed/a.png: cannot be read (Permission denied)" in stderr
    with pytest.raises(InputError, match="cannot be read"):
        find_images(photos)


def test_an_input_folder_that_cannot_be_read_is_one_line(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("secret").mkdir()
    scan = os.scandir

    def scandir(path: str) -> Any:
        if Path(path).name == "secret":
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr("os.scandir", scandir)
    for arguments in (["secret"], ["secret", "in/a.png"], ["secret", "in/a.png", "--glob", "*.png"]):
        code, _, stderr = restore(*arguments, "-o", "out/", "--overwrite", *OPTIONS)
        assert code == 1 and "Traceback" not in stderr
        assert [line for line in stderr.splitlines() if "secret" in line] == [
            "error: secret: cannot be read (Permission denied)"
        ]
        assert "hint" not in stderr and ("1 of 2 restored, 1 failed" in stderr or arguments == ["secret"])


def test_an_input_is_never_overwritten_by_any_name_it_has(photos: Path) -> None:
    content = Path("in/a.png").read_bytes()
    Path("soft.png").symlink_to("in/a.png")
    Path("hard.png").hardlink_to("in/a.png")
    for name in ("in/a.png", "in/../in/a.png", "soft.png", "hard.png"):  # a hard link looks as other spellings do
        code, _, stderr = restore("in/a.png", "-o", name, "--overwrite", *OPTIONS)
        assert code == 1 and "would overwrite an input" in stderr
    assert Path("in/a.png").read_bytes() == content


def test_a_pipe_as_an_input_is_not_waited_for_without_end(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipes, "_PATIENCE", 0.2)
    os.mkfifo("in/pipe.png")
    code, _, stderr = restore("in/pipe.png", "-o", "x.png", *OPTIONS)
    assert code == 1 and "in/pipe.png: is a pipe that nobody writes to" in stderr
    code, _, stderr = restore("/dev/null", "-o", "x.png", *OPTIONS)
    assert code == 1 and "neither a file nor a folder" in stderr
    content = Path("in/a.png").read_bytes()
    writer = threading.Thread(target=Path("in/pipe.png").write_bytes, args=(content,))
    writer.start()
    assert restore("in/pipe.png", "-o", "x.png", *OPTIONS)[0] == 0
    writer.join()
    assert restore("in/a.png", "-o", "y.png", *OPTIONS)[0] == 0
    assert read_image(Path("x.png")).pixels.tolist() == read_image(Path("y.png")).pixels.tolist()
    assert restore("in", "-o", "out", *OPTIONS)[0] == 0 and len(list(Path("out").glob("*.*"))) == 4


def test_links_in_circles(photos: Path) -> None:
    Path("in/deep").mkdir()
    Path("in/deep/up").symlink_to(photos)
    Path("in/deep/self.png").symlink_to("self.png")
    Path("in/again").symlink_to("deep")
    code, stdout, _ = restore("in", "-r", "-o", "out", "-n", *OPTIONS)
    assert code == 0 and stdout.count(" -> in/") == 0 and stdout.count("\n") == 3
    code, _, stderr = restore("in/deep/self.png", "-o", "x.png", *OPTIONS)
    assert code == 1 and "no such file" in stderr
    for output in ("in/deep/self.png/x.png", "in/deep/self.png/"):
        code, _, stderr = restore("in/a.png", "-o", output, *OPTIONS)
        assert code == 1 and "cannot be written to" in stderr


def test_a_folder_of_a_hundred_thousand_files(photos: Path) -> None:
    for i in range(100_000):
        os.close(os.open(f"in/{i}.txt", os.O_CREAT, 0o600))
    code, stdout, _ = restore("in", "-o", "out", "-n", *OPTIONS)
    assert code == 0 and stdout.count("\n") == 3


def test_a_plan_holds_no_profiles(photos: Path) -> None:
    PillowImage.new("RGB", (9, 9)).save(photos / "a.png", icc_profile=bytes(10**5), exif=b"Exif\0\0" + bytes(10**5))
    for job in plan(Request([photos]), choose("bicubic", 2)).jobs:
        assert job.header.metadata == type(job.header.metadata)(), "100,000 of them would fill the memory"


NAMES = [b"-dash.png", b"-", b"two\nlines.png", b"caf\xe9.png", b"a b'c\"$(d).png", b"[x]{y}%d.png", b"d\xff/\t.png"]


def test_any_legal_name(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = Path("in/a.png").read_bytes()
    Path("odd", os.fsdecode(b"d\xff")).mkdir(parents=True)
    for name in NAMES:
        Path("odd", os.fsdecode(name)).write_bytes(content)
    monkeypatch.chdir("odd")
    code, stdout, stderr = restore(".", "-r", "-o", "../out", "--json", *OPTIONS)
    records = [json.loads(line) for line in stdout.splitlines()]
    assert code == 0 and stdout.isascii() and len(stderr.splitlines()) == len(NAMES)
    inputs = {os.path.relpath(os.fsencode(record["input"]), os.fsencode(Path.cwd())) for record in records}
    assert inputs == set(NAMES)
    assert all(Path(record["output"]).is_file() for record in records)
    code, stdout, stderr = restore(".", "-r", "-o", "../new", "-n", *OPTIONS)
    assert code == 0 and stdout.count("\n") == len(NAMES) and r"two\nlines.png" in stdout
    assert restore(".", "-r", "-o", "../out", "--resume", "--json", *OPTIONS)[1].count('"skipped"') == len(NAMES)
    code, _, stderr = restore("--json", *OPTIONS, "--", "-dash.png")
    assert code == 0 and Path("-dash_bicubic_2x.png").is_file()


def test_the_command_line_that_goes_on_can_be_pasted_whatever_the_names() -> None:
    words = ["restore", "two\nlines", "caf\udce9 'x' \\n", "é", "-o", "out"]
    line = resuming(words)
    assert "\n" not in line and line.encode()
    shown = processes.run(["bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, check=True).stdout
    assert shown.split(b"\0")[:-1] == [os.fsencode(word) for word in ["imgrestore", *words, "--resume"]]
    assert shlex.split(resuming(["restore", "a b"])) == ["imgrestore", "restore", "a b", "--resume"]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (RuntimeError("a tap\nis loose"), r"b\.jpg: failed unexpectedly \(RuntimeError: a tap\)"),
        (MemoryError(), r"b\.jpg: not enough memory"),
        (OSError(5, "Input/output error"), r"b\.jpg: cannot be written \(Input/output error\)"),
    ],
)
def test_an_encoder_that_dies_costs_one_image(
    fault: Exception, message: str, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying(image: Any, target: bytes) -> None:
        raise fault

    def encode(stream: Any, path: Path, form: Any, save: Any) -> None:
        vips.encode(stream, path, form, dying)

    monkeypatch.setattr("imgrestore.codecs.writing.jpeg.encode", encode)
    code, stdout, stderr = restore("in", "-o", "out", "--json", *OPTIONS)
    assert code == 1 and [json.loads(line)["status"] for line in stdout.splitlines()] == ["done", "failed", "done"]
    (error,) = (line for line in stderr.splitlines() if line.startswith("error:"))
    assert re.search(message, error) and "Traceback" not in stderr
    assert sorted(path.name for path in Path("out").iterdir()) == [MANIFEST, "a.png", "c.tif"]
    failed = [json.loads(line) for line in Path("out", MANIFEST).read_text().splitlines()][2:-2]
    assert [entry["status"] for entry in failed] == ["failed"]


def test_a_mistake_of_ours_about_one_image_ends_no_plan(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(block: bytes, width: int, height: int) -> bytes:
        raise ZeroDivisionError("not ours")

    PillowImage.new("RGB", (9, 9)).save("in/d.jpg", exif=b"Exif\0\0II*\0\x08\0\0\0" + bytes(6))
    monkeypatch.setattr("imgrestore.codecs.metadata.exif.updated", broken)
    code, _, stderr = restore("in", "-o", "out", *OPTIONS)
    assert code == 1 and "in/d.jpg: failed unexpectedly (ZeroDivisionError: not ours)" in stderr
    assert "3 of 4 restored, 1 failed" in stderr


def test_an_input_that_cannot_be_read_to_its_end_is_to_blame(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell():
                raise OSError(5, "Input/output error")
            return super().read(size)

    def at_its_place(data: Path) -> io.BytesIO:
        return Failing(data.read_bytes()) if data.suffix == ".ppm" else io.BytesIO(data.read_bytes())

    PillowImage.open("in/a.png").save("in/d.ppm")
    monkeypatch.setattr("imgrestore.codecs.reading.netpbm.open_bytes", at_its_place)
    code, _, stderr = restore("in/d.ppm", "-o", "out.png", *OPTIONS)
    assert code == 1 and "error: in/d.ppm: cannot be read (Input/output error)" in stderr

    def gone(data: Path) -> io.BytesIO:
        raise FileNotFoundError(2, "No such file or directory")

    PillowImage.new("RGB", (64, 64)).save("in/e.png")
    monkeypatch.setattr("imgrestore.batch.run.open_bytes", gone)
    code, _, stderr = restore("in/e.png", "-o", "out.png")
    assert code == 1 and "error: in/e.png: cannot be read (No such file or directory)" in stderr
    assert not Path("out.png").exists() and not unfinished(Path())


def test_errors_of_the_engine_name_the_image(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imgrestore.engine.network.Network._computed", lambda self, network, batch: batch * math.nan)
    code, _, stderr = restore("in", "-o", "out", "--task", "upscale", "--scale", "2")
    assert code == 1 and stderr.count("values that are not numbers") == 3 and "error: in/b.jpg: " in stderr


STANDSTILL = """
import hashlib, sys, threading
from imgrestore import files
from imgrestore.engine import network
from imgrestore.cli import app, signals

def begin():
    for path in files._UNFINISHED:
        path.touch()  # an encoder makes it sooner or later

def endless(*_):
    threading.Timer(0.5, begin).start()  # when the step below has begun
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)  # one step of Python, as a tile of a large network is

signals._PATIENCE = float(sys.argv.pop(1))
network.Network._computed = endless
app.main()
"""


@pytest.mark.parametrize(
    ("sent", "patience", "code"),
    [(signal.SIGTERM, 0.1, 143), (signal.SIGHUP, 0.1, 129), (signal.SIGINT, 1000, 130)],
)
def test_a_signal_ends_the_run_even_inside_a_long_step(sent: int, patience: float, code: int, photos: Path) -> None:
    assert signals._PATIENCE < 5
    arguments = [str(patience), "restore", "in", "-o", "out", "--task", "upscale", "--scale", "2"]
    process = processes.start([sys.executable, "-c", STANDSTILL, *arguments], stderr=subprocess.PIPE)
    while not unfinished(Path("out")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(sent)
    while patience > 100 and process.poll() is None:  # a second Ctrl-C
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
    stderr = process.communicate(timeout=100)[1].decode()
    assert process.returncode == code
    asked = "in -o out --task upscale --scale 2"
    assert stderr == f"interrupted: 0 of 3 restored; go on with: imgrestore restore {asked} --resume\n"
    assert not unfinished(Path("out"))


INTERRUPTED = """
from imgrestore.engine import restorer as engine
from imgrestore.cli import app

def stopped(*_):
    raise KeyboardInterrupt

engine.Restorer.stream = stopped
app.main()
"""


def test_the_end_by_a_signal_needs_no_reader(photos: Path) -> None:
    handle = without_a_reader()
    interrupted = [sys.executable, "-c", INTERRUPTED, "restore", "in", "-o", "out", *OPTIONS]
    assert processes.run(interrupted, stderr=handle).returncode == 130
    standing = [
        sys.executable,
        "-c",
        STANDSTILL,
        "0.1",
        "restore",
        "in",
        "-o",
        "out",
        "--task",
        "upscale",
        "--scale",
        "2",
    ]
    process = processes.start(standing, stderr=handle)
    os.close(handle)
    while not unfinished(Path("out")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=100) == 143 and not unfinished(Path("out"))


def test_two_runs_into_one_folder(photos: Path, photo: Callable[..., Any]) -> None:
    for i in range(6):
        PillowImage.fromarray(photo(20, 30, seed=i)).save(f"in/{i}.png")
    runs = [processes.start(command("in", "-o", "out", "--overwrite", *OPTIONS, "-q")) for _ in range(2)]
    assert [run.wait() for run in runs] == [0, 0]
    restore("in", "-o", "alone", *OPTIONS)
    for path in Path("alone").glob("*.*g"):
        assert path.read_bytes() == Path("out", path.name).read_bytes()
    assert not unfinished(Path("out")) and len(list(Path("out").iterdir())) == 10
    assert restore("in", "-o", "out", "--resume", "--json", *OPTIONS)[1].count('"skipped"') == 9
