"""Which CPUs a process and its descendants may run on."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path


@contextlib.contextmanager
def pinned(cpus: Sequence[int]) -> Iterator[None]:
    """Run on these CPUs for a while: a child inherits them, before it can start a thread elsewhere."""
    before = os.sched_getaffinity(0)
    if cpus:
        os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def pin_tree(pid: int, cpus: Sequence[int]) -> None:
    """Move a process with all its threads and descendants to these CPUs.

    A process is moved before its children are listed: whatever it starts later inherits the place, and whatever it
    started before is in the list.
    """
    moved: set[int] = set()
    while left := _threads(pid) - moved:
        for thread in left:
            with contextlib.suppress(ProcessLookupError):  # it has ended
                os.sched_setaffinity(thread, cpus)
        moved |= left
    for child in children(pid):
        pin_tree(child, cpus)


def children(pid: int) -> list[int]:
    """Processes that the main thread of a process started (a server starts them all there); none if it has ended."""
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
