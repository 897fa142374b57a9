"""What the command line says to those who do not know it yet: the right line for each mistake, and help to read."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from PIL import Image as PillowImage
from test_cli import run

from conftest import invoke
from imgrestore.cli.app import app
from imgrestore.cli.help import EXAMPLES, GROUPS
from imgrestore.errors import UsageError
from imgrestore.provenance.values import SCALE


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photo) -> Path:
    PillowImage.fromarray(photo(20, 30)).save(tmp_path / "photo.jpg")
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        ("photo.jpg", "photo.jpg: a command should stand before it", "imgrestore restore photo.jpg"),
        ("photo.jpg -s 2", "photo.jpg: a command", "imgrestore restore photo.jpg -s 2"),
        ("photos", "photos: a command should stand before it", "imgrestore restore photos"),
        ("missing.png", "missing.png: a command should stand before it", "imgrestore restore missing.png"),
        ("-", "-: a command should stand before it", "imgrestore restore -"),
        ("-s 4 photo.jpg", "-s: a command should stand before it", "imgrestore restore -s 4 photo.jpg"),
        ("upscale photo.jpg", "upscale is a task of restore", "imgrestore restore --task upscale photo.jpg"),
        ("denoise photo.jpg", "denoise is a task of restore", "imgrestore restore --task denoise photo.jpg"),
        ("deblur photo.jpg -o x.png", "deblur is a task", "imgrestore restore --task deblur photo.jpg -o x.png"),
        ("denois photo.jpg", "there is no command 'denois'", "imgrestore restore --task denoise photo.jpg"),
        ("restor photo.jpg", "there is no command 'restor'; did you mean 'restore'?", "imgrestore --help"),
        ("models lst", "imgrestore models has no command 'lst'; did you mean 'list'?", "imgrestore models --help"),
        ("help restor", "there is no command 'restor'; did you mean 'restore'?", "imgrestore --help"),
        (
            "restore photo.jpg new.png",
            "new.png: no such file; was it meant as the output?",
            "restore photo.jpg -o new.png",
        ),
        ("restore photo.jpg --scale four", "--scale four: not an enlargement", "--scale 4"),
        ("restore photo.jpg --scale 800x600", "--scale 800x600: not an", "--width 800 --height 600"),
        (
            "restore photo.jpg --modle bicubic",
            "no option --modle; did you mean '--model'?",
            "imgrestore restore --help",
        ),
        ("restore photo.jpg -x", "there is no option -x", "imgrestore restore --help"),
        ("--jsn", "there is no option --jsn; did you mean '--json'?", "imgrestore --help"),
        ("restore photo.jpg --quality 900", "quality must be between 1 and 100, got 900", ""),
        ("restore photo.jpg --quality", "'--quality' requires an argument", ""),
        ("evaluate -m bicubic", "Missing option '--data'", "imgrestore evaluate --help"),
        ("recipes list this", "unexpected extra argument", "imgrestore recipes list --help"),
        ("restore photo.jpg -m resnet-sq", "no model is named 'resnet-sq'; did you mean 'resnet-sr'?", "known: "),
        ("restore photo.jpg -t denois", "no model for the task 'denois'", "tasks with a model: "),
        (
            "restore photo.jpg -m resnet-denoise -s 4",
            "resnet-denoise keeps the size",
            "--model resnet-denoise+resnet-sr",
        ),
        ("restore", "no input", "give files, folders, or - for standard input"),
    ],
)
def test_mistakes_are_told_what_was_probably_meant(here: Path, arguments: str, error: str, hint: str) -> None:
    before = sorted(here.iterdir())
    code, stdout, said = invoke(*arguments.split())
    assert code == 2 and stdout == "" and sorted(here.iterdir()) == before
    assert error in said and hint in said


def test_mistakes_are_two_lines(here: Path) -> None:
    done = run("photo.jpg", "-q", "--scale", "4")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().splitlines() == [
        "error: photo.jpg: a command should stand before it",
        "hint: imgrestore restore photo.jpg --scale 4",
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ["photo.jpg", "gone.png", "-o", "out/"],
        ["photo.jpg", "gone.jpg", "photo.jpg"],
        ["photo.jpg", "gone"],
        ["gone.png", "gone.jpg"],
    ],
)
def test_what_cannot_be_meant_as_an_output_is_a_missing_input(here: Path, arguments: list[str]) -> None:
    code, _, said = invoke("restore", *arguments, "-m", "bicubic")
    assert code == 1 and "gone" in said and "no such file or folder" in said


@pytest.mark.parametrize(
    ("text", "scale"), [("4", 4), ("4x", 4), ("X4", 4), ("x 4", 4), ("2.5x", 2.5), ("×.5", 0.5), ("400%", 4)]
)
def test_scales_are_read_as_people_write_them(text: str, scale: float) -> None:
    assert SCALE.read("scale", text) == scale


@pytest.mark.parametrize("text", ["", "x", "x4x", "-1", "nan", "1e3", "%", "4 4", "four"])
def test_what_is_no_scale(text: str) -> None:
    with pytest.raises(UsageError, match="not an enlargement"):
        SCALE.read("scale", text)


@pytest.mark.parametrize("scale", ["4x", "x4", "400%"])
def test_scales_reach_each_command(here: Path, scale: str) -> None:
    code, stdout, _ = invoke("restore", "photo.jpg", "-n", "--scale", scale, "--json")
    assert code == 0 and json.loads(stdout)["scale"] == 4
    assert invoke("compare", "photo.jpg", "-m", "unsharp", "--scale", scale)[2].startswith("unsharp keeps the size")
    assert "cannot enlarge 4" in invoke("evaluate", "-d", ".", "-m", "unsharp", "--scale", scale)[2]


@pytest.mark.parametrize(
    ("options", "model", "width"),
    [
        ("-t denoise -s 4", "resnet-denoise+resnet-sr", 120),
        ("-t deblur -s 2", "resnet-deblur+resnet-sr", 60),
        ("-t denoise -s 1", "resnet-denoise", 30),
        ("-t denoise --scale 0.5", "resnet-denoise", 15),
        ("-t upscale -s 3", "resnet-sr", 90),
    ],
)
def test_a_task_with_a_larger_size_is_followed_by_an_enlargement(
    here: Path, options: str, model: str, width: int
) -> None:
    code, stdout, _ = invoke("restore", "photo.jpg", "-n", "--json", *options.split())
    record = json.loads(stdout)
    assert code == 0 and (record["model"], record["width"]) == (model, width)


def test_a_papers_network_says_what_it_is(here: Path) -> None:
    code, _, said = invoke("restore", "photo.jpg", "-o", "x.png", "-m", "sfl-cae+resnet-sr")
    assert code == 0 and said.count("notice:") == 1
    assert "notice: sfl-cae-fast reproduces a paper (003) and is not made for photos; resnet-denoise is" in said
    assert b"notice" not in run("restore", "photo.jpg", "-q", "-n", "-m", "sfl-cae").stderr
    assert "notice" not in invoke("restore", "photo.jpg", "-n", "-m", "resnet-sr")[2]


def commands(group: Any = None, words: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Return every command by the words that call it."""
    group = group or typer.main.get_command(app)
    found = {words: group}
    for name, command in getattr(group, "commands", {}).items():
        found |= commands(command, (*words, name))
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_help_is_readable_at_80_columns(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, shown, _ = invoke(*words, "--help")
    assert code == 0 and max(map(len, shown.splitlines())) <= 80
    assert invoke("help", *words) == (0, shown, ""), "help WORDS and WORDS --help are the same"
    assert "..." not in shown.partition("Commands:")[2], "no summary is cut"
    assert "<str>" not in shown and "<list" not in shown and "<float>" not in shown


def test_no_arguments_show_the_help() -> None:
    code, stdout, said = invoke()
    assert code == 2 and stdout == ""
    assert said == invoke("--help")[1]


def test_the_version() -> None:
    code, stdout, _ = invoke("--version")
    assert code == 0 and stdout.startswith("imgrestore ")


@pytest.mark.parametrize("words", GROUPS)
def test_every_option_stands_in_one_group_of_the_help(words: str) -> None:
    names = [param.name for param in commands()[tuple(words.split())].params]
    grouped = [name for group in GROUPS[words].values() for name in group.split()]
    assert sorted(grouped) == sorted(names)
    shown = invoke(*words.split(), "--help")[1]
    order = [shown.index(f"\n{title}:") for title in ("Examples", *GROUPS[words])]
    assert order == sorted(order), "examples first"


@pytest.mark.parametrize("line", [line for lines in EXAMPLES.values() for line in lines])
def test_examples_are_understood(line: str) -> None:
    words = line.partition(" >")[0].split()[1:]
    if words[0] == "help":
        return
    known = commands()
    called = max((w for w in known if words[: len(w)] == list(w)), key=len)
    context = known[called].make_context("imgrestore", words[len(called) :])
    assert context.params or not known[called].params


def test_models_for_photos_come_first(here: Path) -> None:
    records = [json.loads(line) for line in invoke("models", "list", "--json")[1].splitlines()]
    groups = [record["group"] for record in records]
    assert groups == sorted(groups, reverse=True) and set(groups) == {"photos", "papers"}
    assert [r["model"] for r in records[:3]] == ["resnet-deblur", "resnet-denoise", "resnet-sr"]
    assert {r["model"] for r in records if r["group"] == "papers"} >= {"mnist-vae", "sfl-cae", "resnet4x"}
    shown = invoke("models", "list")[1]
    assert shown.startswith("For photos\n")
    assert shown.index("resnet-sr-best") < shown.index("The papers' networks") < shown.index("mnist-vae-stft")


def test_recipes_as_records() -> None:
    records = [json.loads(line) for line in invoke("recipes", "list", "--json")[1].splitlines()]
    named = {record["recipe"]: record for record in records}
    assert named["resnet-sr-x4"]["paper"] is None and named["mnist-vae-stft"]["paper"].startswith("002, table 1")
