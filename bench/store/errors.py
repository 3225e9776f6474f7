"""The error of this package, and its wording for errors of the operating system."""

import contextlib
from collections.abc import Iterator
from pathlib import Path


class StoreError(Exception):
    """A run folder cannot be created, written or read. The message is one line: file, reason, remedy."""


def os_reason(error: Exception) -> str:
    """Return the reason of an error without its path: ``No space left on device``."""
    return str(getattr(error, "strerror", None) or error)


@contextlib.contextmanager
def reporting_write_errors(path: Path, hint: str = "finished blocks are safe") -> Iterator[None]:
    """Raise StoreError with the path, the reason and the hint if writing fails."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"cannot write {path}: {os_reason(error)}; {hint}") from error
