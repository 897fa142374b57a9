"""Holding back the signals that end a process while what has happened is written down and counted."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that end a process by the ordinary way."""


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let a signal that would end the process wait for the end of the block, which should be short.

    Only the main thread is told of signals; in any other there is nothing to hold back.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[tuple[int, FrameType | None]] = []
    usual: dict[int, Callable[[int, FrameType | None], object]] = {
        number: handler for number in ENDING if callable(handler := signal.getsignal(number))
    }
    for number in usual:
        signal.signal(number, lambda number, frame: came.append((number, frame)))
    try:
        yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
        for number, frame in came:
            usual[number](number, frame)  # not raised again: two Ctrl-C are not one
