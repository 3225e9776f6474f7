"""A server process: start it, inspect it, and report why it exited.

Nothing here imports the servers' code except the registry of their names, so the tests state the contract again.
"""

import contextlib
import functools
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import psutil
import pytest

from servers import registry
from tests.support.processes import ROOT, limit_descriptors, read_line
from tests.support.waiting import DEADLINE_S, wait_until

STDERR_LINES = 20  # enough for a traceback
SILENT_FILES = {"conftest.py", "servers.py"}  # their frames do not help in a traceback
EXIT_GRACE_S = 0.5  # a client may see the end of a connection before the server process has exited

describe = functools.cache(registry.describe)


@dataclass(frozen=True)
class Server:
    """A server that has printed its ready line."""

    process: subprocess.Popen[bytes]
    command: Sequence[str]
    errors: IO[bytes]
    ready: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, key: str) -> Any:
        """Return a value of the ready line."""
        return self.ready[key]

    def __str__(self) -> str:
        return f"{self['model']}/{self['transport']} ({self['protocol']})" if self.ready else " ".join(self.command)

    @property
    def model(self) -> registry.Description:
        return describe(str(self["model"]))

    @property
    def address(self) -> tuple[str, int]:
        return str(self["host"]), int(self["port"])

    @property
    def pid(self) -> int:
        return self.process.pid

    def stderr(self) -> str:
        """Return what the server has written to stderr so far."""
        self.errors.seek(0)
        return self.errors.read().decode()

    def tree(self) -> list[psutil.Process]:
        """Return the main process, then its workers."""
        main = psutil.Process(self.pid)
        return [main, *main.children(recursive=True)]

    def workers(self) -> list[psutil.Process]:
        """Wait until all workers have started, and return them."""
        if not self.model.parallel:
            return []
        wait_until(lambda: len(self.tree()) == 1 + self["workers"], "all workers have started")
        return self.tree()[1:]

    def descriptors(self) -> int:
        """Count the open descriptors of all processes."""
        return sum(process.num_fds() for process in self.tree())

    def cpu_s(self) -> float:
        """Return the CPU time of all processes, including threads that have ended."""
        total_s = 0.0
        for process in self.tree():
            with contextlib.suppress(OSError):  # the process has exited since it was listed
                total_s += time.clock_gettime((~process.pid << 3) | 2)
        return total_s

    def rss_bytes(self) -> int:
        return sum(int(process.memory_info().rss) for process in self.tree())

    def is_idle(self) -> bool:
        """Return whether the server uses next to no CPU time for 0.1 s."""
        before = self.cpu_s()
        select.select([], [], [], 0.1)
        return self.cpu_s() - before < 0.01

    def kill(self) -> None:
        """Kill all processes and wait for the main one. A second call does nothing."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait(timeout=DEADLINE_S)
        if self.process.stdout is not None:
            self.process.stdout.close()


class SharedServer:
    """A server for several tests; if one breaks it, the next gets a fresh one."""

    def __init__(self, command: Sequence[str]) -> None:
        self.command = command
        self._starts = contextlib.ExitStack()
        self._server: Server | None = None

    def __enter__(self) -> Self:
        self.get()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._starts.close()

    def get(self) -> Server:
        """Return the running server, after starting one if the last one has exited."""
        if self._server is None or self._server.process.poll() is not None:
            self._starts.close()
            self._server = self._starts.enter_context(start_command(self.command))
        return self._server


def make_command(
    model: str, transport: str = "tcp", protocol: str = "", *options: str, python: str = sys.executable
) -> list[str]:
    """Return the command line of a server. By default it serves the first protocol of the model."""
    protocol = protocol or _first_protocol(model)
    return [python, "-m", "servers", model, "--transport", transport, "--protocol", protocol, *options]


def _first_protocol(model: str) -> str:
    """Return a protocol that the model serves; echo if there is no such model."""
    return describe(model).protocols[0] if model in registry.names() else "echo"


def make_patched_command(code: str, *arguments: str) -> list[str]:
    """Return the command line of a server that runs some code first."""
    return [sys.executable, "-c", f"{code}\nfrom servers.__main__ import main\nmain({list(arguments)})"]


@contextlib.contextmanager
def start_server(
    model: str, transport: str = "tcp", protocol: str = "", *options: str, descriptors: int | None = None
) -> Iterator[Server]:
    """Start a server of a model.

    protocol: by default the first that it serves. descriptors: its limit of open files.
    """
    with start_command(make_command(model, transport, protocol, *options), descriptors=descriptors) as server:
        yield server


@contextlib.contextmanager
def start_command(command: Sequence[str], *, descriptors: int | None = None, cwd: Path = ROOT) -> Iterator[Server]:
    """Start a server, wait for its ready line, and kill its processes at the end.

    If the library of the model is not installed, the test is skipped. If the test fails after the server has exited,
    the failure starts with the exit code and the last lines of stderr.
    """
    if descriptors is not None:
        command = limit_descriptors(descriptors, command)
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, bufsize=0, stderr=errors, start_new_session=True, cwd=cwd
        )
        server = Server(process, command, errors)
        try:
            assert process.stdout is not None
            line = read_line(process.stdout)
            if not line:
                _report_failed_start(server)
            server.ready.update(json.loads(line))
            with explain_failure(server):
                yield server
        finally:
            server.kill()


def _report_failed_start(server: Server) -> None:
    if "pip install" in server.stderr():
        pytest.skip(server.stderr().strip())
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.process.wait(EXIT_GRACE_S)
    pytest.fail(f"{describe_state(server)}\nit has printed no ready line", pytrace=False)


@contextlib.contextmanager
def explain_failure(*servers: Server) -> Iterator[None]:
    """Explain a failure of the block by the servers' exit codes and stderr.

    A server that has exited comes first in the message. A server that runs adds its stderr as a note.
    """
    try:
        yield
    except (Exception, pytest.fail.Exception) as error:
        for server in servers:
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.process.wait(EXIT_GRACE_S)
            if server.process.returncode is not None:
                message = f"{describe_state(server)}\nthe test then failed:\n{_short_traceback(error)}"
                raise pytest.fail.Exception(message, pytrace=False) from None
            if server.stderr():
                error.add_note(describe_state(server))
        raise


def _short_traceback(error: BaseException) -> str:
    """Return the traceback without the frames of libraries and of this module."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(ROOT / "tests") and Path(frame.filename).name not in SILENT_FILES
    ]
    return "".join([*traceback.format_list(frames), *traceback.format_exception_only(error)])


def describe_state(server: Server) -> str:
    """Return a line with the exit code, if any, then the last lines of stderr."""
    code = server.process.poll()
    state = "is running" if code is None else f"exited with code {code}"
    tail = server.stderr().splitlines()[-STDERR_LINES:]
    return "\n".join([f"server {server} {state}; last stderr lines:", *(f"    {line}" for line in tail or ["(none)"])])
