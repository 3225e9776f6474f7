"""Make something once for all processes that run the tests."""

import fcntl
from collections.abc import Callable
from pathlib import Path

import pytest


def make_once(temporary: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder that ``make`` has filled; the first process to ask calls it, the others wait.

    If ``make`` raises an exception, the next process calls it again, with an empty folder.
    """
    base = temporary.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base  # pytest-xdist gives each process a folder in it
    complete = shared / f"{name}.complete"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # until the file is closed
        if complete.exists():
            return Path(complete.read_text())
        folder = temporary.mktemp(name)
        make(folder)
        complete.write_text(str(folder))
        return folder
