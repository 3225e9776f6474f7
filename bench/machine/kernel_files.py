"""The files of /proc and /sys, which a kernel or a container may lack."""

from pathlib import Path


def read_kernel_file(path: str | Path) -> str:
    """Return the text of a file without its last newline; empty if it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
