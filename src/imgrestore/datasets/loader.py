"""Worker processes that prepare batches while the network computes."""

from __future__ import annotations

import itertools
import os
import signal
import warnings
from collections.abc import Generator

import torch
from torch.utils.data import DataLoader, Dataset

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
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This DataLoader will create")  # whoever asks for more workers gets them
        loader = iter(
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
    try:
        for batch in loader:
            if isinstance(batch, ImgrestoreError):
                raise batch
            yield batch
    except (RuntimeError, ConnectionError, EOFError, FileNotFoundError) as error:
        if isinstance(error, RuntimeError) and "DataLoader worker" not in str(error):
            raise
        raise ComputeError(
            "a process that prepares batches has ended",
            hint="it may have run out of memory; --resume with fewer --workers",
        ) from None
    finally:
        loader._shutdown_workers()  # type: ignore[attr-defined]  # now: at the interpreter's end it would wait for ever


def default_workers() -> int:
    """Return how many workers suit this process: one for two cores, at most four."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(4, cores // 2))


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
