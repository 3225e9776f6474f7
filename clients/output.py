"""Standard output and standard error that may be closed, full, or unable to show a letter."""

import contextlib
import errno
import io
import os
import sys

from clients.escaping import escape_text

_REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF, errno.EPIPE)


def escape_what_cannot_be_encoded() -> None:
    """Print letters that a terminal's encoding lacks as escapes: LC_ALL=C has neither µ nor ±."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def print_error(line: str) -> None:
    """Print one line on standard error. Where that is closed or full, only the exit code shows the error."""
    if sys.stderr is not None:  # None if it is closed
        with contextlib.suppress(OSError):
            sys.stderr.write(escape_text(line) + "\n")
            sys.stderr.flush()


def flush() -> None:
    """Write what is left for standard output. Raises OSError."""
    if sys.stdout is not None:
        sys.stdout.flush()


def is_of_output(error: OSError) -> bool:
    """Return whether standard output refused a text: nothing else writes without reporting the name of its file."""
    return error.filename is None and error.errno in _REFUSALS


def discard() -> None:
    """Throw away what could not be printed: the interpreter would try again when it exits, and change the exit code."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
