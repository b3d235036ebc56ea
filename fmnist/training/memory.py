"""The memory of a step, which the next one needs again."""

import ctypes
from typing import Final

_TRIM_THRESHOLD: Final = -1  # glibc's malloc.h
_MMAP_THRESHOLD: Final = -3
_KEPT: Final = 2**30  # bytes


def keep_freed_memory() -> bool:
    """Let this process keep memory that it frees, up to 1 GiB, until it needs it again.

    By default, glibc hands large blocks back to the system, which clears every page before it
    gives it out anew: several milliseconds a step. Has no effect with another C library.

    Returns
    -------
    bool
        Whether it does so now.
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # macOS and musl have no such function; Windows
        return False
    return all(set_option(option, _KEPT) for option in (_MMAP_THRESHOLD, _TRIM_THRESHOLD))
