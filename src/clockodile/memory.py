"""Keep freed memory for the next batch instead of handing it back to the system.

A net's layers need large arrays for milliseconds. The C library returns each to the system and asks for new pages,
which the system must clear first: for a network as shallow and wide as EfficientNet that takes longer than the
arithmetic. No result depends on it.
"""

from __future__ import annotations

import ctypes
import os

SETTINGS = {  # parameter of mallopt(3) -> bytes
    -1: 2**31 - 1,  # M_TRIM_THRESHOLD: free memory at the top that is kept
    -2: 2**26,  # M_TOP_PAD: how much more than needed is asked for
    -3: 2**30,  # M_MMAP_THRESHOLD: from what size on an array gets pages of its own, to be returned at once
}


def keep_freed_memory() -> bool:
    """Do so for this process; returns whether the C library could be told (glibc can, others are left alone).

    Who has set MALLOC_... in the environment knows better.
    """
    if any(name.startswith("MALLOC_") for name in os.environ):
        return False
    try:
        tell = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return all(tell(parameter, value) == 1 for parameter, value in SETTINGS.items())
