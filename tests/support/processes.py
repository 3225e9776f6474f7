"""Run other processes, limit their descriptors, check that they have exited."""

import contextlib
import os
import select
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil
import pytest

from tests.support.waiting import DEADLINE_S

ROOT = Path(__file__).parents[2]


def run_program(
    command: Sequence[str],
    *,
    timeout_s: float = DEADLINE_S,
    descriptors: int | None = None,
    cwd: Path = ROOT,
    environment: Mapping[str, str] | None = None,
    stdin: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command until it exits.

    descriptors: its limit of open files. environment: variables to add to this process's environment. stdin: its whole
    input; by default that of this process.
    """
    if descriptors is not None:
        command = limit_descriptors(descriptors, command)
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        cwd=cwd,
        input=stdin,
        env={**os.environ, **(environment or {})},
    )


def limit_descriptors(descriptors: int, command: Sequence[str]) -> list[str]:
    """Return a command with a limit of open files, which a shell sets first."""
    return ["sh", "-c", f'ulimit -n {descriptors} && exec "$@"', "sh", *command]


def find_interpreter(name: str, version_pattern: str) -> str:
    """Return an interpreter on the path or under pyenv. Skip the test if none works."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for candidate in [shutil.which(name), *sorted(map(str, pyenv.glob(f"{version_pattern}/bin/python")))]:
        # Run it: pyenv puts a file on the path for every version, even for versions that are switched off.
        if candidate and subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
            return candidate
    pytest.skip(f"no {name} on the path or in {pyenv}")


def have_exited(processes: Iterable[psutil.Process]) -> bool:
    """Return whether none of the processes runs; a zombie does not run."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                return False
    return True


def read_line(stream: IO[bytes]) -> bytes:
    """Read one line. Return b"" if the other side closed or the deadline passed.

    The stream must be unbuffered: select does not see a line that is already in a buffer.
    """
    readable, _, _ = select.select([stream], [], [], DEADLINE_S)
    return stream.readline() if readable else b""
