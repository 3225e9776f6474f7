"""The processes of a tree, and whether new ones may have joined it."""

import contextlib
import os

_SIGCHLD_BIT = 1 << 16  # signal 17 in the masks of /proc/PID/status
_MOST_READINGS = 5  # of a tree that changes all the time


def descendants(pid: int) -> list[int]:
    """Return all processes below a process, parents first."""
    return settled_descendants(pid)[0]


def settled_descendants(pid: int) -> tuple[list[int], bool]:
    """Return all processes below a process, parents first, and whether two readings agreed.

    A single reading is not a snapshot. A process whose parent exits between two of its steps moves to a place that was
    read before, and is missing. One that ends may hide its neighbour (proc_pid_task_children(5)).
    """
    found = _read_descendants(pid)
    for _ in range(_MOST_READINGS - 1):
        before, found = found, _read_descendants(pid)
        if found == before:
            return found, True
    return found, False


def _read_descendants(pid: int) -> list[int]:
    """Return the descendants once. Children belong to the thread that started them, so each thread's are read."""
    found: list[int] = []
    remaining = [pid]
    while remaining:
        below = _children(remaining.pop())
        found += below
        remaining += below
    return found


def threads(pid: int) -> set[int]:
    """Return the threads of a process; none if it has ended."""
    try:
        return set(map(int, os.listdir(f"/proc/{pid}/task")))  # noqa: PTH208 - read between slices, where time counts
    except OSError:
        return set()


def newest_pid() -> int:
    """Return the id of the process or thread that was created last, on the whole machine.

    While it stays the same, no tree has grown (proc_loadavg(5), fifth field).
    """
    return int(read_file("/proc/loadavg").rsplit(maxsplit=1)[1])


def forgets_children(pid: int) -> bool:
    """Return whether a process ignores SIGCHLD.

    The kernel then forgets the CPU time of its children when they end (wait(2), notes). The flag SA_NOCLDWAIT has the
    same effect, and is not visible from outside.
    """
    with contextlib.suppress(OSError):  # it has ended
        for line in read_file(f"/proc/{pid}/status").splitlines():
            if line.startswith(b"SigIgn:"):
                return bool(int(line.split()[1], 16) & _SIGCHLD_BIT)
    return False


def has_ended(pid: int) -> bool:
    """Return whether a process has ended; a zombie has."""
    try:
        return read_file(f"/proc/{pid}/stat").rpartition(b") ")[2][:1] in b"ZX"
    except OSError:
        return True


def read_file(path: str) -> bytes:
    """Return the content of a file of /proc, up to 64 KiB. Raises OSError."""
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - takes half the time of Path.read_bytes
        return file.read(65536)


def _children(pid: int) -> list[int]:
    children: list[int] = []
    for thread in threads(pid):
        with (
            contextlib.suppress(OSError),  # it has ended
            open(f"/proc/{pid}/task/{thread}/children", "rb", buffering=0) as file,  # noqa: PTH123 - as above
        ):
            children += map(int, file.readall().split())
    return children
