"""The curves of a run as a picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

_BASELINES = ("input", "bicubic")


def draw_curves(records: Sequence[dict[str, Any]]) -> bytes:
    """Draw loss, learning rate, and PSNR beside that of the unrestored input or bicubic.

    Args:
        records: The records of a run's log.

    Returns:
        A PNG file.
    """
    figure = Figure(figsize=(12, 3.6), dpi=100, layout="constrained")
    loss, rate, quality = figure.subplots(1, 3)
    logged = [record for record in records if "loss" in record]
    measured = [record for record in records if "model_psnr" in record]
    _draw(loss, logged, "loss", "training")
    for term in logged[-1].get("terms", ()) if logged else ():
        having = [record for record in logged if term in record.get("terms", ())]
        loss.plot([r["step"] for r in having], [r["terms"][term] for r in having], label=term, linewidth=0.8)
    _draw(loss, measured, "held_out_loss", "held out")
    if logged and all(record["loss"] > 0 for record in logged):
        loss.set_yscale("log")
    _draw(rate, logged, "learning_rate", "")
    _draw(quality, measured, "model_psnr", "model")
    for name in _BASELINES:
        if measured and f"{name}_psnr" in measured[0]:
            quality.axhline(measured[-1][f"{name}_psnr"], color="gray", linestyle="--", label=name)
    for axes, title in ((loss, "loss"), (rate, "learning rate"), (quality, "PSNR of held-out images, dB")):
        axes.set_title(title)
        axes.set_xlabel("step")
        if axes.get_legend_handles_labels()[1]:
            axes.legend()
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()


def _draw(axes: Axes, records: Sequence[dict[str, Any]], key: str, label: str) -> None:
    having = [record for record in records if key in record]
    marker = "o" if len(having) < 30 else ""
    axes.plot([r["step"] for r in having], [r[key] for r in having], label=label or None, marker=marker, markersize=3)
