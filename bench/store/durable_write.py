"""Files that are on the disk when a call returns, or as they were before; and the lines of one that are whole."""

import io
import os
from pathlib import Path
from typing import IO


def write_synced(path: Path, text: str) -> None:
    """Write a whole file, or none: under another name first."""
    beside = path.with_name(f".{path.name}.part")
    with beside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    _sync(path.parent)  # the new name is on the disk only with its folder (fsync(2), NOTES)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def append_synced(path: Path, data: bytes) -> None:
    """Append all of it, or nothing if the disk is full."""
    before = path.stat().st_size
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    except OSError:
        os.truncate(path, before)
        raise
    finally:
        os.close(descriptor)


def whole_lines(file: IO[bytes]) -> IO[bytes]:
    """The file, or a copy without its last line where that is torn. Only a run that was cut off has one."""
    end = file.seek(0, os.SEEK_END)
    file.seek(max(0, end - 1))
    torn = file.read(1) not in (b"\n", b"")
    file.seek(0)
    if not torn:
        return file
    data = file.read()
    return io.BytesIO(data[: data.rfind(b"\n") + 1])
