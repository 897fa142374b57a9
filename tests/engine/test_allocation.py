"""What becomes of freed memory, in a process of its own."""

import ctypes
import sys

import pytest

import processes

PROGRAM = """
import resource, sys
import numpy as np
from imgrestore.engine.allocation import keep_freed_memory, return_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(2**26, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if sys.argv[1] == "keep":
    keep_freed_memory()
first, again = faults(), faults()
return_freed_memory()
print(first, again, faults())
"""


def faults(how: str) -> list[int]:
    done = processes.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
    return [int(word) for word in done.stdout.split()]


@pytest.mark.skipif(sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallopt"), reason="for glibc")
def test_freed_memory_is_used_again_until_it_is_given_back() -> None:
    """A page that is fresh from the kernel shows as a fault."""
    first, again, after = faults("keep")
    assert again < first / 10 and after > first / 2
    first, again, _ = faults("do not")
    assert again > first / 2, "what glibc does if left alone"
