"""The output of a child process, in a file of bounded size.

A file costs the child nothing but its own writing: nobody has to read along, and the child never waits for a reader.
"""

import contextlib
import fcntl
import os
import tempfile
import threading
from collections.abc import Iterator
from typing import IO

_TAIL_BYTES = 2000
_TAIL_LINES = 3
_MAX_BYTES = 1 << 20  # beyond this the file is emptied
# One server can write 1 GB/s (yes(1) here), and a slice may take 60 s. Two looks per second took 0.03% of a CPU.
_LOOK_S = 0.5


class OutputFile:
    """Everything that a child writes. Only the end of it is kept."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close
        flags = fcntl.fcntl(self._file, fcntl.F_GETFL)
        fcntl.fcntl(self._file, fcntl.F_SETFL, flags | os.O_APPEND)  # the child continues in an emptied file
        self._dropped_bytes = 0
        self._dropped_tail = b""
        self._lock = threading.Lock()  # two threads may bound it, and its descriptor must not become another file's
        _open_files.add(self)

    def fileno(self) -> int:
        """Return its descriptor, for the child."""
        return self._file.fileno()

    @property
    def total_bytes(self) -> int:
        """The number of bytes that the child has written; 0 once the file is closed.

        It may be a little too low: what is written while the file is emptied is not counted.
        """
        with contextlib.suppress(ValueError, OSError):  # closed already
            return self._dropped_bytes + os.fstat(self._file.fileno()).st_size
        return 0

    def first_line(self) -> bytes | None:
        """Return the first line without its end; None as long as it is not complete."""
        line, end, _ = os.pread(self._file.fileno(), _MAX_BYTES, 0).partition(b"\n")
        return line if end else None

    def tail(self) -> str:
        """Return the last lines in one line, or ""."""
        with contextlib.suppress(ValueError, OSError):  # closed already
            lines = self._last_bytes().decode("utf-8", "replace").strip().splitlines()
            return " | ".join(lines[-_TAIL_LINES:])
        return ""

    def bound(self) -> None:
        """Empty the file if it has become large."""
        with self._lock, contextlib.suppress(ValueError, OSError):  # closed already
            size = os.fstat(self._file.fileno()).st_size
            if size > _MAX_BYTES:
                self._dropped_tail = self._last_bytes()
                self._dropped_bytes += size
                os.ftruncate(self._file.fileno(), 0)

    def close(self) -> None:
        """Delete the file. May be called again."""
        _open_files.discard(self)
        with self._lock:
            self._file.close()

    def _last_bytes(self) -> bytes:
        size = os.fstat(self._file.fileno()).st_size
        tail = os.pread(self._file.fileno(), _TAIL_BYTES, max(0, size - _TAIL_BYTES))
        return (self._dropped_tail + tail)[-_TAIL_BYTES:]


_open_files: set[OutputFile] = set()


def bound_all() -> None:
    """Empty every open file that has become large."""
    for file in list(_open_files):
        file.bound()


@contextlib.contextmanager
def bounding_all(look_s: float = _LOOK_S) -> Iterator[None]:
    """Empty large files regularly, also while this thread waits for the end of a slice."""
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(look_s):
            bound_all()

    thread = threading.Thread(target=look, name="bound output", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
