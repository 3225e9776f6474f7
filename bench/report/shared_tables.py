"""Tables in memory that all chart workers share.

Each column of numbers exists once, however many processes draw. A pickle for each process took most of their memory: a
run of ten thousand trials has histograms of hundreds of megabytes.
"""

import functools
import mmap
import os
import pickle
from dataclasses import dataclass
from typing import Any

_ALIGNMENT = 64  # bytes, as numpy aligns its arrays


@dataclass(frozen=True, slots=True)
class TablesAddress:
    """The place of shared tables.

    parts: first byte and length of the pickle, then of each column.
    """

    path: str
    parts: tuple[tuple[int, int], ...]


class SharedTables:
    """Tables that other processes of this user can load until ``close``.

    The memory has no name in the file system, so nothing remains of it after SIGKILL.
    """

    def __init__(self, tables: object) -> None:
        """Copy the tables. Raises OSError if there is no memory for them."""
        columns: list[pickle.PickleBuffer] = []
        header = pickle.dumps(tables, protocol=5, buffer_callback=columns.append)
        self._file = os.fdopen(os.memfd_create("holabench-tables"), "wb")
        parts, begin = [], 0
        for part in (memoryview(header), *(column.raw() for column in columns)):
            self._file.seek(begin)
            self._file.write(part)
            parts.append((begin, part.nbytes))
            begin += part.nbytes + -part.nbytes % _ALIGNMENT
        self._file.flush()
        self.address = TablesAddress(f"/proc/{os.getpid()}/fd/{self._file.fileno()}", tuple(parts))

    def close(self) -> None:
        """Release the memory, as soon as no other process uses it."""
        self._file.close()


@functools.lru_cache(maxsize=1)  # a worker draws all charts of some tables before those of others
def load_tables(address: TablesAddress) -> Any:
    """Return the tables of another process. Their columns cannot be written. Raises OSError if it has closed them."""
    with open(address.path, "rb") as file:  # noqa: PTH123  # a path of a descriptor, not of a file
        memory = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    header, *columns = (memory[begin : begin + length] for begin, length in address.parts)
    return pickle.loads(header, buffers=columns)
