"""Several processes that train one network together, as started by ``torchrun``."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from imgrestore.errors import ComputeError

T = TypeVar("T")

_PATIENCE = datetime.timedelta(minutes=30)
"""How long a process waits for the others; one that has died is noticed at once."""


@dataclass(frozen=True)
class Processes:
    """The processes of a run, seen from one of them.

    Attributes:
        rank: Number of this process; number 0 writes files and speaks.
        size: Number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean of each value over all processes."""
        if self.size == 1:
            return values
        total = values.clone()
        dist.all_reduce(total)
        return total / self.size

    def gather(self, value: T) -> list[T]:
        """Return what every process gave, in the order of their numbers."""
        if self.size == 1:
            return [value]
        found: list[Any] = [None] * self.size
        dist.all_gather_object(found, value)
        return found

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            dist.barrier()

    def share(self, module: nn.Module, device: torch.device, partly_used: bool) -> nn.Module:
        """Return the module with gradients that are means over all processes."""
        if self.size == 1:
            return module
        devices = [device] if device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(module, devices, find_unused_parameters=partly_used)


def local_device(device: torch.device) -> torch.device:
    """Return the GPU of this process among those of its machine; any other device as it is."""
    if device.type == "cuda" and device.index is None and "LOCAL_RANK" in os.environ:
        return torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    return device


def here() -> Processes:
    """Return this process's place among those that ``torchrun`` started; alone without it."""
    return Processes(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))


@contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """Join the processes that ``torchrun`` started while the block runs.

    Raises:
        ComputeError: Another process has died.
    """
    processes = here()
    if processes.size == 1:
        yield processes
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    try:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_PATIENCE)
        yield processes
    except RuntimeError as error:
        if not _is_about_the_others(error):
            raise
        raise ComputeError(
            f"process {processes.rank}: another process of this run has ended",
            hint="its own message stands above; start all processes again with --resume",
        ) from None
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def _is_about_the_others(error: RuntimeError) -> bool:
    """Tell a lost connection from any other error: gloo raises a plain RuntimeError that names its source files."""
    text = str(error)
    return isinstance(error, dist.DistError) or "gloo" in text or "Connection" in text
