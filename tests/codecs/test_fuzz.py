"""No bytes crash the program: see fuzzing.py, which runs in a process of its own.

``pytest -m slow tests/codecs/test_fuzz.py --fuzz-seconds 1800 --fuzz-seed 7`` runs longer and elsewhere. A file that
ends it is kept.
"""

import sys
from pathlib import Path

import pytest

import processes

FUZZING = Path(__file__).parents[1] / "fuzzing.py"


@pytest.mark.slow
def test_no_bytes_crash_the_program(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    seconds, seed = pytestconfig.getoption("fuzz_seconds"), pytestconfig.getoption("fuzz_seed")
    command = [sys.executable, "-W", "error", FUZZING, seed, "0", seconds, tmp_path]
    done = processes.run(map(str, command), capture_output=True, text=True, timeout=seconds + 120)
    turn = (tmp_path / "turn").read_text()
    said = (done.stdout + done.stderr)[-3000:]
    assert done.returncode == 0 and not said, (
        f"turn {turn} of seed {seed}, exit code {done.returncode}, file {tmp_path / 'victim'}:\n{said}"
    )
    assert int(turn) > seconds, "it tried too few files to mean anything"
