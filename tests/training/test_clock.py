"""The clock of a run, by a time of the tests' own."""

import runpy
import subprocess
import sys
import time
from pathlib import Path

import pytest

from imgrestore.training import clock as module
from imgrestore.training.clock import Clock, process_began

COSTS = {"measure": 2.0, "final": 5.0, "checkpoint": 0.4, "weights": 0.3, "page": 1.2}


class Time:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Piece:
    """A run in minutes that does what the loop does, each thing in its time."""

    def __init__(self, minutes: float, opening: float, step: float, limit: float = float("inf")) -> None:
        self.time, self.step, self.rates, self.measured = Time(), step, [], 0
        self.clock = Clock(minutes, limit, self.time.now, self.time)
        self.time.now += opening
        self.clock.costs |= {thing: 0.8 * COSTS[thing] for thing in ("measure", "final", "weights")}
        for thing in ("checkpoint", "page"):
            self.do(thing)

    def do(self, thing: str) -> None:
        with self.clock.aside(thing):
            self.time.now += COSTS[thing]

    def run(self, earlier: float = 0.0, share: float = 0.0) -> float:
        self.clock.start(earlier, share)
        while self.clock.share < 1 and not self.clock.late():
            self.rates.append(self.clock.share)
            self.time.now += self.step
            self.clock.stepped()
            if self.clock.due("measure", 0.03, 0) and self.clock.share < 0.95:
                self.do("measure")
                self.measured += COSTS["measure"]
        if self.clock.share >= 1:
            for thing in ("final", "checkpoint", "weights", "page"):
                self.do(thing)
        return self.time.now - 1000


@pytest.mark.parametrize("minutes", [1.5, 3, 60])
@pytest.mark.parametrize("opening", [0.5, 20])
@pytest.mark.parametrize("step", [0.05, 0.7])
def test_a_run_ends_in_time_and_annealed(minutes: float, opening: float, step: float) -> None:
    piece = Piece(minutes, opening, step)
    assert piece.run() == pytest.approx(60 * minutes, rel=0.02)
    assert piece.rates[0] == 0, "what came before the first step takes nothing of the schedule"
    assert piece.rates[-1] > 1 - 3 * step / (60 * minutes - opening - 10)
    rises = [after - before for before, after in zip(piece.rates, piece.rates[1:], strict=False)]
    assert min(rises) > 0 and max(rises) < 1.5 * min(rises), "measuring does not let the schedule go on"
    assert piece.measured <= 0.03 * 60 * minutes


def test_a_resumed_run_goes_on_where_it_was() -> None:
    first = Piece(3, opening=5, step=0.1, limit=1)
    assert 57 < first.run() <= 60, "the checkpoint is written in time"
    seconds, share = first.clock.seconds, first.clock.share
    second = Piece(3, opening=5, step=0.1)
    assert seconds + second.run(seconds, share) == pytest.approx(180, rel=0.02)
    assert second.rates[0] == pytest.approx(share) and second.rates[-1] > 0.99


def test_nothing_begins_that_would_last_too_long() -> None:
    piece = Piece(60, opening=1, step=0.1, limit=0.5)
    piece.clock.start()
    piece.time.now = 1000 + 30 - COSTS["checkpoint"] - COSTS["page"] - 1.5
    assert not piece.clock.late() and piece.clock.late("measure")


def test_minutes_count_from_the_start_of_the_process() -> None:
    code = "import runpy, sys, time; time.sleep(0.4); began = runpy.run_path(sys.argv[1])['process_began']()"
    words = [sys.executable, "-S", "-c", f"{code}; print(time.monotonic() - began)", module.__file__]
    age = float(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    assert 0.4 <= age < 60
    assert process_began() == pytest.approx(process_began(), abs=0.05) and process_began() < time.monotonic()


def test_where_the_system_does_not_say_it_is_now(monkeypatch) -> None:
    def absent(self: Path) -> str:
        raise OSError

    monkeypatch.setattr(Path, "read_text", absent)
    assert time.monotonic() - runpy.run_path(module.__file__)["process_began"]() < 1
