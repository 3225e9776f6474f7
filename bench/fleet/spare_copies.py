"""Copies of run folders on the host of the servers. They are spare: the folder of the controller counts.

Old copies are removed before each run, so that a host that serves for months does not fill its disk.
"""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from bench.fleet.folder_mirror import FileChange, apply_changes
from bench.store import file_names
from bench.store.errors import StoreError, reporting_write_errors
from bench.store.run_folder import RunFolder

KEPT_COPIES = 10  # with the one that is about to be made
KEPT_BYTES = 2_000_000_000
_RUN_NAME = re.compile(r"\d{8}T\d{6}Z-.+")  # nothing else is removed


def remove_old_copies(spool: Path, count: int = KEPT_COPIES - 1, size_bytes: int = KEPT_BYTES) -> None:
    """Keep the newest copies, up to a number and a size. A copy that a process writes into is never removed."""
    copies = [path for path in spool.glob("*") if _RUN_NAME.fullmatch(path.name) and path.is_dir()]
    total_bytes = 0
    for number, path in enumerate(sorted(copies, key=lambda path: path.stat().st_mtime_ns, reverse=True)):
        total_bytes += sum(each.lstat().st_size for each in path.rglob("*"))
        if number >= count or total_bytes > size_bytes:
            _remove(path)


def open_copy(path: Path, changes: Iterable[FileChange]) -> RunFolder:
    """Return a locked copy that has the files of the controller, and no others. Raises StoreError.

    The run may have been cut off before its last block reached the controller. That block is measured again, so it must
    not be here any more.
    """
    with reporting_write_errors(path, "make room there"):
        path.mkdir(parents=True, exist_ok=True)
    folder = RunFolder(path)
    folder.lock()
    try:
        with reporting_write_errors(path):
            for entry in path.iterdir():
                if entry.is_file() and entry.name != file_names.LOCK:
                    entry.unlink()
        apply_changes(path, changes)
    except StoreError:
        folder.unlock()
        raise
    return folder


def _remove(path: Path) -> None:
    folder = RunFolder(path)
    try:
        folder.lock()
    except StoreError:
        return
    with folder:
        if not folder.lock_warning:  # without locks nobody knows whether it is in use
            shutil.rmtree(path, ignore_errors=True)
