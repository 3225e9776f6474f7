"""The CPUs that a process and its descendants may run on."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path


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


def pin_tree(pid: int, cpus: Sequence[int]) -> None:
    """Move a process with all its threads and descendants to some CPUs.

    A process is moved before its children are listed. Children that it starts later inherit the CPUs, and children that
    it started earlier are in the list.
    """
    moved: set[int] = set()
    while remaining := _threads(pid) - moved:
        for thread in remaining:
            with contextlib.suppress(ProcessLookupError):  # it has ended
                os.sched_setaffinity(thread, cpus)
        moved |= remaining
    for child in children(pid):
        pin_tree(child, cpus)


def children(pid: int) -> list[int]:
    """Return the processes that the main thread of a process started.

    There are none if the process has ended. Servers start all their processes in the main thread.
    """
    try:
        with open(f"/proc/{pid}/task/{pid}/children", "rb", buffering=0) as file:  # noqa: PTH123 - read in every slice
            return [int(child) for child in file.read().split()]
    except OSError:
        return []


def _threads(pid: int) -> set[int]:
    try:
        return {int(path.name) for path in Path(f"/proc/{pid}/task").iterdir()}
    except OSError:
        return set()
