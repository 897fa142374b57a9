"""Several processes that train one network together, as started by ``torchrun``."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from imgrestore.errors import ComputeError, UsageError

T = TypeVar("T")

_PATIENCE = datetime.timedelta(minutes=30)
"""How long a process waits for the others; one that has died is noticed at once."""


@dataclass(frozen=True)
class Processes:
    """The processes of a run, seen from one of them.

    Attributes:
        rank: Number of this process; number 0 writes files and speaks.
        size: Number of processes.
        device: Where this process computes.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

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

    def agree(self, *numbers: float) -> list[float]:
        """Return the sums of some numbers over all processes, the same in each of them; no GPU is waited for."""
        if self.size == 1:
            return list(numbers)
        total = torch.tensor(numbers, dtype=torch.float64)
        dist.all_reduce(total)
        return total.tolist()

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

    def share(self, module: nn.Module, partly_used: bool) -> nn.Module:
        """Return the module with gradients that are means over all processes.

        On GPUs batch normalisation sees the samples of all processes, too; on the CPU each process normalises its own.
        """
        if self.size == 1:
            return module
        devices = None
        if self.device.type == "cuda":
            devices = [self.device]
            module = nn.SyncBatchNorm.convert_sync_batchnorm(module)  # type: ignore[no-untyped-call]
        return nn.parallel.DistributedDataParallel(module, devices, find_unused_parameters=partly_used)


def local_device(device: torch.device) -> torch.device:
    """Return the GPU of this process among those of its machine; any other device as it is.

    Raises:
        UsageError: There are fewer GPUs than processes, or all processes were given the same one.
    """
    if device.type != "cuda" or "LOCAL_RANK" not in os.environ:
        return device
    number, count = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
    if device.index is not None and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UsageError(f"all processes would use {device}", hint="--device cuda gives each process a GPU of its own")
    if number >= count:
        raise UsageError(f"process {number} has no GPU: there are {count}", hint=f"--nproc-per-node {count}")
    return torch.device("cuda", number)


def launcher() -> list[str]:
    """Return how a command begins that starts as many processes as these; how machines find each other is left out."""
    many = here().size
    if many == 1:
        return ["imgrestore"]
    local = int(os.environ.get("LOCAL_WORLD_SIZE", many))
    machines = ["--nnodes", str(many // local)] if local < many else []
    return ["torchrun", *machines, "--nproc-per-node", str(local), "-m", "imgrestore"]


def here() -> Processes:
    """Return this process's place among those that ``torchrun`` started; alone without it."""
    return Processes(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))


@contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """Join the processes that ``torchrun`` started, and make a GPU the current one, while the block runs.

    Raises:
        ComputeError: Another process has died.
    """
    processes, on_gpu = replace(here(), device=device), device.type == "cuda"
    with torch.cuda.device(device) if on_gpu else nullcontext():  # streams and graphs are made for the current GPU
        if processes.size == 1:
            yield processes
            return
        try:
            backend = "cpu:gloo,cuda:nccl" if on_gpu else "gloo"
            dist.init_process_group(backend, timeout=_PATIENCE, device_id=device if on_gpu else None)
            yield processes
        except RuntimeError as error:
            if not _is_about_the_others(error):
                raise
            raise ComputeError(
                f"process {processes.rank}: another process of this run has ended ({str(error).splitlines()[0]})",
                hint="its own message stands above; start all processes again with --resume",
            ) from None
        finally:
            if dist.is_initialized():
                dist.destroy_process_group()


def _is_about_the_others(error: RuntimeError) -> bool:
    """Tell a lost connection from any other error: gloo raises a plain RuntimeError that names its source files."""
    text = str(error)
    return isinstance(error, dist.DistError) or "gloo" in text or "Connection" in text
