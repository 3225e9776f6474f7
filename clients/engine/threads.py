"""The generator's threads: one for each CPU that it has."""

import ctypes
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

_PR_SET_TIMERSLACK = 29  # linux/prctl.h
_CLOSE_RANGE = 436  # the number on every architecture; C libraries before glibc 2.34 have no function for it
_CLOSE_RANGE_UNSHARE = 2  # linux/close_range.h
_FIRST_CLOSED_FD, _LAST_FD = 3, 0xFFFFFFFF  # the standard streams stay open


class Threads:
    """One thread for each CPU, pinned to it.

    Without CPUs, one thread that the kernel places. A thread has a table of descriptors of its own, so a descriptor
    that it opens must be used and closed by work in this thread. It is closed when the thread ends.
    """

    def __init__(self, cpus: Sequence[int] = ()) -> None:
        self.cpus = tuple(cpus)
        self._pools = [ThreadPoolExecutor(1, initializer=_set_up_thread, initargs=(cpu,)) for cpu in cpus or (None,)]

    def __len__(self) -> int:
        return len(self._pools)

    def each(self, work: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        """Run ``work`` on each item in a thread of its own. Returns the results in order."""
        futures: list[Future[Any]] = [pool.submit(work, item) for pool, item in zip(self._pools, items, strict=False)]
        return [future.result() for future in futures]

    def close(self) -> None:
        """Stop the threads."""
        for pool in self._pools:
            pool.shutdown()


def _set_up_thread(cpu: int | None) -> None:
    _unshare_descriptors()
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)  # the default makes every sleep up to 50 us too long
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})


def _unshare_descriptors() -> None:
    """Give this thread a table of descriptors of its own, which contains only the standard streams.

    While threads share a table, the kernel counts a reference to the socket in every system call (``fdget`` in
    fs/file.c). Where the kernel refuses, e.g. before Linux 5.9, the threads still share their table, and all works.
    """
    ctypes.CDLL(None).syscall(
        ctypes.c_long(_CLOSE_RANGE),
        ctypes.c_uint(_FIRST_CLOSED_FD),
        ctypes.c_uint(_LAST_FD),
        ctypes.c_uint(_CLOSE_RANGE_UNSHARE),
    )
