"""Every option of ``restore`` that decides pixels or metadata gives one file alone what it gives it in a folder."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import typer
from PIL import Image as PillowImage

import made_files as made
from conftest import invoke
from imgrestore.cli.app import app

NO_PART_OF_A_RESULT = {
    "--output": "where it goes",
    "--recursive": "which files are found",
    "--glob": "which files are found",
    "--preserve-times": "no byte of it",
    "--files-from": "which files are named",
    "-0": "how they are named",
    "--name": "what it is called",
    "--overwrite": "whether an old one may go",
    "--resume": "whether it is made at all",
    "--retry-failed": "whether it is made at all",
    "--dry-run": "nothing is made",
    "--device": "machines differ by a rounding",
    "--json": "what is said of it",
    "--help": "nothing is made",
    "--debug": "what is said of it",
    "--quiet": "what is said of it",
    "--verbose": "what is said of it",
}
CASES = {
    "--model": ["resnet-denoise"],
    "--task": ["denoise"],
    "--scale": ["1.5"],
    "--width": ["31"],
    "--height": ["37"],
    "--max-side": ["50"],
    "--min-side": ["90"],
    "--crop": ["3,2,20,25"],
    "--strength": ["0.4"],
    "--only": ["colour"],
    "--wrap": ["x"],
    "--no-guard": [],
    "--format": ["tiff"],
    "--depth": ["8"],
    "--background": ["white"],
    "--quality": ["40"],
    "--subsampling": [],
    "--lossless": [],
    "--max-pixels": ["none"],
    "--allow-damaged": [],
    "--first-frame": [],
    "--strip-metadata": [],
    "--no-stamp": [],
    "--precision": ["bf16"],
    "--tile": ["16"],
    "--memory": ["500M"],
}
CHANGING_NOTHING = ("--max-pixels", "--tile", "--memory")


def options() -> set[str]:
    """Return the long names of the options that the command has."""
    command = typer.main.get_command(app).commands["restore"]
    return {max(parameter.opts, key=len) for parameter in command.params if parameter.opts[0].startswith("-")}


def test_every_option_has_a_case_or_a_reason() -> None:
    assert options() - NO_PART_OF_A_RESULT.keys() == CASES.keys()
    assert not CASES.keys() & NO_PART_OF_A_RESULT.keys()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Return a folder of pictures with metadata: large and small, grey and transparent, moving and damaged."""
    folder = tmp_path_factory.mktemp("photos")
    exif = PillowImage.Exif()
    exif[0x0112], exif[0x8298] = 6, "A. Person"
    PillowImage.fromarray(made.picture(height=36, width=44)).save(
        folder / "1.jpg", exif=exif, dpi=(300, 300), quality=95
    )
    PillowImage.fromarray(made.picture(channels=1, height=70, width=26)[..., 0]).save(folder / "2.png", dpi=(72, 72))
    made.tiff("uint16")(folder / "3.tif")
    made.pillow(4, lossless=True)(folder / "4.webp")
    frames = [PillowImage.fromarray(made.picture()[::step]) for step in (1, -1)]
    frames[0].save(folder / "5.gif", save_all=True, append_images=frames[1:])
    content = (folder / "1.jpg").read_bytes()
    (folder / "6.jpg").write_bytes(content[:-200])
    return folder


def plain(option: str) -> tuple[str, ...]:
    """Return the arguments that an option is added to: a network where that is what it is about."""
    about_networks = ("--strength", "--only", "--wrap", "--no-guard", "--tile", "--memory", "--precision", "--crop")
    network = option in about_networks
    return ("--model", "resnet-denoise", "--precision", "fp32") if network else ("--model", "bicubic")


@pytest.fixture(scope="module")
def restored(folder: Path, tmp_path_factory) -> Callable[[tuple[str, ...]], dict[str, bytes]]:
    """Return a function that restores the folder and returns the results by name, once for the same arguments."""

    @cache
    def restore(arguments: tuple[str, ...]) -> dict[str, bytes]:
        out = tmp_path_factory.mktemp("together")
        invoke("restore", folder, "-o", out, *arguments)
        return {path.name: path.read_bytes() for path in out.iterdir() if path.suffix != ".jsonl"}

    return restore


@pytest.mark.parametrize("option", CASES)
def test_one_file_alone_equals_the_same_in_a_folder(option: str, folder: Path, restored, tmp_path: Path) -> None:
    arguments = plain(option) if option not in ("--model", "--task") else ()
    together = restored((*arguments, option, *CASES[option]))
    expected = {"1", "2", "3", "4"} | {"--first-frame": {"5"}, "--allow-damaged": {"6"}}.get(option, set())
    assert {name[0] for name in together} == expected
    for name, content in together.items():
        (source,) = folder.glob(f"{name[0]}.*")
        code, _, error = invoke("restore", source, "-o", tmp_path / name, *arguments, option, *CASES[option])
        assert code == 0, error
        assert (tmp_path / name).read_bytes() == content, name
    assert (together == restored(plain(option))) == (option in CHANGING_NOTHING), "an option may not be ignored"
