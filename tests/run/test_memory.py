"""Freed memory stays in the process during a fit and goes back afterwards."""

from __future__ import annotations

import subprocess
import sys

import pytest

_SCRIPT = """
import resource, torch
from galviewer.run.memory import freed_memory_kept

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):
        kept = [torch.ones(1_500_000) for _ in range(3)]
        del kept
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

with freed_memory_kept():
    faults()
    inside = faults()
print(inside)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_blocks_of_megabytes_are_not_asked_for_again():
    found = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True)
    # 50 rounds of 18 MB are 220 000 pages; all but a few are there already.
    assert int(found.stdout) < 5_000
