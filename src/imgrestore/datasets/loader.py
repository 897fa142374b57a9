"""Worker processes that prepare batches while the network computes."""

from __future__ import annotations

import itertools
import os
import signal
import warnings
from collections.abc import Generator
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset
from torch.utils.data._utils import signal_handling

from imgrestore.datasets.samples import Batch, Share
from imgrestore.errors import ComputeError, ImgrestoreError

_AHEAD = 2
"""Batches a worker prepares ahead."""


def batches(share: Share, first: int, workers: int) -> Generator[Batch, None, None]:
    """Go through the batches of a run in order, without end; closing the generator ends the workers.

    Args:
        share: Where they come from.
        first: Number of the first one.
        workers: Processes that prepare them; with 0, or if other processes cannot see the pictures since the system
            shares too little memory, each batch is made when it is asked for.

    Raises:
        ImgrestoreError: A batch cannot be made, or a worker has died.
    """
    if not workers or not share.samples.pictures.portable:
        yield from (share[number] for number in itertools.count(first))
    try:
        loader = _started(share, first, workers)
        try:
            for batch in loader:
                if isinstance(batch, ImgrestoreError):
                    raise batch
                yield batch
        finally:
            _end(loader)
    except (RuntimeError, ConnectionError, EOFError, FileNotFoundError) as error:
        if isinstance(error, RuntimeError) and "DataLoader worker" not in str(error):
            raise
        raise ComputeError(
            "a process that prepares batches has ended",
            hint="it may have run out of memory; --resume with fewer --workers",
        ) from None


def default_workers() -> int:
    """Return how many workers suit this process: one for two cores, at most four."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(4, cores // 2))


def _started(share: Share, first: int, workers: int) -> Any:
    """Return torch's iterator over the batches, whose workers are at work.

    Torch would raise an error wherever this process is when a worker dies, be it in the middle of a step or of a
    checkpoint. Its iterator finds out by itself, within seconds, when a batch does not come.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This DataLoader will create")  # whoever asks for more workers gets them
        loader: Any = iter(
            DataLoader(
                _Numbered(share),
                batch_size=None,
                sampler=range(first, first + 10**12),
                num_workers=workers,
                prefetch_factor=_AHEAD,
                multiprocessing_context="spawn",  # libvips and torch have threads that a fork would not survive
                worker_init_fn=_leave_signals_to_the_run,
                generator=torch.Generator(),  # it draws a seed we have no use for; not from the run's random numbers
            )
        )
    signal_handling._remove_worker_pids(id(loader))  # type: ignore[attr-defined]
    loader._worker_pids_set = False
    return loader


def _end(loader: Any) -> None:
    """End the workers now, and wait for them: at the interpreter's end that would take for ever.

    How they die is no matter any more: one may be killed while its interpreter ends, by threads of a library.
    """
    try:
        loader._shutdown_workers()
    finally:
        for worker in loader._workers:
            worker.kill()  # the polite way, SIGTERM, is what they ignore
            worker.join()


class _Numbered(Dataset[Batch | ImgrestoreError]):
    """A share of the batches as torch's loader wants it; an error travels as a value, to be raised as it is."""

    def __init__(self, share: Share) -> None:
        self.share = share

    def __getitem__(self, number: int) -> Batch | ImgrestoreError:
        try:
            return self.share[number]
        except ImgrestoreError as error:
            return error


def _leave_signals_to_the_run(worker: int) -> None:
    """Go on through a Ctrl-C: the run stops after its step and then ends its workers."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
