"""This project's commands, run as a user runs them: as processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psutil

from tests.support.processes import ROOT, run_program

COMMAND_DEADLINE_S = 60.0  # a whole run on a busy machine


def run_python(
    *arguments: str, timeout_s: float = COMMAND_DEADLINE_S, descriptors: int | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run ``python ARGUMENTS`` until it exits. environment: variables to add."""
    command = make_python_command(*arguments, environment=environment)
    return run_program(command, timeout_s=timeout_s, descriptors=descriptors, environment=environment)


def make_python_command(*arguments: str, environment: Mapping[str, str] | None = None) -> list[str]:
    """Return ``python ARGUMENTS``, with coverage if it is measured and cheap.

    ``nox -s tests`` sets COVERAGE_RCFILE. Only ``bench`` and ``clients`` themselves are measured: the servers and
    generators that they start would be slower, and so would loops that are not compiled.
    """
    is_measured = "COVERAGE_RCFILE" in os.environ and arguments[:2] in {("-m", "bench"), ("-m", "clients")}
    is_compiled = (environment or {}).get("NUMBA_DISABLE_JIT") != "1"
    if is_measured and is_compiled:
        return [sys.executable, "-m", "coverage", "run", *arguments]
    return [sys.executable, *arguments]


@contextmanager
def start_python(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start ``python ARGUMENTS``, and kill its process group at the end."""
    process = subprocess.Popen(
        make_python_command(*arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
        preexec_fn=_accept_ctrl_c,  # noqa: PLW1509 - the tests have no other thread while this starts
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def find_servers_below(pid: int) -> list[psutil.Process]:
    """Return the server processes that a run has started, workers included."""
    try:
        children = psutil.Process(pid).children(recursive=True)
        return [process for process in children if "servers" in process.cmdline()]
    except psutil.NoSuchProcess:
        return []


def _accept_ctrl_c() -> None:
    """Restore SIGINT, which is ignored if the tests run as a background job."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
