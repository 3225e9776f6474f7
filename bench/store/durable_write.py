"""Writing that survives a crash: on return the data is on the disk; on failure the file is as it was.

Some file systems cannot sync a file or a folder, such as network and FUSE file systems. They are written all the same:
losing the last block in a crash of the machine is better than no run at all.
"""

import errno
import os
from pathlib import Path

# What fsync(2) and the kernel's file systems answer if a sync is not possible.
_UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EROFS)


def write_synced(path: Path, data: bytes) -> None:
    """Write a whole file or nothing, by way of a second file beside it. Raises OSError."""
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        _sync(file.fileno())
    part.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make new names of files in a folder durable; syncing the files alone does not (fsync(2), NOTES)."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)


def append_synced(path: Path, data: bytes) -> None:
    """Append all of the data, or nothing if the disk is full. Raises OSError."""
    size_before = path.stat().st_size
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        _sync(descriptor)
    except OSError:
        os.truncate(path, size_before)
        raise
    finally:
        os.close(descriptor)


def truncate_synced(path: Path, size: int) -> None:
    """Truncate a file to a number of bytes. Raises OSError."""
    with path.open("r+b") as file:
        file.truncate(size)
        _sync(file.fileno())


def _sync(descriptor: int) -> None:
    """Sync a file or folder, if its file system can do that. Raises OSError if the data could not be written."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
