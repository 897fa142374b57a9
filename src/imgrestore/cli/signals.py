"""Leaving when a signal says so: at once where Python runs, and in time wherever it does not."""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from imgrestore.batch.interruption import ENDING
from imgrestore.cli import console
from imgrestore.files import remove_unfinished

_PATIENCE = 4.0
"""Seconds that the ordinary way out may take."""


def heeded(*numbers: signal.Signals) -> list[signal.Signals]:
    """Return those that whoever started this process did not tell it to ignore.

    ``nohup`` does so with SIGHUP, and a shell without job control with the SIGINT of what it starts in the background,
    so that a Ctrl-C for what runs in front of it ends nothing else.
    """
    return [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]


def leave_when_told() -> None:
    """Make the signals that end a process end it by the ordinary way, so that unfinished files are removed."""
    for number in heeded(*ENDING):
        signal.signal(number, _leave)


def _leave(number: int, _: FrameType | None) -> None:
    """Leave by the ordinary way; a second Ctrl-C does not wait for that."""
    for other in (signal.SIGTERM, signal.SIGHUP):  # a closing terminal or a service manager sends several
        signal.signal(other, signal.SIG_IGN)
    for other in heeded(signal.SIGINT):
        signal.signal(other, signal.SIG_DFL)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)


@contextmanager
def leaving_in_time(last_words: Callable[[], str]) -> Iterator[None]:
    """End the process soon after a signal even if the block cannot.

    Python hands signals to the main thread between two of its own steps, and a tile of a large network or the end of an
    encoder is one step that may take minutes. The system writes each signal's number into a socket too, where a second
    thread waits for it: if the block has not ended some seconds later, that thread removes unfinished files, says the
    last words and ends the process. A second Ctrl-C is not kept waiting.

    Args:
        last_words: Gives the line to say.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        thread = threading.Thread(target=_watch, args=(ours, last_words), name="signals", daemon=True)
        thread.start()
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
            theirs.shutdown(socket.SHUT_WR)
            thread.join()


def _watch(numbers: socket.socket, last_words: Callable[[], str]) -> None:
    """Wait for the end of the block; once a signal has come, not for long."""
    first, deadline = 0, None
    while deadline is None or (left := deadline - time.monotonic()) > 0:
        if not select.select([numbers], [], [], None if deadline is None else left)[0]:
            break
        number = numbers.recv(1)
        if not number:
            return
        if deadline is None and number[0] in ENDING:
            first, deadline = number[0], time.monotonic() + _PATIENCE
        elif first and number[0] == signal.SIGINT:
            break
    try:
        remove_unfinished()
        console.last_line(last_words())
    finally:
        os._exit(128 + first)
