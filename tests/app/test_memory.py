"""Freed memory is kept by programs, never by an import. Pages asked for are counted in processes of their own."""

import os
import platform
import subprocess
import sys

import pytest

from clockodile.app import memory

COUNT = """
import resource
import sys
import numpy as np
import clockodile
from clockodile.app import memory
if "keep" in sys.argv:
    memory.keep_freed_memory()
def fill():
    for _ in range(5):
        np.ones(6_000_000)
fill()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
fill()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(*words: str, **settings: str) -> int:
    """Page faults while five arrays of 48 MB come and go."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_"))}
    environment = inherited | {"NUMPY_MADVISE_HUGEPAGE": "0"} | settings
    command = [sys.executable, "-c", COUNT, *words]
    return int(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_programs_and_kernels_keep_freed_memory_but_an_import_does_not(monkeypatch):
    monkeypatch.setattr(os, "environ", {"PATH": "/bin"})
    variables = memory.environment()
    monkeypatch.undo()
    usual = page_faults()
    assert usual > 10_000, "nothing has been told by the import"
    assert page_faults("keep") * 10 < usual
    assert page_faults(**variables) * 10 < usual
    assert page_faults("keep", MALLOC_ARENA_MAX="2") * 2 > usual, "the user has decided otherwise"
    assert page_faults("keep", MALLOC_TRIM_THRESHOLD_="65536") * 10 < usual, "that is what Dask sets, not the user"


def test_a_users_settings_are_left_alone(monkeypatch):
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.check=0")
    assert memory.environment() == {}
