"""What the engine costs: speed against the bare network and the machine's matrix rate, memory, cold start.

    python benchmarks/engine.py [--model resnet-sr] [--scale 2] [--quick]

Ratios are taken from runs that alternate with what they are compared to, since machines change their pace; the median
of the rounds is printed. Needs only the installed package; pictures are made in a temporary folder.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from imgrestore.api import prepare
from imgrestore.catalogue import choose
from imgrestore.codecs import write_image
from imgrestore.codecs.formats import by_name
from imgrestore.engine import Restorer
from imgrestore.filters import resize
from imgrestore.image import Image

ROUNDS = 5


def picture(width: int, height: int) -> Image:
    """Make a photo-like picture: coarse shapes, finer shapes, a little grain."""
    rng = np.random.default_rng(0)
    layers = [torch.from_numpy(rng.random((3, height // step, width // step), np.float32)) for step in (200, 20, 4)]
    mixed = sum(weight * resize(layer, (height, width)) for weight, layer in zip((0.6, 0.3, 0.1), layers, strict=True))
    return Image((mixed.clamp(0, 1) * 255).byte().permute(1, 2, 0).contiguous().numpy())


def seconds(work: Callable[[], object]) -> float:
    """Time one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def gemm_rate(dtype: torch.dtype) -> float:
    """Return the machine's matrix product rate in GFLOPS, best of a few."""
    a, b = (torch.randn(1024, 1024).to(dtype) for _ in range(2))
    return max(2 * 1024**3 / seconds(lambda: a @ b) / 1e9 for _ in range(12))


def network_flops(restorer: Restorer) -> float:
    """Return the arithmetic of the network's convolutions per input pixel."""
    return sum(2 * module.weight.numel() for module in restorer.model.modules() if isinstance(module, torch.nn.Conv2d))


def speed(restorer: Restorer, side: int) -> None:
    """Compare the engine on a square picture with the bare network on tiles of the same total size, round by round."""
    source = picture(side, side)
    rows, columns = restorer.choose_tile(side)
    patch = torch.rand(1, 3, rows, columns).contiguous(memory_format=torch.channels_last)
    count = side * side / (rows * columns)

    def bare() -> None:
        with torch.inference_mode():
            restorer._network(patch)

    bare()
    ratios, bare_times, rates = [], [], []
    for _ in range(ROUNDS):
        rates.append(gemm_rate(torch.bfloat16 if restorer.precision == "bf16" else torch.float32))
        bare_times.append(statistics.mean(seconds(bare) for _ in range(3)) * count)
        ratios.append(bare_times[-1] / seconds(lambda: restorer.restore(source)))
    pixels = side * side * restorer.model.scale**2 / 1e6
    flops = network_flops(restorer) * side * side / 1e9
    share = statistics.median(flops / t / rate for t, rate in zip(bare_times, rates, strict=True))
    print(f"precision {restorer.precision}, tile {rows}x{columns}, {torch.get_num_threads()} threads")
    print(f"  matrix product {statistics.median(rates):8.0f} GFLOPS")
    print(f"  bare network   {statistics.median(bare_times) / pixels:8.3f} s per output MP, {share:.0%} of that rate")
    print(f"  engine         {statistics.median(ratios):8.0%} of the bare network's speed")


WATCHER = """
import os, subprocess, sys, time
began = time.perf_counter()
child = subprocess.Popen([sys.executable, "-m", "imgrestore", "-q", *sys.argv[1:]], stdout=subprocess.DEVNULL)
status, usage = os.wait4(child.pid, 0)[1:]
print(status, time.perf_counter() - began, usage.ru_maxrss / 1e3)
"""


def process(arguments: list[str]) -> tuple[float, float]:
    """Run the command line and return wall-clock seconds and peak memory in MB.

    A small process of its own starts and watches it: a child's peak counts the memory of the process that starts it.
    """
    done = subprocess.run([sys.executable, "-c", WATCHER, *arguments], stdout=subprocess.PIPE, text=True, check=True)
    status, wall, peak = (float(word) for word in done.stdout.split())
    if status:
        raise SystemExit(f"imgrestore {' '.join(arguments)} failed")
    return wall, peak


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="resnet-sr")
    parser.add_argument("--scale", type=float, default=2)
    parser.add_argument("--quick", action="store_true", help="smaller pictures")
    options = parser.parse_args()
    choice = choose(options.model, options.scale)
    for precision in ("fp32", "bf16"):
        speed(prepare(choice, device="cpu", precision=precision), 512 if options.quick else 1024)
    with tempfile.TemporaryDirectory() as folder:
        sizes = [(1000, 750), (2000, 1500)] if options.quick else [(4000, 3000), (6000, 4000)]
        peaks = []
        for width, height in sizes:
            source = Path(folder) / f"{width}.jpg"
            form = by_name("jpeg")
            assert form is not None
            write_image(picture(width, height).stream(), source, form)
            arguments = ["restore", str(source), "--model", options.model, "--scale", str(options.scale)]
            wall, peak = process([*arguments, "-o", str(Path(folder) / f"{width}.png")])
            peaks.append(peak)
            print(f"{width * height / 1e6:.0f} MP photo x{options.scale:g}: {wall:.1f} s, peak {peak:.0f} MB")
        print(f"  the larger one needs {peaks[1] / peaks[0]:.2f} times the memory")
    for arguments in (["--help"], ["models", "list"]):
        print(f"{' '.join(arguments)}: {statistics.median(process(arguments)[0] for _ in range(ROUNDS)):.2f} s")


if __name__ == "__main__":
    main()
