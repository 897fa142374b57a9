"""What networks of other sizes would cost, without weights: what the shipped ones were chosen from.

    python benchmarks/networks.py [--sizes resnet-sr:4:48x6 resnet-deblur:1:96x6x4] [--update docs/models.md]

A size is a model, its scale, the width and number of its blocks, and how often its input is folded if not as usual.
One thread, in the precision that ``--precision`` says; the columns are those of benchmarks/engine.py.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from documents import update

from engine import Bench, picture, speed
from imgrestore.engine.allocation import keep_freed_memory
from imgrestore.engine.restorer import Restorer
from imgrestore.evaluation.report import markdown
from imgrestore.weights.storage import build

TRIED = {
    "resnet-sr:4": ("32x6", "48x6", "64x8", "64x12"),
    "resnet-sr:2": ("32x6", "48x6", "64x12"),
    "resnet-denoise:1": ("32x5", "48x5", "48x8", "64x12"),
    "resnet-deblur:1": ("48x10", "64x12", "96x6x4", "128x8x4"),
}


def main() -> None:
    """Print the table."""
    tried = [f"{model}:{size}" for model, sizes in TRIED.items() for size in sizes]
    parser = argparse.ArgumentParser(description="Measure the speed of networks of several sizes.")
    parser.add_argument("--sizes", nargs="+", default=tried, metavar="NAME:SCALE:WIDTHxBLOCKS[xFOLD]")
    parser.add_argument("--precision", default="bf16", choices=["fp32", "bf16"])
    parser.add_argument("--megapixels", type=float, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--update", nargs="+", type=Path, default=[], help="documents to put the table into")
    args = parser.parse_args()
    keep_freed_memory()
    torch.set_num_threads(1)
    bench = Bench(torch.device("cpu"), args.rounds, threads=1)
    side = round((args.megapixels * 1e6) ** 0.5)
    image = picture(side, side)
    rows = []
    for spec in args.sizes:
        name, scale, size = spec.split(":")
        width, blocks, *fold = (int(number) for number in size.split("x"))
        folded = {"fold": fold[0]} if fold else {}
        model = build(name, {"scale": int(scale), "width": width, "blocks": blocks, **folded})
        found = speed(bench, Restorer(model, precision=args.precision), image)
        parameters = sum(each.numel() for each in model.parameters())
        figures = f"{parameters:,}", f"{found.seconds:.3f}", f"{found.done:.0%}", f"{found.context:.0%}"
        what = f"{blocks} of {width}" + (f", at 1/{fold[0]}" if fold else "")
        rows.append([f"`{name}` {scale}x", what, *figures])
        print(*rows[-1], f"({found.rate:.0f} GFLOPS)", sep="  ")
    text = markdown([["model", "blocks", "parameters", "s/MP", "share of GFLOPS", "tiles cost"], *rows])
    print(f"\n{text}")
    for document in args.update:
        update(document, "sizes", text)


if __name__ == "__main__":
    main()
