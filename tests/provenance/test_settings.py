"""What decides a result is said once: options, jobs, stamps, manifests, records and documents follow from it."""

import dataclasses
import json
import pickle
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image as PillowImage

import processes
from conftest import invoke as run
from conftest import restore, statuses
from imgrestore.batch.plan import plan
from imgrestore.batch.request import Request
from imgrestore.cli.app import app
from imgrestore.codecs import ReadOptions, SaveOptions
from imgrestore.codecs.formats import writable
from imgrestore.engine.restorer import Restorer
from imgrestore.errors import InputError, UsageError
from imgrestore.image.conversion import Conversion
from imgrestore.image.regions import Region
from imgrestore.image.sizes import Target
from imgrestore.provenance.setting import Decides, known
from imgrestore.provenance.settings import Settings
from imgrestore.weights.catalogue import choose

DOCUMENT = Path(__file__).parents[2] / "docs" / "cli.md"
EARLIER = Path(__file__).parent / "earlier"
"""Photos, results and their manifest as version 0.1.0 wrote it when a fingerprint was one of all options."""

OF_EARLIER = ["--model", "bicubic", "--scale", "2", "--strength", "0.5", "--quality", "70", "--background", "white"]
OF_EARLIER += ["--crop", "2,4,24,16", "--precision", "fp32"]


