"""The CPUs that processes may run on."""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence

from bench.machine.process_list import threads


@contextlib.contextmanager
def pinned(cpus: Sequence[int]) -> Iterator[None]:
    """Run on some CPUs for a while.

    Children inherit them before they can start a thread elsewhere.
    """
    before = os.sched_getaffinity(0)
    if cpus:
        os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def pin_processes(list_processes: Callable[[], Sequence[int]], cpus: Sequence[int]) -> None:
    """Move processes with all their threads to some CPUs. Raises PermissionError.

    They are listed again until no thread is new: one that started meanwhile may have inherited the old CPUs.
    """
    moved: set[int] = set()
    while remaining := {thread for pid in list_processes() for thread in threads(pid)} - moved:
        for thread in remaining:
            with contextlib.suppress(ProcessLookupError):  # it has ended
                os.sched_setaffinity(thread, cpus)
        moved |= remaining
