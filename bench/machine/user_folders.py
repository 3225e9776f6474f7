"""Folders of the user for caches and temporary files.

A container may have neither a home nor a name for its user, and a file system that is read-only.
"""

import os
import tempfile
from pathlib import Path


def cache_folder() -> Path:
    """Return the folder of caches. Without a home it is one that cannot be made, as where the home is read-only."""
    if folder := os.environ.get("XDG_CACHE_HOME"):
        return Path(folder)
    try:
        return Path("~/.cache").expanduser()
    except RuntimeError:
        return Path(os.devnull)


def writable_folder(preferred: Path) -> Path:
    """Return the preferred folder, after making it, or a new temporary one. Raises OSError if there is neither."""
    try:
        preferred.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return Path(tempfile.mkdtemp(prefix="holabench-"))
    if os.access(preferred, os.W_OK | os.X_OK, effective_ids=True):
        return preferred
    return Path(tempfile.mkdtemp(prefix="holabench-"))
