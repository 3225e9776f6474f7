"""The generator's threads: one for each CPU that is its own."""

import ctypes
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

_PR_SET_TIMERSLACK = 29  # linux/prctl.h


class Threads:
    """One thread for each CPU, pinned to it; without CPUs, one thread that the kernel places."""

    def __init__(self, cpus: Sequence[int] = ()) -> None:
        self.cpus = tuple(cpus)
        self._pools = [ThreadPoolExecutor(1, initializer=_settle, initargs=(cpu,)) for cpu in cpus or (None,)]

    def __len__(self) -> int:
        return len(self._pools)

    def each(self, work: Callable[[Any], Any], lanes: Sequence[Any]) -> list[Any]:
        """Do ``work`` on each lane in its own thread; the results in order."""
        futures: list[Future[Any]] = [pool.submit(work, lane) for pool, lane in zip(self._pools, lanes, strict=False)]
        return [future.result() for future in futures]

    def close(self) -> None:
        """End the threads."""
        for pool in self._pools:
            pool.shutdown()


def _settle(cpu: int | None) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)  # or every sleep would be up to 50 us too long
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
