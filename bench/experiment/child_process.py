"""Starting and ending the children of a run: servers and the generator, each in a process group of its own."""

import contextlib
import json
import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self

from bench.machine.affinity import pinned

READY_S = 60.0  # a compiled one compiles first on a new machine
_END_S = 2.0
_TAIL_BYTES = 2000
_HOME = Path(__file__).resolve().parents[2]  # where ``servers`` and ``clients`` can be imported from


class ChildError(Exception):
    """A child did not start, or ended before its time. The message has its last words."""


class Child:
    """A process that was started with its standard output, and if wanted its input, in our hands.

    writes: whether we write to it. heard: whether we read what it says; if not, that is kept with its errors.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        cpus: Sequence[int],
        *,
        writes: bool = False,
        heard: bool = True,
        folder: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop
        self._pending = b""
        with pinned(cpus):
            # A group of its own: Ctrl-C at the terminal is for us alone, and one signal ends it with its workers. But
            # no session of its own: the kernel shares a CPU between sessions first (sched(7), autogroup), and what
            # keeps CPUs awake took half of a server's from another one.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if writes else subprocess.DEVNULL,
                stdout=subprocess.PIPE if heard else self._stderr,
                stderr=self._stderr,
                process_group=0,
                env=environment_of_children() | dict(environment or {}),
                cwd=folder or None,
            )
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def alive(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def ask(self, question: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        """Write one line of JSON, and read one."""
        assert self._process.stdin is not None, "started without a standard input"
        try:
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise ChildError(f"{self.name} has ended; its last words were: {self.stderr_tail()}") from error
        return self.read_line(timeout_s)

    def read_line(self, timeout_s: float) -> dict[str, Any]:
        """Read one line of JSON from it. Raises ChildError if none comes in time."""
        line = self.read_text(timeout_s)
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError as error:
            raise ChildError(f"{self.name} wrote a line that is not JSON: {line[:200]!r}") from error
        return answer

    def read_text(self, timeout_s: float) -> bytes:
        """Read one line from it, whatever it says. Raises ChildError if none comes in time."""
        assert self._process.stdout is not None
        deadline_s = time.monotonic() + timeout_s
        while b"\n" not in self._pending:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0 or not select.select([self._process.stdout], [], [], left_s)[0]:
                raise ChildError(f"{self.name} said nothing for {timeout_s:g} s; its last words: {self.stderr_tail()}")
            data = os.read(self._process.stdout.fileno(), 1 << 20)
            if not data:
                code = self._process.wait()
                raise ChildError(f"{self.name} ended with code {code}; its last words were: {self.stderr_tail()}")
            self._pending += data
        line, _, self._pending = self._pending.partition(b"\n")
        return line

    def stderr_tail(self) -> str:
        """The end of what it wrote to its standard error, in one line."""
        with contextlib.suppress(ValueError, OSError):  # closed already
            size = os.fstat(self._stderr.fileno()).st_size
            tail = os.pread(self._stderr.fileno(), _TAIL_BYTES, max(0, size - _TAIL_BYTES))
            lines = tail.decode("utf-8", "replace").strip().splitlines()
            return " | ".join(lines[-3:]) or "none"
        return "none"

    def stop(self) -> None:
        """End its whole process group: politely, then for certain. May be called again."""
        for signal_number, patience_s in ((signal.SIGTERM, _END_S), (signal.SIGKILL, _END_S)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal_number)
            try:
                self._process.wait(patience_s)
                break
            except subprocess.TimeoutExpired:
                continue
        with contextlib.suppress(ProcessLookupError):  # workers that outlived their parent
            os.killpg(self.pid, signal.SIGKILL)
        for stream in (self._process.stdin, self._process.stdout, self._stderr):
            if stream is not None:
                with contextlib.suppress(OSError):  # its end of the pipe is gone
                    stream.close()


class UnmanagedServer:
    """In place of a child: a server that somebody else started, of which nothing can be known but what it answers."""

    alive = True

    def stderr_tail(self) -> str:
        """What a child wrote to its standard error: nothing can be seen of it."""
        return "not to be had, as somebody else started it"


def server_command(model: str, transport: str, protocol: str, workers: int, python: str = "") -> list[str]:
    """The command line of one of our own servers, on a port that the kernel chooses. python: path, if not our own."""
    options = ["--transport", transport, "--protocol", protocol, "--workers", str(workers)]
    return [python or sys.executable, "-m", "servers", model, *options]


def external_command(words: Sequence[str]) -> list[str]:
    """The command line of somebody else's server, so that it ends with us."""
    return [sys.executable, "-m", "servers.external", *words]


def raise_descriptor_limit() -> None:
    """Raise the soft limit on open files to the hard one: children inherit it, and every connection takes one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def generator_command(cpus: Sequence[int]) -> list[str]:
    """The command line of the generator. cpus: those that it has for itself."""
    return [sys.executable, "-m", "clients", "worker", "--cpus", ",".join(map(str, cpus))]


def awake_command(cpus: Sequence[int], *, trial: bool = False) -> list[str]:
    """The command line of what keeps CPUs from halting. trial: of what tries how well it gives way."""
    return [sys.executable, "-m", "bench.machine.keep_awake", "--cpus", ",".join(map(str, cpus)), *["--trial"] * trial]


def environment_of_children() -> dict[str, str]:
    """Our environment, with our packages importable and each library's own threads switched off.

    A server that finds another parent than HOLABENCH_PARENT ends at once: we were killed before it could tell the
    kernel to end it with us.
    """
    path = os.pathsep.join(filter(None, (str(_HOME), os.environ.get("PYTHONPATH"))))
    own = {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "NUMBA_NUM_THREADS": "1", "HOLABENCH_PARENT": str(os.getpid())}
    return {**os.environ, **own}
