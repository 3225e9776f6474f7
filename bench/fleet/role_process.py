"""The agent's side of a role process: start it, ask it, end it. ``bench.fleet.role_program`` is the other side."""

import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.experiment.child_commands import module_command
from bench.experiment.child_process import Child, ChildError
from bench.fleet.errors import RoleError
from bench.machine.child_environment import external_environment

ANSWER_MARGIN_S = 20.0  # beyond the deadline, for the role to end by itself and for its last line
Event = dict[str, Any]

# The kernel kills a role process when the *thread* ends that has started it. Threads of an agent's tasks end when the
# engine wants them to; this one lives as long as the process.
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="role starter")


class RoleProcess(Child):
    """A role process. Raises RoleError if it cannot be started.

    module: of the program, which uses RoleProgram.
    """

    _stop_s = 12.0  # for it to stop its servers after SIGTERM

    def __init__(self, role: str, module: str) -> None:
        self.role = role
        self._asking = threading.Lock()
        self._end_reason = ""
        started = _starter.submit(
            super().__init__,
            role,
            module_command(module),
            sorted(os.sched_getaffinity(0)),
            pipe_stdin=True,
            environment=external_environment(),
        )
        try:
            started.result()
        except OSError as error:
            raise RoleError(role, 0, f"cannot be started: {error.strerror}") from error

    def prepare(self, specification: Mapping[str, Any], deadline_s: float) -> Event:
        """Return what it reports when it is ready. Raises RoleError."""
        first = {"specification": dict(specification), "parent": os.getpid(), "deadline_s": deadline_s}
        return self._exchange(first, "ready", deadline_s, _ignore)

    def command(self, command: Mapping[str, Any], deadline_s: float, on_event: Callable[[Event], None]) -> Event:
        """Return the answer to a command. Events before it are passed on. Raises RoleError."""
        return self._exchange({"command": dict(command), "deadline_s": deadline_s}, "answer", deadline_s, on_event)

    def abort(self, reason: str) -> None:
        """End the process and all that it has started. May be called at any time, and again.

        reason: what a command that is in progress reports, e.g. ``was stopped``.
        """
        self._end_reason = self._end_reason or reason
        self.end()
        with self._asking:  # the command in progress has read the end of the output by now
            self.stop()

    def _exchange(
        self, line: Mapping[str, Any], expected: str, deadline_s: float, on_event: Callable[[Event], None]
    ) -> Event:
        end_s = time.monotonic() + deadline_s + ANSWER_MARGIN_S
        try:
            with self._asking:
                answer = self.ask(line, end_s - time.monotonic())
                while "event" in answer:
                    on_event(answer["event"])
                    answer = self.read_line(max(0.0, end_s - time.monotonic()))
        except ChildError as error:
            reason = self._end_reason or str(error).removeprefix(f"{self.role} ")
            raise RoleError(self.role, self.pid, reason) from error
        if "error" in answer:
            raise RoleError(self.role, self.pid, str(answer["error"]))
        if expected not in answer:
            raise RoleError(self.role, self.pid, f"wrote an unexpected line: {str(answer)[:200]}")
        value: Event = answer[expected]
        return value


def _ignore(_event: Event) -> None:
    """Drop an event before ``ready``: nobody waits for it yet."""
