"""Keep freed memory for the next batch instead of handing it back to the system.

A net's layers need large arrays for milliseconds. The C library returns each to the system and asks for new pages,
which the system must clear first: for a network as shallow and wide as EfficientNet that takes longer than the
arithmetic. No result depends on it. The cost: a process keeps up to TRIM bytes that it needs no longer.
"""

from __future__ import annotations

import ctypes
import os

# parameters of mallopt(3), and bytes
MMAP = (-3, (2**30, 2**25))  # M_MMAP_THRESHOLD: larger arrays get pages of their own, to be returned at once
TRIM = (-1, 2**31 - 1)  # M_TRIM_THRESHOLD: free memory at the top that is kept
MORE = (-2, 2**26)  # M_TOP_PAD: how much more than needed is asked for


def keep_freed_memory() -> bool:
    """Do so for this process; returns whether the C library could be told (glibc can, others are left alone).

    Who has set MALLOC_... or GLIBC_TUNABLES in the environment knows better: MALLOC_TRIM_THRESHOLD_=131072 ends it.
    """
    if any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ):
        return False
    try:
        tell = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    # first: older versions refuse the large one, and without any the rest would do harm
    parameter, sizes = MMAP
    if not any(tell(parameter, size) == 1 for size in sizes):
        return False
    return all(tell(*setting) == 1 for setting in (TRIM, MORE))
