"""Processes of the tests: they start as from a terminal, whatever the tests were started by, and outlive no test."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

_GRACE = 6.0
"""Seconds in which a process may end by itself after its test; a worker of torch looks for its parent every five."""

_LAUNCHER = """
import ctypes, os, signal, sys
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, signal.SIGTERM):
    signal.signal(number, signal.SIG_DFL)
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: to end with the tests, even if they are killed
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""Becomes the command. ``nohup``, a job in the background and Python itself each leave some signals ignored, which a
child would inherit; what can be done between fork and exec instead is not safe beside threads."""


def start(command: Iterable[object], env: dict[str, str] | None = None, **options: Any) -> subprocess.Popen[Any]:
    """Start a command in a session of its own, so that a Ctrl-C for the tests does not reach it.

    Args:
        command: Its words.
        env: What the environment holds beside that of the tests.
        **options: Those of :class:`subprocess.Popen`.
    """
    return subprocess.Popen(_launched(command), env=_environment(env), start_new_session=True, **options)


def run(
    command: Iterable[object], env: dict[str, str] | None = None, **options: Any
) -> subprocess.CompletedProcess[Any]:
    """Start a command and wait for its end; the options are those of :func:`subprocess.run`."""
    options = {"check": False} | options
    return subprocess.run(_launched(command), env=_environment(env), start_new_session=True, **options)


def ignoring(number: signal.Signals, command: Iterable[object]) -> list[object]:
    """Return a command that starts as if a shell had told it to ignore a signal."""
    return ["sh", "-c", f"trap '' {number.name.removeprefix('SIG')}; exec \"$@\"", "sh", *command]


def _environment(more: dict[str, str] | None) -> dict[str, str]:
    """Return an environment that knows nothing of the tests, for one thread."""
    ours = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    return ours | {"OMP_NUM_THREADS": "1"} | (more or {})


def _launched(command: Iterable[object]) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", _LAUNCHER, *map(str, command)]


def adopt_orphans() -> None:
    """Make processes whose parent ends children of this one, so that they can be found (on Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def end_all() -> list[str]:
    """End the processes that are left, with all that they started, and return their command lines."""
    end, ended = time.monotonic() + _GRACE, []
    while left := _children():
        if time.monotonic() < end:
            time.sleep(0.02)
            continue
        for process, line in left.items():
            with suppress(ProcessLookupError):
                group = os.getpgid(process)
                os.killpg(group, signal.SIGKILL) if group != os.getpgid(0) else os.kill(process, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(process, 0)
            ended.append(line)
    return ended


def _children() -> dict[int, str]:
    """Return the running children of this process, but for the one that Python keeps, and their command lines."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return {}  # the quick answer, nearly always
    found = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            state, parent = status.read_text().rpartition(")")[2].split()[:2]
            if int(parent) == os.getpid() and state != "Z":
                line = status.with_name("cmdline").read_bytes().replace(b"\0", b" ")
                found[int(status.parent.name)] = line.decode(errors="replace").strip()
    found.pop(resource_tracker._resource_tracker._pid, None)
    return found
