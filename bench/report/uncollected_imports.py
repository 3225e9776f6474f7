"""Garbage collection while a process imports its libraries.

Imports leave hardly any garbage, but each collection scans all that they made: a tenth of the time of the imports.
"""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def uncollected_imports() -> Iterator[None]:
    """Import without collections. What was imported is not scanned later either."""
    gc.disable()
    try:
        yield
    finally:
        collect_the_rest()


def collect_the_rest() -> None:
    """Collect garbage from now on, but scan nothing that exists: imported modules stay."""
    gc.freeze()
    gc.enable()
