"""Copy a run folder to another machine while it is written.

The raw tables only grow, so their new bytes are enough. Other files are small and are sent whole. The order is that in
which a run writes: trials.csv makes a block finished, and complete.json a run.
"""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.store import file_names
from bench.store.durable_write import append_synced, write_synced
from bench.store.errors import reporting_write_errors

_GROWING = (file_names.MAX_RATE, *file_names.RAW_TABLES)
_LAST = (*_GROWING, file_names.COMPLETE)  # in this order, after all other files


@dataclass(frozen=True, slots=True)
class FileChange:
    """New bytes of a file. offset: where they begin; 0 if they replace the file."""

    name: str
    offset: int
    data: bytes

    def to_plain(self) -> dict[str, Any]:
        """Return the change as values for JSON."""
        return {"name": self.name, "offset": self.offset, "data": base64.b64encode(self.data).decode()}

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> "FileChange":
        """Return the change of these values. Raises ValueError if its name leads out of the folder."""
        name = str(values["name"])
        if name != Path(name).name or name.startswith("."):
            raise ValueError(f"{name!r} is not the name of a file in a run folder")
        return cls(name, int(values["offset"]), base64.b64decode(values["data"]))


class FolderChanges:
    """The changes of a run folder since the last look."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[str, tuple[int, int]] = {}  # size and time of the last change, by name

    def look(self) -> list[FileChange]:
        """Return what has changed. The first time, that is everything."""
        files = {path.name: path for path in self._folder.iterdir() if path.is_file()}
        names = sorted(name for name in files if not name.startswith(".") and name != file_names.LOCK)
        changes = []
        for name in sorted(names, key=lambda name: _LAST.index(name) if name in _LAST else -1):
            state = (files[name].stat().st_size, files[name].stat().st_mtime_ns)
            before = self._seen.get(name)
            if state == before:
                continue
            self._seen[name] = state
            offset = before[0] if before and name in _GROWING and state[0] >= before[0] else 0
            with files[name].open("rb") as file:
                file.seek(offset)
                changes.append(FileChange(name, offset, file.read()))
        return changes


def apply_changes(folder: Path, changes: Iterable[FileChange]) -> None:
    """Write changes into a copy of the folder. Raises StoreError if the disk refuses, or if bytes are missing."""
    for change in changes:
        path = folder / change.name
        with reporting_write_errors(path):
            if not change.offset:
                write_synced(path, change.data)
                continue
            if path.stat().st_size != change.offset:
                raise OSError(f"has {path.stat().st_size} bytes instead of {change.offset}")
            append_synced(path, change.data)
