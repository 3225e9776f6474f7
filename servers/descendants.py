"""The processes below a process: adopt them when their parents exit, and kill them."""

from __future__ import annotations

import contextlib
import ctypes
import os
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent exits.

    Without it, init adopts them, and a daemon leaves the tree. prctl(2): PR_SET_CHILD_SUBREAPER. Raises OSError.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        error_number = ctypes.get_errno()
        raise OSError(error_number, f"prctl(PR_SET_CHILD_SUBREAPER): {os.strerror(error_number)}")


def descendants(pid: int) -> list[int]:
    """Return all processes below a process, parents first.

    Each thread of a process has children of its own (proc_pid_task_children(5)).
    """
    found: list[int] = []
    remaining = [pid]
    while remaining:
        children = _children(remaining.pop())
        found += children
        remaining += children
    return found


def send_signal(pids: list[int], signal_number: int) -> None:
    """Send a signal to each process. One that has ended, or belongs to another user, is left out."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal_number)


def _children(pid: int) -> list[int]:
    children: list[int] = []
    with contextlib.suppress(OSError):  # it has ended
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                children += map(int, (thread / "children").read_text().split())
    return children
