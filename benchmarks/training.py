"""Where the time of a training step goes.

Run ``python benchmarks/training.py RECIPE FOLDER [--workers N] [--steps N] [--set key=value …]``. Every share is taken
in one run, step by step, so that a busy machine slows all of them alike.
"""

from __future__ import annotations

import argparse
import time
from contextlib import closing
from pathlib import Path

import torch

from imgrestore.datasets.loader import batches, default_workers
from imgrestore.datasets.samples import Share
from imgrestore.devices import choose_device, describe_device
from imgrestore.recipes.recipe import load_recipe
from imgrestore.training.data import on_gpu, read_data
from imgrestore.training.plan import Plan
from imgrestore.training.state import Training


def main() -> None:
    """Take steps and print what they spend their time on."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("recipe")
    parser.add_argument("data", type=Path)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--workers", type=int, default=default_workers())
    parser.add_argument("--device", default="auto")
    parser.add_argument("--set", action="append", default=[])
    given = parser.parse_args()
    device = choose_device(given.device)
    recipe = load_recipe(given.recipe, given.set)
    data = on_gpu(read_data(recipe, given.data, 4 * 2**30), device)
    training = Training(recipe, Plan.of(recipe, len(data.samples), 1), device)
    shares = measure(training, Share(data.samples), given.workers, given.steps)
    total = sum(shares.values())
    print(f"{recipe.name} on {describe_device(device)}, {given.workers} workers: {given.steps / total:.2f} steps/s")
    for what, seconds in shares.items():
        print(f"{what:24} {1000 * seconds / given.steps:8.2f} ms  {100 * seconds / total:5.1f} %")


def measure(training: Training, share: Share, workers: int, steps: int, warm_up: int = 10) -> dict[str, float]:
    """Return the seconds spent on each part of the steps after some that warm up."""
    shares = dict.fromkeys(("waiting for data", "forward and backward", "optimiser and averages"), 0.0)
    whole = training._module

    def timed(*arguments: object) -> torch.Tensor:
        marks.append(time.perf_counter())
        return whole(*arguments)

    training._module = timed
    backward = torch.Tensor.backward

    def timed_backward(self: torch.Tensor, *arguments: object, **options: object) -> None:
        backward(self, *arguments, **options)
        if training.device.type == "cuda":
            torch.cuda.synchronize()
        marks.append(time.perf_counter())

    torch.Tensor.backward = timed_backward
    with closing(batches(share, 0, workers)) as loader:
        for step in range(steps + warm_up):
            marks = [time.perf_counter()]
            batch = next(loader)
            marks.append(time.perf_counter())
            training.advance([batch])
            marks.append(time.perf_counter())
            if step >= warm_up:
                shares["waiting for data"] += marks[1] - marks[0]
                shares["forward and backward"] += marks[3] - marks[2]
                shares["optimiser and averages"] += marks[4] - marks[3] + marks[2] - marks[1]
    torch.Tensor.backward = backward
    return shares


if __name__ == "__main__":
    main()
