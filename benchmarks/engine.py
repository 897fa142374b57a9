"""What the engine costs: networks against the machine's matrix rate, tiles and files against networks, memory, starts.

    python benchmarks/engine.py [--models resnet-sr:4 resnet-denoise] [--megapixels 12] [--update docs/performance.md]

Prints tables in Markdown. Every share is a ratio of two things timed in turn in one run, since machines change their
pace; what stands in the tables is the median of the rounds. Needs only the installed package; the photo is made in a
temporary folder. docs/performance.md says what the columns mean.
"""

from __future__ import annotations

import argparse
import copy
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from documents import update
from torch.utils.flop_counter import FlopCounterMode

from imgrestore.codecs import open_image, write_image
from imgrestore.codecs.formats import by_name
from imgrestore.engine.allocation import keep_freed_memory
from imgrestore.engine.devices import DTYPES, choose_device, describe_device
from imgrestore.engine.prepare import prepare
from imgrestore.engine.restorer import Restorer
from imgrestore.engine.tiles import aligned
from imgrestore.evaluation.report import markdown
from imgrestore.image import Image
from imgrestore.image.resampling import resize
from imgrestore.weights.cards import shipped, weights_folder
from imgrestore.weights.catalogue import Choice, choose

TILES = 4
"""Tiles of the bare network that a round times."""

WATCHER = """
import os, subprocess, sys, time
began = time.perf_counter()
child = subprocess.Popen([sys.executable, "-m", "imgrestore", "-q", *sys.argv[1:]], stdout=subprocess.DEVNULL)
status, usage = os.wait4(child.pid, 0)[1:]
print(status, time.perf_counter() - began, usage.ru_maxrss / 1e3)
"""


@dataclass(frozen=True)
class Bench:
    """How things are timed.

    Attributes:
        device: Where networks compute.
        rounds: How often everything is timed.
        threads: Threads of the CPU.
    """

    device: torch.device
    rounds: int
    threads: int

    def seconds(self, work: Callable[[], object]) -> float:
        """Time one call."""
        began = time.perf_counter()
        work()
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter() - began

    def rounds_of(self, *works: Callable[[], float]) -> list[list[float]]:
        """Call each in turn, round by round, and return the figures of each."""
        return list(zip(*([work() for work in works] for _ in range(self.rounds)), strict=True))

    def matrix_rate(self, dtype: torch.dtype) -> float:
        """Return the rate of matrix products in GFLOPS, the best of a few."""
        a, b = (torch.randn(1024, 1024, device=self.device).to(dtype) for _ in range(2))
        return max(2 * 1024**3 / self.seconds(lambda: a @ b) / 1e9 for _ in range(8))

    def network(self, restorer: Restorer, rows: int, columns: int) -> float:
        """Return the seconds that the bare network needs for a tile of this size."""
        patch = torch.rand(1, 3, rows, columns)
        return self.seconds(lambda: [restorer._network(patch) for _ in range(TILES)]) / TILES


def share(parts: Sequence[float], wholes: Sequence[float]) -> float:
    """Return the median ratio of two things that were timed in turn."""
    return statistics.median(part / whole for part, whole in zip(parts, wholes, strict=True))


def picture(width: int, height: int) -> Image:
    """Make a photo-like picture: coarse shapes, finer shapes, a little grain."""
    rng = np.random.default_rng(0)
    sizes = [(3, math.ceil(height / step), math.ceil(width / step)) for step in (200, 20, 4)]
    layers = [torch.from_numpy(rng.random(size, np.float32)) for size in sizes]
    mixed = sum(weight * resize(layer, (height, width)) for weight, layer in zip((0.6, 0.3, 0.1), layers, strict=True))
    return Image((mixed.clamp(0, 1) * 255).byte().permute(1, 2, 0).contiguous().numpy())


def tile_of(restorer: Restorer, photo: Image) -> tuple[int, int]:
    """Return the height and width of the tiles that the engine takes, no larger than the photo."""
    height, width = photo.pixels.shape[:2]
    rows, columns = restorer.choose_tile(width)
    return aligned(restorer.model, min(rows, height)), aligned(restorer.model, min(columns, width))


@dataclass(frozen=True)
class Speed:
    """How fast a bare network is.

    Attributes:
        rate: Of matrix products in the same precision, in GFLOPS.
        seconds: For a megapixel of the result.
        done: Share of that rate that its arithmetic reaches.
        context: Time that the context of a tile adds, as a share.
    """

    rate: float
    seconds: float
    done: float
    context: float


def speed(bench: Bench, restorer: Restorer, photo: Image) -> Speed:
    """Compare a network on tiles with the matrix rate, and with itself on tiles that carry their context."""
    rows, columns = tile_of(restorer, photo)
    context = 2 * restorer.model.halo
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        copy.deepcopy(restorer.model).cpu()(torch.rand(1, 3, rows, columns))
    flops = counter.get_total_flops() / 1e9
    bench.network(restorer, rows, columns)
    rates, plain, halo = bench.rounds_of(
        lambda: bench.matrix_rate(DTYPES[restorer.precision]),
        lambda: bench.network(restorer, rows, columns),
        lambda: bench.network(restorer, rows + context, columns + context),
    )
    result = rows * columns * restorer.model.scale**2 / 1e6
    done = statistics.median(flops / seconds / rate for seconds, rate in zip(plain, rates, strict=True))
    return Speed(statistics.median(rates), statistics.median(plain) / result, done, share(halo, plain) - 1)


