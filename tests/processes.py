"""What the tests ask of processes that they did not start themselves."""

import contextlib
from collections.abc import Iterable

import psutil


def gone(processes: Iterable[psutil.Process]) -> bool:
    """Tell whether none of them runs any more; what nobody has waited for yet does not run."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                return False
    return True
