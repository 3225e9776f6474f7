"""What a server tells its operator: single lines on stderr, only for what is rare."""

from __future__ import annotations

import _thread
import os
import sys


def log(message: str) -> None:
    """Write one line to stderr. A reader that went away must not stop the server."""
    try:
        sys.stderr.write(f"server {os.getpid()}: {message}\n")
        sys.stderr.flush()
    except OSError:
        pass


class Tally:
    """Counts something that should not happen, and logs the count at 1, 10, 100 and so on.

    So the operator sees it at once and sees its size, and a flood of it does not become a flood of lines.
    Each process counts for itself.
    """

    def __init__(self, event: str) -> None:
        self.count = 0
        self._event = event
        self._next_logged = 1
        self._lock = _thread.allocate_lock()  # thread_per_client counts from many threads

    def add(self) -> None:
        """Count one more."""
        with self._lock:
            self.count += 1
            if self.count < self._next_logged:
                return
            self._next_logged *= 10
            line = f"{self._event} (so far: {self.count})"
        log(line)
