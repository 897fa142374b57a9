import signal
import sys
from pathlib import Path

import pytest

import processes

SLEEP = [sys.executable, "-c", "import time; time.sleep(1000)"]


def test_a_child_ignores_nothing_whatever_the_tests_ignore() -> None:
    code = "import signal; print([signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)])"
    before = [(number, signal.signal(number, signal.SIG_IGN)) for number in (signal.SIGINT, signal.SIGHUP)]
    try:
        done = processes.run([sys.executable, "-c", code], capture_output=True, text=True)
    finally:
        for number, handler in before:
            signal.signal(number, handler)
    assert "SIG_IGN" not in done.stdout and done.stdout.count("SIG_DFL") == 2 and "default_int_handler" in done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel of Linux")
def test_what_is_left_is_named_and_ended_even_if_its_parent_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_GRACE", 0.2)
    orphan = f"import subprocess; subprocess.Popen({SLEEP}, start_new_session=True)"
    assert processes.run([sys.executable, "-c", orphan]).returncode == 0
    child = processes.start(SLEEP)
    left = processes.end_all()
    assert len(left) == 2 and all("time.sleep(1000)" in line for line in left)
    assert child.wait(timeout=10) is not None and processes.end_all() == []


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel of Linux")
def test_children_end_with_the_tests_even_if_those_are_killed() -> None:
    code = (
        "import os, processes, signal, sys\n"
        f"child = processes.start({[*SLEEP[:2], 'print(flush=True); ' + SLEEP[2]]}, stdout=-1)\n"
        "child.stdout.readline()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = processes.run([sys.executable, "-c", code], env={"PYTHONPATH": str(Path(__file__).parent)})
    assert killed.returncode == -signal.SIGKILL and processes.end_all() == []
