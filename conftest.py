"""Tests never write into a user's runs/, and notebooks under test behave as in a headless run."""

import os
import shutil
import tempfile

MINE = "CLOCKODILE_TEST_RUNS"

# Set as this file is read: torch and numpy ask for it once, when they are first imported. Test processes and kernels
# inherit it: two threads of two processes on one core wait for each other longer than one takes.
os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def pytest_configure(config):
    """One temporary folder for the runs of this session; test processes and kernels inherit it."""
    if MINE not in os.environ:
        config.clockodile_runs = os.environ[MINE] = tempfile.mkdtemp(prefix="clockodile-test-")
    os.environ |= {
        "CLOCKODILE_RUNS": os.environ[MINE],
        "CLOCKODILE_HEADLESS": "1",
        "CLOCKODILE_PROFILE": "quick",
        "MPLBACKEND": "agg",
        "no_proxy": "127.0.0.1,localhost",  # servers of the tests; a machine's proxy does not know them
    }


def pytest_collection_modifyitems(items):
    """Files with slow tests first, so that no process sits idle beside the last long one."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path.parent.name != "notebooks", item.path not in slow))


def pytest_unconfigure(config):
    if hasattr(config, "clockodile_runs"):
        shutil.rmtree(config.clockodile_runs, ignore_errors=True)
        os.environ.pop(MINE, None)
