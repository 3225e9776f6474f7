"""This project's commands, run as a user runs them: as processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from tests.support.processes import ROOT, run_program

COMMAND_DEADLINE_S = 60.0  # a whole run on a busy machine


def run_python(
    *arguments: str, timeout_s: float = COMMAND_DEADLINE_S, descriptors: int | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run ``python ARGUMENTS`` until it exits. environment: variables to add."""
    return run_program(
        [sys.executable, *arguments], timeout_s=timeout_s, descriptors=descriptors, environment=environment
    )


@contextmanager
def start_python(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start ``python ARGUMENTS``. Its process group is killed at the end, whatever happened."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
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
    """Restore the default: in a shell's background job, SIGINT is ignored by the tests and by all their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
