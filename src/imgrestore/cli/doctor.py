"""``imgrestore doctor``."""

from __future__ import annotations

import platform

from imgrestore import __version__
from imgrestore.cli import console
from imgrestore.weights.cards import read_card, shipped, weights_folder


def doctor() -> None:
    """Say what works here and why: device, precision, codecs, weights."""
    import torch

    from imgrestore.codecs.versions import versions
    from imgrestore.engine.devices import choose_device, choose_precision, describe_device

    device = choose_device("auto")
    why = "a GPU that torch can use" if device.type == "cuda" else _why_no_gpu(torch.version.cuda)
    rows = [
        ["what", "here"],
        ["imgrestore", f"{__version__}, Python {platform.python_version()}, torch {torch.__version__}"],
        ["device", f"{device.type}: {describe_device(device)} ({why})"],
        ["codecs", versions()],
    ]
    for (name, scale), path in shipped().items():
        if path.parent != weights_folder():
            continue  # of a paper, not of the product
        loss = read_card(path).bf16_loss_db
        precision = choose_precision("auto", device, loss)
        measured = "bf16 not measured" if loss is None else f"bf16 costs {loss:.3f} dB"
        rows.append([f"{name} {scale}x", f"{path.name}; computes in {precision} ({measured})"])
    console.table(rows)


def _why_no_gpu(cuda: str | None) -> str:
    return "this torch is built without CUDA" if cuda is None else "torch finds no GPU"
