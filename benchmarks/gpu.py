"""All that there is to do on a machine with a GPU, in as many minutes as it is lent, in one command.

    python benchmarks/gpu.py --minutes 9 --data packed/ --output out/ resnet-denoise=2 resnet-sr-best-x4

It runs the tests marked ``cuda``, measures the engine against the bare networks, and trains the recipes in turn for the
rest of the time, each for its share, to annealed weights. Needs no network. Every minute it puts into the output folder
one archive for each recipe: the newest weights, the log and the page of its run. A later call that is given them
(``--earlier``) goes on from those weights. docs/training.md says what has to be brought along.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from imgrestore.engine.devices import choose_device
from imgrestore.errors import ImgrestoreError
from imgrestore.files import write_atomically
from imgrestore.recipes.recipe import Recipe, load_recipe
from imgrestore.training.clock import process_began
from imgrestore.training.loop import train
from imgrestore.training.options import Options
from imgrestore.training.run import Run

ROOT = Path(__file__).parent.parent

TESTS = "tests/training/test_on_device.py"
"""Where those marked ``cuda`` are; other tests need packages that a bare machine lacks."""

BROUGHT_BACK = ("recipe.toml", "log.jsonl", "run.html")
"""What an archive holds besides weights."""

SHARES = {"tests": 0.25, "engine": 0.1}
"""How much of the time the tests and the engine's figures may take at most."""

PAUSE = 60.0
"""Seconds between two archives of a run."""

SETTLING = 5.0
"""Seconds left over at the end."""


class Visit:
    """A visit to a machine, until its time is over."""

    def __init__(self, minutes: float, output: Path, began: float) -> None:
        """Begin to count.

        Args:
            minutes: How long it may take.
            output: Where what is brought back goes.
            began: When it began, by ``time.monotonic``.
        """
        self.end, self.minutes, self.output = began + 60 * minutes, minutes, output
        output.mkdir(parents=True, exist_ok=True)

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.end - SETTLING - time.monotonic()

    def report(self, name: str, words: list[str]) -> bool:
        """Run a Python program, for its share of the time at most, and keep what it says; return whether it ended well.

        It writes to a file, so that what it has said is there however it ends.
        """
        path = self.output / f"{name}.txt"
        with path.open("wb") as file:
            try:
                done = subprocess.run(
                    [sys.executable, *words],
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    timeout=min(self.left, 60 * self.minutes * SHARES[name]),
                    check=False,
                    cwd=ROOT,
                )
            except subprocess.TimeoutExpired:
                print(f"{name}: out of time, see {path}", flush=True)
                return False
        print(f"{name}: {'done' if done.returncode == 0 else 'FAILED'}, see {path}", flush=True)
        return done.returncode == 0

    def train(self, recipe: Recipe, data: Path, device: str, earlier: Path | None, minutes: float) -> bool:
        """Train a recipe to annealed weights, from those of an earlier visit if there are any; return whether it did.

        What goes wrong is told, so that the next recipe has its share of the time.
        """
        began = time.monotonic()
        recipe = lasting(recipe, minutes)
        with tempfile.TemporaryDirectory() as scratch:
            run = Run(Path(scratch) / "run", recipe.name)
            start = brought(earlier, recipe.name, Path(scratch)) if earlier else None
            archived = began
            try:
                options = Options(choose_device(device), start=start, began=began)
                for progress in train(recipe, data, run.folder, options, warn=print, say=print):
                    if "model_psnr" in progress.record:
                        print(recipe.name, progress.record, flush=True)
                    if time.monotonic() - archived > PAUSE:
                        archive(run, self.output)
                        archived = time.monotonic()
            except (ImgrestoreError, RuntimeError) as error:
                print(f"{recipe.name}: FAILED, {error}", flush=True)
                return False
            finally:
                archive(run, self.output)
        return True


def lasting(recipe: Recipe, minutes: float) -> Recipe:
    """Return a recipe that takes so many minutes."""
    table = recipe.to_table()
    for length in ("steps", "epochs"):
        table["training"].pop(length, None)
    table["training"]["minutes"] = minutes
    return Recipe.model_validate(table)


def archive(run: Run, output: Path) -> None:
    """Put the newest weights and the log of a run into one file, all or nothing."""
    weights = next((path for path in (run.weights, run.latest) if path.exists()), None)
    if weights is None:
        return
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as file:
        file.add(weights, f"{run.name}.safetensors")
        for name in BROUGHT_BACK:
            if (run.folder / name).exists():
                file.add(run.folder / name, name)
    write_atomically(output / f"{run.name}.tar", packed.getvalue())


def brought(earlier: Path, name: str, folder: Path) -> Path | None:
    """Return the weights of a recipe that an earlier visit left, unpacked into a folder, if there are any."""
    if not (earlier / f"{name}.tar").exists():
        return None
    with tarfile.open(earlier / f"{name}.tar") as file:
        file.extract(f"{name}.safetensors", folder, filter="data")
    return folder / f"{name}.safetensors"


def shared_out(named: list[str]) -> list[tuple[str, float]]:
    """Read recipes, ``NAME=SHARE`` or ``NAME``, and return each with its share of the time that is left by then."""
    given = [(name, float(share or 1)) for name, _, share in (each.partition("=") for each in named)]
    return [(name, share / sum(rest for _, rest in given[i:])) for i, (name, share) in enumerate(given)]


def main(now: Callable[[], float] = process_began) -> None:
    """Do it all."""
    parser = argparse.ArgumentParser(description="Test, measure and train on a GPU for some minutes.")
    parser.add_argument("recipes", nargs="*", metavar="RECIPE[=SHARE]")
    parser.add_argument("--minutes", type=float, required=True, help="of the whole visit")
    parser.add_argument("--data", type=Path, help="folder of training photos")
    parser.add_argument("--output", type=Path, required=True, help="folder for what is brought back")
    parser.add_argument("--earlier", type=Path, help="output folder of an earlier visit")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--set", action="append", default=[], help="change all recipes: --set width=64")
    parser.add_argument("--tests", default="cuda", help="which marked tests to run; nothing runs none")
    parser.add_argument("--models", nargs="*", default=["resnet-sr:4", "resnet-denoise"], metavar="NAME:SCALE")
    parser.add_argument("--megapixels", default="12", help="size of the photo that the engine is measured on")
    given = parser.parse_args()
    if given.recipes and given.data is None:
        parser.error("--data names the photos that the recipes learn from")
    recipes = [(load_recipe(name, given.set), share) for name, share in shared_out(given.recipes)]
    visit = Visit(given.minutes, given.output, now())
    well = True
    if given.tests:
        well &= visit.report("tests", ["-m", "pytest", "-m", given.tests, "-p", "no:cacheprovider", TESTS])
    if given.models:
        measured = ["--models", *given.models, "--rounds", "2", "--megapixels", given.megapixels]
        well &= visit.report("engine", ["benchmarks/engine.py", "--device", given.device, *measured])
    for recipe, share in recipes:
        well &= visit.train(recipe, given.data, given.device, given.earlier, visit.left * share / 60)
    raise SystemExit(0 if well else 1)


if __name__ == "__main__":
    main()
