"""Log rare events to stderr, one line each."""

from __future__ import annotations

import _thread
import os
import sys


def log(message: str) -> None:
    """Write one line to stderr.

    A closed stderr is ignored, since it must not stop the server.
    """
    try:
        sys.stderr.write(f"server {os.getpid()}: {message}\n")
        sys.stderr.flush()
    except OSError:
        pass


class Tally:
    """Counts an event that should not happen, and logs the count at 1, 10, 100 etc.

    The operator sees the first event at once and later its frequency, while a flood of events causes few lines.
    Each process has its own count.
    """

    def __init__(self, event: str) -> None:
        self.count = 0
        self._event = event
        self._next_logged = 1
        self._lock = _thread.allocate_lock()  # thread_per_client counts from many threads

    def add(self) -> None:
        """Count one event."""
        with self._lock:
            self.count += 1
            if self.count < self._next_logged:
                return
            self._next_logged *= 10
            line = f"{self._event} (so far: {self.count})"
        log(line)
