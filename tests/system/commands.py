"""Running the project's commands as a person does: as processes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]
DEADLINE_S = 60.0


def python(
    *words: str, timeout_s: float = DEADLINE_S, descriptors: int | None = None, **changes: str
) -> subprocess.CompletedProcess[str]:
    """Run ``python WORDS`` to its end. descriptors: how many it may have. changes: of the environment."""
    limit = [] if descriptors is None else ["sh", "-c", f'ulimit -n {descriptors} && exec "$@"', "sh"]
    return subprocess.run(
        [*limit, sys.executable, *words],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        cwd=ROOT,
        env={**os.environ, **changes},
    )


def _hear_ctrl_c() -> None:
    """As under a terminal: a shell's background job, which the tests may be, ignores Ctrl-C, and so do its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def started(*words: str) -> Iterator[subprocess.Popen[str]]:
    """Start ``python WORDS``; its process group is ended at the end, whatever happened."""
    process = subprocess.Popen(
        [sys.executable, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
        preexec_fn=_hear_ctrl_c,  # noqa: PLW1509 - no other thread of the tests runs while this starts
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@contextmanager
def server(model: str, transport: str = "tcp", protocol: str = "echo") -> Iterator[dict[str, Any]]:
    """Run a server; yields its ready line."""
    with started("-m", "servers", model, "--transport", transport, "--protocol", protocol) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Ask again and again until it is so."""
    deadline_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline_s, f"not within {DEADLINE_S:g} s: {what}"
        time.sleep(0.01)


def servers_of(pid: int) -> list[psutil.Process]:
    """The server processes below a run, workers included."""
    try:
        below = psutil.Process(pid).children(recursive=True)
        return [process for process in below if "servers" in process.cmdline()]
    except psutil.NoSuchProcess:
        return []
