"""Keeping freed memory in the process while a batch is fitted."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Iterator

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
"""Names of glibc's ``mallopt`` parameters, as in its malloc.h."""


@contextlib.contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Let the allocator keep what it frees, and give it back at the end.

    A fit allocates and frees tensors of a few megabytes a hundred times per galaxy. glibc hands such blocks
    back to the system and asks for them again, and the page faults take as long as two thirds of the
    arithmetic (docs/benchmarks.md). Does nothing where the C library is another one.
    """
    library = _glibc()
    if library is None:
        yield
        return
    library.mallopt(_MMAP_THRESHOLD, 32 * 2**20)
    library.mallopt(_TRIM_THRESHOLD, 2**30)
    library.mallopt(_TOP_PAD, 64 * 2**20)
    try:
        yield
    finally:
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None
