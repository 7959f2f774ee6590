"""Tests never write into a user's runs/, and notebooks under test behave as in a headless run."""

import os
import shutil
import tempfile

MINE = "CLOCKODILE_TEST_RUNS"


def pytest_configure(config):
    """One temporary folder for the runs of this session; test processes and kernels inherit it."""
    if MINE not in os.environ:
        config.clockodile_runs = os.environ[MINE] = tempfile.mkdtemp(prefix="clockodile-test-")
    os.environ |= {
        "CLOCKODILE_RUNS": os.environ[MINE],
        "CLOCKODILE_HEADLESS": "1",
        "CLOCKODILE_PROFILE": "quick",
        "MPLBACKEND": "agg",
        "OMP_NUM_THREADS": "1",  # two threads of two test processes wait for each other longer than one takes
        "MKL_NUM_THREADS": "1",
        "no_proxy": "127.0.0.1,localhost",  # servers of the tests; a machine's proxy does not know them
    }


def pytest_unconfigure(config):
    if hasattr(config, "clockodile_runs"):
        shutil.rmtree(config.clockodile_runs, ignore_errors=True)
        os.environ.pop(MINE, None)
