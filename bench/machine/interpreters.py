"""Other interpreters to run the servers with: found by version, by name, or by path, and tried before they are used."""

import glob
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_TELL = (
    "import json, sys; print(json.dumps([sys.implementation.name, list(sys.version_info[:2]), "
    "getattr(sys, '_is_gil_enabled', lambda: True)()]))"
)
_TRY_S = 20.0


@dataclass(frozen=True, slots=True)
class Interpreter:
    """One that works here."""

    label: str  # in an arm's name: 3.13, 3.13t without the interpreter lock, pypy3.9
    path: str


class NoInterpreterError(Exception):
    """There is none by that name: one line that says where it was looked for."""


def find(wanted: str) -> Interpreter:
    """Find an interpreter. wanted: 3.13, pypy3, or a path. Raises NoInterpreterError.

    Each candidate is tried: pyenv puts a file on the path for every version, whether that is switched on or not.
    """
    for candidate in _candidates(wanted):
        try:
            told = subprocess.run([candidate, "-c", _TELL], capture_output=True, timeout=_TRY_S, check=True).stdout
            name, (major, minor), locked = json.loads(told)
        except (OSError, subprocess.SubprocessError, ValueError):
            continue
        kind = "" if name == "cpython" else name
        return Interpreter(f"{kind}{major}.{minor}{'' if locked else 't'}", candidate)
    raise NoInterpreterError(
        f"no interpreter {wanted!r} that works, on the path or in {_pyenv()}; give a version, a name or a path"
    )


def own_label() -> str:
    """The label that our own interpreter would have."""
    return find(sys.executable).label


def _candidates(wanted: str) -> list[str]:
    if "/" in wanted:
        return [str(Path(wanted).expanduser())]
    name = f"python{wanted}" if wanted[:1].isdigit() else wanted
    on_path = shutil.which(name)
    found = sorted(map(str, _pyenv().glob(f"{glob.escape(wanted)}*/bin/python")))
    return [*([on_path] if on_path else []), *found]


def _pyenv() -> Path:
    return Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
