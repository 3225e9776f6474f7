"""The generator's threads: one for each CPU that it has."""

import ctypes
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

_PR_SET_TIMERSLACK = 29  # linux/prctl.h


class Threads:
    """One thread for each CPU, pinned to it.

    Without CPUs, one thread that the kernel places.
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
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)  # the default makes every sleep up to 50 us too long
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
