"""Child processes of a run: servers and the generator.

Each child has a process group of its own.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any, Self

from bench.experiment.output_file import OutputFile
from bench.machine.affinity import pinned
from bench.machine.child_environment import model_environment

READY_S = 60.0  # a compiled server compiles first on a new machine
_EXIT_S = 2.0  # between the end of a process's output and its exit


class ChildError(Exception):
    """A child did not start, did not answer, or exited too early.

    The message includes its last stderr lines.
    """


class LostGeneratorError(ChildError):
    """A generator on another machine was lost during a block. What was measured before stays."""


class ServerError(Exception):
    """One server cannot be measured any further. The others continue."""


class Child:
    """A child process whose output this process reads.

    name: for messages. pipe_stdin: whether this process writes to it. stdout: where its output goes; without it this
    process reads the output. environment: all variables of the child; by default those of a model.
    """

    _stop_s = 2.0  # for it to exit after SIGTERM

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        cpus: Sequence[int],
        *,
        pipe_stdin: bool = False,
        stdout: OutputFile | None = None,
        stderr: OutputFile | None = None,
        folder: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self._stderr = stderr or OutputFile()
        self._pending = b""
        with pinned(cpus):
            # The process group of its own keeps Ctrl-C at the terminal away from the child, and one signal reaches it
            # and its workers. A session of its own would be wrong: the kernel shares a CPU between sessions first
            # (sched(7), autogroup), and the loop that keeps CPUs awake took half of a server's CPU from another one.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if pipe_stdin else subprocess.DEVNULL,
                stdout=stdout.fileno() if stdout else subprocess.PIPE,
                stderr=self._stderr.fileno(),
                process_group=0,
                env=model_environment() if environment is None else dict(environment),
                cwd=folder or None,
            )
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def alive(self) -> bool:
        """True while the process is running."""
        return self._process.poll() is None

    @property
    def exit_text(self) -> str:
        """End of the process: ``exited with code 3`` or ``was killed by SIGKILL``."""
        code = self._process.poll()
        if code is None:
            return "closed its output"
        if code < 0:
            return f"was killed by {signal.Signals(-code).name}"
        return f"exited with code {code}"

    def ask(self, question: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        """Write one line of JSON, and read one. Raises ChildError."""
        assert self._process.stdin is not None, "started without pipe_stdin"
        try:
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise ChildError(f"{self.name} {self._await_exit()}; {self.stderr_report}") from error
        return self.read_line(timeout_s)

    def read_line(self, timeout_s: float) -> dict[str, Any]:
        """Read one line of JSON. Raises ChildError if none comes in time."""
        line = self.read_text(timeout_s)
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError as error:
            raise ChildError(f"{self.name} wrote a line that is not JSON: {line[:200]!r}") from error
        return answer

    def read_text(self, timeout_s: float) -> bytes:
        """Read one line. Raises ChildError if none comes in time."""
        assert self._process.stdout is not None, "started with a file for its output"
        deadline_s = time.monotonic() + timeout_s
        while b"\n" not in self._pending:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0 or not select.select([self._process.stdout], [], [], left_s)[0]:
                raise ChildError(f"no output from {self.name} for {timeout_s:g} s; {self.stderr_report}")
            data = os.read(self._process.stdout.fileno(), 1 << 20)
            if not data:
                raise ChildError(f"{self.name} {self._await_exit()}; {self.stderr_report}")
            self._pending += data
        line, _, self._pending = self._pending.partition(b"\n")
        return line

    def stderr_tail(self) -> str:
        """Return the last lines of its standard error in one line, or ""."""
        return self._stderr.tail()

    @property
    def stderr_report(self) -> str:
        """The last stderr lines, as the end of a message."""
        tail = self.stderr_tail()
        return f"last stderr lines: {tail}" if tail else "its stderr is empty"

    def stop(self) -> None:
        """Stop its whole process group: SIGTERM first, then SIGKILL. May be called again."""
        self.end()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):  # the other end of the pipe is closed
                    stream.close()
        self._stderr.close()

    def end(self) -> None:
        """Stop it without closing its pipes: another thread may be reading its last line. Call ``stop`` after it."""
        for signal_number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal_number)
            try:
                self._process.wait(self._stop_s)
                break
            except subprocess.TimeoutExpired:
                continue
        with contextlib.suppress(ProcessLookupError):  # workers that outlived their parent
            os.killpg(self.pid, signal.SIGKILL)

    def _await_exit(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_EXIT_S)
        return self.exit_text


class UnmanagedServer:
    """Replaces the child where another program started the server.

    Only the replies of such a server are visible.
    """

    alive = True
    exit_text = "is not managed by holabench"
    stderr_report = "its stderr is not available: holabench did not start it"

    def stderr_tail(self) -> str:
        """Return "": nobody reads its standard error."""
        return ""