def network_row(bench: Bench, name: str, restorer: Restorer, photo: Image) -> list[str]:
    """Return what there is to say of a network's speed."""
    found = speed(bench, restorer, photo)
    figures = f"{found.rate:.0f}", f"{found.seconds:.3f}", f"{found.done:.0%}", f"{found.context:.0%}"
    return [name, restorer.precision, str(bench.threads), *figures]


def restore_row(bench: Bench, name: str, choice: Choice, restorer: Restorer, photo: Path) -> list[str]:
    """Compare the network with the engine in memory, with a file made of a file, and with the whole command."""
    image = open_image(photo).read()
    rows, columns = tile_of(restorer, image)
    pixels = image.pixels.shape[0] * image.pixels.shape[1]
    tiles = pixels / (rows * columns)
    context = 2 * restorer.model.halo
    to, form = photo.with_name("restored.jpg"), by_name("jpeg")
    assert form is not None, "JPEG is always there"
    arguments = ["restore", str(photo), "--model", choice.model, "--scale", f"{choice.scale:g}", "--overwrite"]
    arguments += ["--device", str(bench.device), "-o", str(to)]
    peaks: list[float] = []

    def command() -> float:
        seconds, peak = process(arguments)
        peaks.append(peak)
        return seconds

    plain, network, memory, files, commands = bench.rounds_of(
        lambda: tiles * bench.network(restorer, rows, columns),
        lambda: tiles * bench.network(restorer, rows + context, columns + context),
        lambda: bench.seconds(lambda: [None for _ in restorer.stream(image.stream()).bands]),
        lambda: bench.seconds(lambda: write_image(restorer.stream(open_image(photo)), to, form)),
        command,
    )
    megapixels = pixels * restorer.model.scale**2 / 1e6
    return [
        name,
        restorer.precision,
        f"{statistics.median(commands):.1f}",
        f"{statistics.median(commands) / megapixels:.3f}",
        f"{share(plain, memory):.0%}",
        f"{share(network, memory):.0%}",
        f"{share(memory, files):.0%}",
        f"{statistics.median(peaks):.0f}",
    ]


def process(arguments: list[str]) -> tuple[float, float]:
    """Run the command line and return wall-clock seconds and peak memory in MB.

    A small process of its own starts and watches it: a child's peak counts the memory of the process that starts it.
    """
    done = subprocess.run([sys.executable, "-c", WATCHER, *arguments], stdout=subprocess.PIPE, text=True, check=True)
    status, wall, peak = (float(word) for word in done.stdout.split())
    if status:
        raise SystemExit(f"imgrestore {' '.join(arguments)} failed")
    return wall, peak


def machine(bench: Bench) -> str:
    """Return what the figures were taken on, in words."""
    cpu, info = platform.processor() or platform.machine(), Path("/proc/cpuinfo")
    if info.is_file():
        named = (line for line in info.read_text().splitlines() if line.startswith("model name"))
        cpu = next(named, cpu).partition(":")[2].strip() or cpu
    where = cpu if bench.device.type == "cpu" else f"{describe_device(bench.device)}, {cpu}"
    return f"{where}, {os.cpu_count()} cores; Python {platform.python_version()}, torch {torch.__version__}\n"


def main() -> None:
    """Print the tables."""
    default = [f"{name}:{scale}" for (name, scale), path in shipped().items() if path.parent == weights_folder()]
    parser = argparse.ArgumentParser(description="Measure speed and memory.")
    parser.add_argument("--models", nargs="+", default=default, metavar="NAME:SCALE")
    parser.add_argument("--megapixels", type=float, default=12, help="size of the photo")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--update", nargs="+", type=Path, default=[], help="documents to put the tables into")
    args = parser.parse_args()
    keep_freed_memory()
    choices = {spec: choose(*_parsed(spec)) for spec in args.models}
    cores = torch.get_num_threads()
    benches = [Bench(choose_device(args.device), args.rounds, threads) for threads in dict.fromkeys((1, cores))]
    height = round((args.megapixels * 1e6 * 3 / 4) ** 0.5)
    width = round(height * 4 / 3)
    networks, restorations = [], []
    with tempfile.TemporaryDirectory() as folder:
        photo, form = Path(folder) / "photo.jpg", by_name("jpeg")
        assert form is not None, "JPEG is always there"
        image = picture(width, height)
        write_image(image.stream(), photo, form)
        for name, choice in choices.items():
            for bench in benches:
                torch.set_num_threads(bench.threads)
                for precision in ("fp32", "bf16"):
                    restorer = prepare(choice, device=args.device, precision=precision)
                    networks.append(network_row(bench, name, restorer, image))
            restorations.append(restore_row(bench, name, choice, prepare(choice, device=args.device), photo))
    starts = [
        [f"`imgrestore {' '.join(each)}`", f"{statistics.median(process(each)[0] for _ in range(args.rounds + 2)):.2f}"]
        for each in (["--version"], ["--help"], ["models", "list"])
    ]
    columns = {
        "networks": ["network", "precision", "threads", "GFLOPS", "s/MP", "share of GFLOPS", "tiles cost"],
        "restore": [
            "model",
            "precision",
            "seconds",
            "s/MP",
            "of the network",
            "with context",
            "of memory's",
            "peak MB",
        ],
        "starts": ["command", "seconds"],
    }
    tables = {"machine": machine(benches[0])}
    for name, rows in (("networks", networks), ("restore", restorations), ("starts", starts)):
        tables[name] = markdown([columns[name], *rows])
    for name, text in tables.items():
        print(text)
        for document in args.update:
            update(document, name, text)


def _parsed(spec: str) -> tuple[str, float | None]:
    name, _, scale = spec.partition(":")
    return name, float(scale) if scale else None


if __name__ == "__main__":
    main()
