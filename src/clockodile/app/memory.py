"""Keep freed memory for the next batch: shallow, wide nets wait longer for fresh pages than for arithmetic."""

import ctypes
import os

# of glibc, in bytes: the smallest array with pages of its own, what is kept when freed, what is asked for in advance
SETTINGS = {"MALLOC_MMAP_THRESHOLD_": 2**25, "MALLOC_TRIM_THRESHOLD_": 2**31 - 1, "MALLOC_TOP_PAD_": 2**26}


# what Dask sets for its workers: they would give all memory back after each batch, and take twice the time
OF_DASK = {"MALLOC_TRIM_THRESHOLD_": "65536"}


def environment() -> dict[str, str]:
    """Variables for a process yet to be started; none where the user has set such variables."""
    given = {name for name in os.environ if name.startswith("MALLOC_") or name == "GLIBC_TUNABLES"}
    chosen = any(os.environ[name] != OF_DASK.get(name) for name in given)
    return {} if chosen else {name: str(size) for name, size in SETTINGS.items()}


def keep_freed_memory() -> None:
    """The same for this process, as far as its C library can be told; for programs, never on an import."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    # older versions refuse the larger threshold, and without any the rest would do harm; numbers as of mallopt(3)
    if mallopt and environment() and any(mallopt(-3, size) == 1 for size in (2**30, 2**25)):
        mallopt(-1, SETTINGS["MALLOC_TRIM_THRESHOLD_"])
        mallopt(-2, SETTINGS["MALLOC_TOP_PAD_"])
