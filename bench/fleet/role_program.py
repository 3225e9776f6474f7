"""The child's side of a role process: what a program does that an agent starts.

The agent and the program exchange lines of JSON over stdin and stdout:

| direction | line |
|---|---|
| to the program, first | ``{"specification": {...}, "parent": PID, "deadline_s": 60}`` |
| to the program | ``{"command": {...}, "deadline_s": 60}`` |
| from the program, first | ``{"ready": {...}}`` |
| from the program, any number | ``{"event": {...}}`` |
| from the program, to each command | ``{"answer": {...}}`` or ``{"error": "..."}`` |

A program looks like this::

    def main() -> None:
        with RoleProgram() as program:
            port = start(program.specification)
            program.ready({"port": port})
            for command in program.commands():
                program.event({"slice": 1})
                program.answer({"blocks": 1})

It ends when its stdin ends, on SIGTERM, at its deadline, and together with its agent. What the ``with`` statements of
the program have opened is closed first, but for the last case: then the kernel kills it. ``fail`` reports why a command
has no answer; an exception reports itself, and ends the program.
"""

import contextlib
import json
import os
import queue
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from types import FrameType, TracebackType
from typing import Any, Self

from servers.parent_death import die_with_parent

IDLE_S = 900.0  # between two commands: the other hosts may be busy for as long
GRACE_S = 10.0  # between the request to end and the end by force
_CHUNK_BYTES = 1 << 16


class RoleFailure(Exception):  # noqa: N818 - not an error of the program: the reason why a command has no answer
    """The role cannot continue. The message is the end of a sentence about it, e.g. ``found no free port``."""


class RoleProgram:
    """Specification, commands and answers of this process. Use as a context in the main thread.

    specification: what the first line of stdin contains.
    """

    specification: dict[str, Any]

    def __init__(self) -> None:
        self._commands: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._output = os.dup(sys.stdout.fileno())
        # A library that prints would break the exchange, so its output goes to stderr.
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        self._output_lock = threading.Lock()
        self._pending = b""
        self._deadline_s = self._end_s = 0.0
        self._is_late = False

    def __enter__(self) -> Self:
        """Read the specification, and arm everything that ends this process."""
        signal.signal(signal.SIGTERM, _exit)
        first = self._read_line()
        if first is None:
            sys.exit(0)
        die_with_parent(first["parent"])
        self.specification = first["specification"]
        self._extend(first["deadline_s"])
        threading.Thread(target=self._read_commands, name="role stdin", daemon=True).start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> bool:
        """Report why the program ends. A failure has been reported, so it is not raised again."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with contextlib.suppress(OSError):  # the agent does not read any more
            if self._is_late:
                self._write({"error": f"took longer than {self._deadline_s:g} s"})
            elif isinstance(error, Exception):
                self._write({"error": _describe(error)})
        return isinstance(error, RoleFailure)

    def ready(self, values: Mapping[str, Any]) -> None:
        """Report that the role is prepared, with what the others need to know, e.g. ports."""
        self._report({"ready": dict(values)})

    def commands(self) -> Iterator[dict[str, Any]]:
        """Yield each command; the body of the loop has to call ``answer`` or ``fail`` once. Ends with the process."""
        while True:
            yield self._commands.get()["command"]

    def event(self, values: Mapping[str, Any]) -> None:
        """Report progress to the controller."""
        self._write({"event": dict(values)})

    def answer(self, values: Mapping[str, Any]) -> None:
        """Report the result of the command."""
        self._report({"answer": dict(values)})

    def fail(self, reason: str) -> None:
        """Report that the command has no result. reason: the end of a sentence, e.g. ``found no free port``."""
        self._report({"error": reason})

    def _report(self, line: Mapping[str, Any]) -> None:
        """Write the last line of an exchange. The deadline comes first: the next command may arrive at once."""
        self._extend(IDLE_S)
        self._write(line)

    def _write(self, line: Mapping[str, Any]) -> None:
        data = memoryview(json.dumps(line).encode() + b"\n")
        with self._output_lock:
            while data:
                data = data[os.write(self._output, data) :]

    def _extend(self, deadline_s: float) -> None:
        """End this process after some time from now on.

        The thread that reads stdin asks it to end. The alarm is for a process that cannot: the kernel ends it.
        """
        self._deadline_s = deadline_s
        self._end_s = time.monotonic() + deadline_s
        signal.alarm(int(deadline_s + GRACE_S) + 1)

    def _read_commands(self) -> None:
        while (line := self._read_line()) is not None:
            self._extend(line["deadline_s"])  # here, because this thread waits for the deadline, too
            self._commands.put(line)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE_S)
        os._exit(1)  # the main thread did not come to its end

    def _read_line(self) -> dict[str, Any] | None:
        """Return the next line of stdin; None at its end, or at the deadline."""
        while b"\n" not in self._pending:
            wait_s = max(0.0, self._end_s - time.monotonic()) if self._end_s else None
            # The deadline may be extended during this wait, so it is looked at again.
            if not select.select([0], [], [], wait_s)[0]:
                if time.monotonic() < self._end_s:
                    continue
                self._is_late = True
                return None
            data = os.read(0, _CHUNK_BYTES)
            if not data:
                return None
            self._pending += data
        text, _, self._pending = self._pending.partition(b"\n")
        line: dict[str, Any] = json.loads(text)
        return line


def _describe(error: Exception) -> str:
    return str(error) if isinstance(error, RoleFailure) else f"failed: {type(error).__name__}: {error}"


def _exit(_signal_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one would interrupt the end
    raise SystemExit(0)
