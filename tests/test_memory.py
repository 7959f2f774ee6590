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
from clockodile.memory import keep_freed_memory
def fill():
    for _ in range(20):
        np.ones(4_000_000)
fill()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
fill()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before, keep_freed_memory())
"""


def faults(**environment) -> tuple[int, bool]:
    """Page faults while twenty arrays of 32 MB come and go, and whether the C library could be told."""
    done = subprocess.run(
        [sys.executable, "-c", COUNT],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    count, told = done.stdout.split()
    return int(count), told == "True"


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_arrays_of_the_same_size_share_their_pages():
    kept, told = faults()
    assert told and kept < 2000, "twenty times 32 MB are 160,000 pages"


def test_what_the_user_has_set_is_left_alone():
    _, told = faults(MALLOC_ARENA_MAX="2")
    assert not told
