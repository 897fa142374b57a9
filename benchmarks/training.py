"""What training costs: making batches, taking steps, and how much of a GPU's time is used.

    python benchmarks/training.py [RECIPE …] [--data photos/] [--device cuda] [--against ../other/src]

For every recipe: milliseconds a sample, the share of a step that this is, and steps a second. Everything is timed in
rounds; with ``--against``, another version of the package is timed in turn with this one, each in a process of its own,
since machines change their pace, and what is printed of both are medians.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

import imgrestore
from imgrestore.codecs import write_image
from imgrestore.codecs.formats import by_name
from imgrestore.datasets.samples import Share
from imgrestore.engine.devices import choose_device, describe_device
from imgrestore.evaluation.report import markdown
from imgrestore.image import Image
from imgrestore.image.resampling import resize
from imgrestore.recipes.recipe import load_recipe
from imgrestore.training.data import read_data
from imgrestore.training.plan import Plan

RECIPES = ("resnet-sr-best-x4", "resnet-sr-real-x4", "resnet-denoise", "resnet-deblur")

WARM_UP = 4
"""Steps that are not timed: on a GPU, those before a CUDA graph is captured and the one that captures it."""


class Bench:
    """A recipe ready to be timed, by whichever version of the package this process has."""

    def __init__(self, name: str, data: Path, device: torch.device, changes: list[str]) -> None:
        """Read the data, build the network and warm both up."""
        self.recipe, self.device = load_recipe(name, [*changes, "images=1"]), device
        self.samples = read_data(self.recipe, data, 4 * 2**30).samples
        self.plan, self.number = Plan.of(self.recipe, len(self.samples), 1), 0
        self.take = self._stepper()
        for _ in range(WARM_UP):
            self.take()
        self._wait()

    def round(self, steps: int) -> dict[str, float]:
        """Return seconds for a sample made on the CPU, and for a step without and with its data."""
        batches = max(1, steps // 4)
        size, began = self.recipe.data.batch, time.perf_counter()
        made = [self.samples.batch(range(i * size, (i + 1) * size)) for i in range(batches)]
        sample = (time.perf_counter() - began) / batches / size
        self.batch = made[0]
        return {"sample": sample, "step": self._timed(self.take, steps)}

    def busy(self, steps: int) -> float:
        """Return the share of the time of some steps in which a GPU computes."""
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
            seconds = self._timed(self.take, steps) * steps
        return sum(event.self_device_time_total for event in profile.key_averages()) / 1e6 / seconds

    def _timed(self, work: Callable[[], object], times: int) -> float:
        self._wait()
        began = time.perf_counter()
        for _ in range(times):
            work()
        self._wait()
        return (time.perf_counter() - began) / times

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def _stepper(self) -> Callable[[], None]:
        """Return what takes a step: on a GPU with its data, on the CPU on a batch that is there already."""
        self.batch = Share(self.samples)[0]
        try:
            from imgrestore.training.step import Step
        except ImportError:
            return self._earlier_stepper()
        from imgrestore.datasets.gathered import Gathered, obstacle
        from imgrestore.training.taking import OnDevice

        step, counting = Step(self.recipe, self.plan.stage(0), self.device), tuple(range(len(self.recipe.loss)))
        taking: Callable[[], None] = lambda: step.take([self.batch])  # noqa: E731 (one of two)
        if self.device.type == "cuda" and not obstacle(self.samples):
            taking = OnDevice(step, Gathered.of(Share(self.samples), self.device), print)

        def take() -> None:
            step.prepare(self.number, counting, 1e-5)
            taking()
            self.number += 1

        return take

    def _earlier_stepper(self) -> Callable[[], None]:
        """Return what took a step before steps were apart from their bookkeeping, to compare with."""
        from imgrestore.training.state import Training  # type: ignore[attr-defined]

        training = Training(self.recipe, self.plan, self.device)
        return lambda: training.advance([self.batch])


class Version:
    """A version of the package in a process of its own, which times a round each time it is told to."""

    def __init__(self, source: Path, words: list[str]) -> None:
        """Start it from a folder of sources."""
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--rounds-on-demand", *words],
            env=os.environ | {"PYTHONPATH": str(source)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def round(self) -> dict[str, float]:
        """Time a round."""
        assert self.process.stdin and self.process.stdout, "both are pipes"
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        found: dict[str, float] = json.loads(self.process.stdout.readline())
        return found

    def close(self) -> None:
        """End it."""
        self.process.communicate()


@contextmanager
def photos(folder: Path | None) -> Iterator[Path]:
    """Give a folder of photos, of made ones if none is named."""
    if folder is not None:
        yield folder
        return
    with tempfile.TemporaryDirectory() as made:
        rng, form = np.random.default_rng(0), by_name("png")
        assert form is not None, "PNG is always there"
        for number in range(6):
            coarse = torch.from_numpy(rng.random((3, 60, 80), np.float32))
            pixels = (resize(coarse, (480, 640)).clamp(0, 1) * 255).byte().permute(1, 2, 0).contiguous().numpy()
            write_image(Image(pixels).stream(), Path(made) / f"{number}.png", form)
        yield Path(made)


def row(name: str, rounds: list[dict[str, float]], before: list[dict[str, float]], batch: int) -> list[str]:
    """Return a row of the table."""

    def median(found: list[dict[str, float]], key: str) -> float:
        return statistics.median(each[key] for each in found)

    making, step = batch * median(rounds, "sample"), median(rounds, "step")
    cells = [name, f"{1000 * median(rounds, 'sample'):.2f}", f"{making / (making + step):.0%}", f"{1 / step:.2f}"]
    if before:
        pairs = list(zip(rounds, before, strict=True))
        cells += [f"{statistics.median(b[key] / a[key] for a, b in pairs):.2f}" for key in ("sample", "step")]
    return cells


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Measure what training costs.")
    parser.add_argument("recipes", nargs="*", default=RECIPES)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--steps", type=int, default=8, help="in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--against", type=Path, help="the folder src of another version")
    parser.add_argument("--rounds-on-demand", action="store_true", help=argparse.SUPPRESS)
    given: Any = parser.parse_args()
    device = choose_device(given.device)
    if given.rounds_on_demand:
        bench = Bench(given.recipes[0], given.data, device, given.set)
        for _ in sys.stdin:
            print(json.dumps(bench.round(given.steps)), flush=True)
        return
    here, rows = Path(imgrestore.__file__).parent.parent, []
    with photos(given.data) as folder:
        for name in given.recipes:
            words = [name, "--data", str(folder), "--device", str(device), "--steps", str(given.steps)]
            words += [word for change in given.set for word in ("--set", change)]
            versions = [Version(source, words) for source in (here, *([given.against] if given.against else []))]
            found = [[version.round() for version in versions] for _ in range(given.rounds)]
            for version in versions:
                version.close()
            before = [each[1] for each in found] if given.against else []
            cells = row(name, [each[0] for each in found], before, load_recipe(name, given.set).data.batch)
            if device.type == "cuda":
                cells.append(f"{Bench(name, folder, device, given.set).busy(50):.0%}")
            rows.append(cells)
    heads = ["recipe", "ms a sample", "of a step", "steps/s", *["samples", "steps"] * bool(given.against)]
    print(f"{describe_device(device)}; with --against: how many times faster than that\n")
    print(markdown([[*heads, *["GPU busy"] * (device.type == "cuda")], *rows]))


if __name__ == "__main__":
    main()
