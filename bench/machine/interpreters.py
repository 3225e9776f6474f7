"""Other interpreters for the servers, by version, name or path.

Each is tried before it is used.
"""

import glob
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_PRINT_IDENTITY = (
    "import json, sys; print(json.dumps([sys.implementation.name, list(sys.version_info[:2]), "
    "getattr(sys, '_is_gil_enabled', lambda: True)()]))"
)
_TRY_S = 20.0


@dataclass(frozen=True, slots=True)
class Interpreter:
    """An interpreter that works on this machine."""

    label: str  # in the name of an arm: 3.13, 3.13t without the interpreter lock, pypy3.9
    path: str


class NoInterpreterError(Exception):
    """No such interpreter works. The message includes where it was searched."""


def find(name: str) -> Interpreter:
    """Find an interpreter by version (3.13), name (pypy3) or path.

    Raises NoInterpreterError. Each candidate is tried, because pyenv puts a file on the path for every version, whether
    it is enabled or not.
    """
    for candidate in _candidates(name):
        try:
            command = [candidate, "-I", "-c", _PRINT_IDENTITY]  # isolated: from the user's variables and folder, too
            output = subprocess.run(command, capture_output=True, timeout=_TRY_S, check=True)
            implementation, (major, minor), has_gil = json.loads(output.stdout)
        except (OSError, subprocess.SubprocessError, ValueError):
            continue
        prefix = "" if implementation == "cpython" else implementation
        suffix = "" if has_gil else "t"
        return Interpreter(f"{prefix}{major}.{minor}{suffix}", candidate)
    raise NoInterpreterError(
        f"no interpreter {name!r} works, neither on the path nor in {_pyenv()}; give a version, a name or a path"
    )


def own_label() -> str:
    """Return the label of the interpreter that runs holabench."""
    return find(sys.executable).label


def _candidates(name: str) -> list[str]:
    if "/" in name:
        return [os.path.expanduser(name)]  # noqa: PTH111 - pathlib raises an error where there is no such home
    program = f"python{name}" if name[:1].isdigit() else name
    on_path = shutil.which(program)
    in_pyenv = sorted(map(str, _pyenv().glob(f"{glob.escape(name)}*/bin/python")))
    return [*([on_path] if on_path else []), *in_pyenv]


def _pyenv() -> Path:
    return Path(os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")) / "versions"  # noqa: PTH111 - as above
