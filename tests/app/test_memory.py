"""Freed memory is kept: the same pages are not asked for again and again. Counted in processes of their own."""

import os
import platform
import subprocess
import sys

import pytest

COUNT = """
import resource
import numpy as np
import clockodile
from clockodile.app.memory import keep_freed_memory
def fill():
    for _ in range(5):
        np.ones(6_000_000)
fill()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
fill()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before, keep_freed_memory())
"""

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")


def faults(**settings) -> tuple[int, bool]:
    """Page faults while five arrays of 48 MB come and go, and whether the C library could be told."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))
    }
    done = subprocess.run(
        [sys.executable, "-c", COUNT],
        env=inherited | {"NUMPY_MADVISE_HUGEPAGE": "0"} | settings,
        capture_output=True,
        text=True,
        check=True,
    )
    count, told = done.stdout.split()
    return int(count), told == "True"


def test_arrays_of_the_same_size_share_their_pages_unless_the_user_has_decided_otherwise():
    kept, told = faults()
    usual, told_not = faults(MALLOC_ARENA_MAX="2")
    assert told and not told_not
    assert kept * 10 < usual, (kept, usual)
