"""Version of the code that an agent runs.

It is a digest of this project's files, with the versions that decide how a load is generated. Two hosts with different
code would measure different things, so the controller refuses an agent that differs.
"""

import functools
import hashlib
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = ("bench", "clients", "servers")
_MAY_DIFFER = ("Python",)  # it is recorded; the figures of a run all come from the host of the servers
_LIBRARIES = ("numpy", "numba", "distributed")


@functools.cache
def code_version() -> dict[str, str]:
    """Return the digest of the project's files, and the versions of Python and of libraries, by their names."""
    versions = {"holabench": _digest(), "Python": platform.python_version()}
    return versions | {library: metadata.version(library) for library in _LIBRARIES}


def describe_differences(own: Mapping[str, str], other: Mapping[str, str]) -> str:
    """Return ``numpy 2.1.0 instead of 2.4.6``, or "" if both are equal."""
    return ", ".join(
        f"{name} {other.get(name, 'missing')} instead of {own.get(name, 'none')}"
        for name in dict.fromkeys([*own, *other])
        if own.get(name) != other.get(name) and name not in _MAY_DIFFER
    )


def _digest() -> str:
    """Return the beginning of a SHA-256 of all Python files and data files of the project."""
    digest = hashlib.sha256()
    for package in _PACKAGES:
        for path in sorted((_ROOT / package).rglob("*")):
            if path.is_file() and path.suffix in (".py", ".toml", ".j2"):
                content = path.read_bytes()
                digest.update(f"{path.relative_to(_ROOT).as_posix()} {len(content)}\n".encode())
                digest.update(content)
    return digest.hexdigest()[:16]
