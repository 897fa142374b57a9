"""Tiles equal the whole image on processors that this machine is not.

oneDNN and torch have kernels for each instruction set and choose among them by shape. They read what they may use when
they start, so a process of its own runs for each set. A set that the processor lacks is as good as the best it has.
"""

import sys
from pathlib import Path

import pytest

import processes

TESTS = Path(__file__).with_name("test_engine.py")


@pytest.mark.parametrize(
    "settings",
    [
        {"ONEDNN_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": "default"},
        {"ONEDNN_MAX_CPU_ISA": "AVX"},
        {"ONEDNN_MAX_CPU_ISA": "AVX2"},
        {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
    ],
    ids=lambda settings: settings["ONEDNN_MAX_CPU_ISA"],
)
def test_tiles_equal_the_whole_under(settings: dict[str, str]) -> None:
    quick = "width_of_their_tile or 1x37 and not resnet"
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", TESTS, "-k", quick]
    done = processes.run(words, env=settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
