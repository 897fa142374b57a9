"""Records for TensorBoard, which is an optional extra."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from imgrestore.errors import UsageError


def writer(folder: Path) -> Callable[[dict[str, Any]], None]:
    """Return what writes a run's records where TensorBoard finds them.

    Raises:
        UsageError: TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise UsageError(
            "--tensorboard needs a package that is not installed", hint="pip install 'imgrestore[tensorboard]'"
        ) from None
    summary: SummaryWriter | None = None

    def write(record: dict[str, Any]) -> None:
        nonlocal summary
        if summary is None:  # a resumed run takes back what lies beyond its checkpoint
            summary = SummaryWriter(str(folder), purge_step=record["step"])
        values = {key: value for key, value in record.items() if isinstance(value, int | float) and key != "step"}
        for key, value in (values | record.get("terms", {})).items():
            summary.add_scalar(key, value, record["step"])
        summary.flush()

    return write