@pytest.fixture
def mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photo) -> Path:
    """A folder of PNGs and JPEGs; the current folder holds it."""
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    for i, ending in enumerate(("png", "jpg", "png", "webp", "jpg")):
        PillowImage.fromarray(photo(20, 24 + i, seed=i)).save(f"in/{i}.{ending}")
    return tmp_path


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"strength": 2}, "strength must be between 0 and 1, got 2"),
        ({"strength": float("nan")}, "strength must be between 0 and 1, got nan"),
        ({"strength": "much"}, "strength must be a number, got 'much'"),
        ({"strength": 10**400}, "strength must be a number"),
        ({"quality": 0}, "quality must be between 1 and 100, got 0"),
        ({"quality": 90.5}, "quality must be a whole number, got 90.5"),
        ({"width": 0}, "width must be at least 1, got 0"),
        ({"width": True}, "width must be a whole number, got True"),
        ({"depth": 12}, "depth must be 8 or 16, got 12"),
        ({"tile": (16, 0)}, "tile must be at least 1 pixel, got 0"),
        ({"tile": (16,)}, "tile must be a number of pixels, or a height and a width"),
        ({"crop": (1, 2, 3)}, "crop must be text"),
        ({"crop": "1,2,3"}, "is not a region"),
        ({"background": "mauve"}, "is not a colour"),
        ({"device": "gpu"}, "no device is called 'gpu'"),
        ({"precision": "int8"}, "no precision is called 'int8'"),
        ({"memory": "lots"}, "--memory lots: not a size"),
        ({"max_pixels": "many"}, "--max-pixels many: not a number of pixels"),
        ({"format": 3}, "format must be text, got 3"),
        ({"stamp": "no"}, "stamp must be true or false, got 'no'"),
    ],
)
def test_values_that_a_setting_cannot_have(written: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        Settings.of(**written)


def test_values_may_be_written_as_people_write_them() -> None:
    written = Settings.of(
        crop="1,2,3,4", background="#fff", memory="2G", max_pixels="none", tile=64, scale=np.float32(2)
    )
    assert written == Settings.of(
        crop=Region(1, 2, 3, 4), background="white", memory=2**31, max_pixels=None, tile=[64, 64], scale=2
    )
    assert pickle.loads(pickle.dumps(written)) == written
    with pytest.raises(UsageError, match="both fix the size"):
        _ = Settings(width=3, scale=2.0).target


def test_what_the_rooms_below_take_has_the_same_defaults() -> None:
    plain = Settings()
    assert (plain.reading, plain.saving) == (ReadOptions(), SaveOptions())
    assert (plain.conversion, plain.target) == (Conversion(), Target())
    own = {field.name: field.default for field in dataclasses.fields(Restorer)}
    asked = {"device": "auto", "guard": True}
    assert plain.computing == asked | {name: own[name] for name in ("strength", "precision")}
    assert {name for name, setting in known(plain).items() if setting.engine} <= set(own)


def in_use(**changes: object) -> Settings:
    """Return settings of a PNG of 40x30 that was computed on a CPU."""
    settled = Settings.of(**changes).settled(scale=2.0, size=(40, 30), format=str(changes.get("format", "png")))
    used = {name: changes.get(name, usual) for name, usual in (("device", "cpu"), ("precision", "fp32"))}
    return settled.in_use(**used, tile=(16, 32))  # type: ignore[arg-type]


def test_a_stamp_states_what_decides_these_pixels() -> None:
    def stated(**changes: object) -> set[str]:
        return set(in_use(**changes).deciding(Decides.PIXELS, Decides.ROUNDING))

    always = {"scale", "width", "height", "strength", "format", "device", "precision"}
    assert stated() == always
    assert stated(format="jpeg", subsampling=True, lossless=True) == always | {"quality", "subsampling"}
    assert stated(format="webp", subsampling=True, lossless=True) == always | {"quality", "lossless"}
    assert stated(format="tiff", quality=7, strip_metadata=True, preserve_times=True, stamp=False) == always
    assert stated(precision="bf16") == stated(device="cuda") == always | {"tile"}
    assert stated(max_pixels=None, memory="1G") == always


def test_a_stamp_is_read_back() -> None:
    every = in_use(
        format="jpeg", crop="1,2,3,4", strength=0.25, depth=16, background="#010203", quality=70, subsampling=True,
        allow_damaged=True, first_frame=True, device="cuda", precision="bf16",
    )  # fmt: skip
    table = json.loads(json.dumps(every.deciding(Decides.PIXELS, Decides.ROUNDING)))
    assert Settings.of_stamp(table | {"input": "ab", "precision_asked": "auto"}, "x") == every
    for name, setting in known(every).items():
        if setting.settled:
            with pytest.raises(InputError, match=f"x: its stamp does not say '{name}'"):
                Settings.of_stamp({key: value for key, value in table.items() if key != name}, "x")
    del table["strength"]
    assert Settings.of_stamp(table, "x").strength == 1, "there may have been no such setting"


def test_a_job_can_be_sent_to_another_process(mixed: Path) -> None:
    (mixed / "in" / "0.png").rename(mixed / "alpha.png")
    settings = Settings.of(crop="1,2,3,4", background="white", quality=80, tile=16)
    for job in plan(
        Request([Path("in"), Path("alpha.png")], Path("out"), settings=settings), choose("bicubic", 2)
    ).jobs:
        again = pickle.loads(pickle.dumps(job))
        assert again == job and again.form is job.form and again.pixels == 12


@pytest.mark.parametrize(
    ("changes", "redone"),
    [
        (["--quality", "80"], ["1.jpg", "3.webp", "4.jpg"]),
        (["--subsampling"], ["1.jpg", "4.jpg"]),
        (["--lossless"], ["3.webp"]),
        (["--tile", "16", "--memory", "2G", "--max-pixels", "1M", "--device", "cpu"], []),
        (["--strength", "1", "--quality", "95", "--precision", "auto"], []),
        (["--no-stamp"], ["0.png", "1.jpg", "2.png", "3.webp", "4.jpg"]),
        (["--preserve-times"], ["0.png", "1.jpg", "2.png", "3.webp", "4.jpg"]),
    ],
)
def test_going_on_redoes_what_other_settings_decide(mixed: Path, changes: list[str], redone: list[str]) -> None:
    options = ["in", "-o", "out", "--model", "bicubic", "--scale", "2"]
    restore(*options)
    planned = [
        record for record in restore(*options, "--resume", "--dry-run", *changes)[1] if record["status"] == "planned"
    ]
    records = restore(*options, "--resume", *changes)[1]
    done = [Path(str(record["input"])).name for record in records if record["status"] == "done"]
    assert done == redone == [Path(str(record["input"])).name for record in planned]
    assert {record["status"] for record in restore(*options, "--resume", *changes)[1]} == {"skipped"}


def test_what_an_earlier_version_made_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(EARLIER, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("imgrestore.batch.ledger.__version__", "0.1.0")
    for result, photo in (("out/a_crop.png", "in/a.png"), ("out/b_crop.jpg", "in/b.jpg")):
        code, stdout, said = run("verify", result, "--input", photo)
        assert code == 0 and "identical" in stdout, said
    again = restore("in", "-o", "out", "--resume", *OF_EARLIER)
    assert statuses(again[1]) == ["a.png skipped", "b.jpg skipped"]
    assert statuses(restore("in", "-o", "out", "--resume", *OF_EARLIER, "--strength", "1")[1]) == [
        "a.png done",
        "b.jpg done",
    ]


def test_options_say_what_settings_say() -> None:
    options = {option.name: option for option in typer.main.get_command(app).commands["restore"].params}  # type: ignore[attr-defined]
    for name, setting in known(Settings).items():
        usual = getattr(Settings, name)
        option = options[f"no_{name}" if usual is True else name]
        assert option.help == setting.help
        assert option.default == (
            None if usual is None else False if setting.kind.stated is bool else setting.kind.stated(usual)
        )
        assert f"--{option.name.replace('_', '-')}" in option.opts


def test_the_document_says_what_settings_say() -> None:
    text = DOCUMENT.read_text("utf-8")
    for name, setting in known(Settings).items():
        usual = getattr(Settings, name)
        forms = [form.name for form in writable()]
        heeding = [form for form in forms if setting.where(Settings(format=form))]
        where = "" if heeding == forms else f", in {' and '.join(heeding)}"
        if setting.where(in_use()) != setting.where(in_use(device="cuda")):
            where = ", but not in `fp32` on a CPU"
        what = {Decides.PIXELS: "pixels", Decides.ROUNDING: "rounding", Decides.FILE: "file", Decides.NOTHING: "–"}
        option = f"`--{f'no-{name}' if usual is True else name.replace('_', '-')}`"
        default = "" if usual is None or usual is True or usual is False else f"{usual}"
        assert f"| {option} | `{name}` | {default} | {what[setting.decides]}{where} |\n" in text, name


EDITS = {
    "src/imgrestore/provenance/settings.py": {
        "    format: str | None = field(": (
            "    gain: float = field(\n"
            '        default=1.0, metadata=about("Brightens.", Decides.PIXELS, values.NUMBER, least=0, engine=True)\n'
            "    )\n"
            "    format: str | None = field("
        )
    },
    "src/imgrestore/engine/restorer.py": {
        "    bf16_loss_db: float | None = None\n": "    bf16_loss_db: float | None = None\n    gain: float = 1.0\n",
        "yield from_tensor(band, header, result)\n": "yield from_tensor(self.gain * band, header, result)\n",
    },
    "docs/cli.md": {"| `--format` |": "| `--gain` | `gain` | 1.0 | pixels |\n| `--format` |"},
}
"""The four edits of a new setting that decides pixels, as :mod:`imgrestore.provenance.settings` counts them."""


def test_a_new_setting_takes_four_edits(mixed: Path) -> None:
    assert sum(len(edits) for edits in EDITS.values()) == 4
    assert "takes four edits" in (sys.modules[Settings.__module__].__doc__ or "")
    root = Path(__file__).parents[2]
    shutil.copytree(root / "src", "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copytree(root / "docs", "docs", ignore=shutil.ignore_patterns("images"))
    for name, edits in EDITS.items():
        text = Path(name).read_text("utf-8")
        for before, after in edits.items():
            assert text.count(before) == 1, f"{before!r} is not once in {name}"
            text = text.replace(before, after)
        Path(name).write_text(text, "utf-8")

    def edited(*arguments: str) -> list[dict[str, object]]:
        code = (
            f"import sys; sys.path.insert(0, {str(mixed / 'src')!r}); sys.argv = ['imgrestore', *sys.argv[1:]]\n"
            "from imgrestore.cli.app import main; main()"
        )
        done = processes.run([sys.executable, "-c", code, *arguments, "--json"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    options = ["restore", "in", "-o", "out", "--model", "bicubic", "--scale", "2"]
    assert restore(*options[1:])[0] == 0
    assert {record["status"] for record in edited(*options, "--resume")} == {"skipped"}, "at its default it is no news"
    planned = edited(*options, "--gain", "0.5", "--resume", "--dry-run")
    assert {(record["status"], record["settings"]["gain"]) for record in planned} == {("planned", 0.5)}  # type: ignore[index]
    bright = open_levels(Path("out/0.png"))
    made = edited(*options, "--gain", "0.5", "--resume")
    assert {(record["status"], record["settings"]["gain"]) for record in made} == {("done", 0.5)}  # type: ignore[index]
    assert abs(open_levels(Path("out/0.png")) - bright / 2) < 1
    assert {record["status"] for record in edited(*options, "--gain", "0.5", "--resume")} == {"skipped"}
    assert edited("verify", "out/0.png", "--input", "in/0.png")[0]["identical"]
    assert edited("info", "out/0.png")[0]["made_by"]["parameters"]["gain"] == 0.5  # type: ignore[index]


def open_levels(path: Path) -> float:
    """Return the mean of a picture's samples."""
    with PillowImage.open(path) as picture:
        return float(np.asarray(picture).mean())
