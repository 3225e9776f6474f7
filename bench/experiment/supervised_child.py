"""An external server: a command with its supervisor, its cgroup and its output."""

import time
from collections.abc import Mapping, Sequence

from bench.experiment.child_commands import external_command
from bench.experiment.child_process import Child, ChildError
from bench.experiment.output_file import OutputFile
from bench.machine.cgroup import Cgroup, create_cgroup
from bench.machine.process_list import descendants, has_ended
from bench.machine.supervised_tree import SupervisedTree
from servers.run_command import CANNOT_START, CANNOT_START_CODE

_POLL_S = 0.01


class SupervisedChild(Child):
    """A command below a supervisor, which ends everything that the command has started.

    Its processes are in ``tree``. The end of its output is kept, and the whole of it counts for ``output_bytes``.
    Raises OSError if it cannot be started.

    ready_line: whether the first line of its standard output is awaited; errors then go to another file.
    """

    _stop_s = 9.0  # longer than the supervisor gives the command: servers/run_command.py

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        cpus: Sequence[int],
        *,
        ready_line: bool,
        folder: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.cgroup: Cgroup | None = create_cgroup()
        self.output = OutputFile()
        errors = OutputFile() if ready_line else self.output
        self._outputs = {self.output, errors}
        option = ["--cgroup", str(self.cgroup.path)] if self.cgroup else []
        try:
            super().__init__(
                name,
                external_command([*option, *command]),
                cpus,
                stdout=self.output,
                stderr=errors,
                folder=folder,
                environment=environment,
            )
        except OSError:
            self._clean_up()
            raise
        self.tree = SupervisedTree(self.pid, self.cgroup)
        self._started = False

    @property
    def alive(self) -> bool:
        """True while any process of the command is running. Bounds its output."""
        for output in self._outputs:
            output.bound()
        running = not all(map(has_ended, descendants(self.pid)))
        if self._started and not running:  # the supervisor is about to exit
            self._await_exit()
        self._started = self._started or running
        return super().alive

    @property
    def start_problem(self) -> str:
        """Why the kernel refused to start the command: ``cannot be started: ./prog: Exec format error``; or ""."""
        tail = self.stderr_tail()
        return tail if self._process.poll() == CANNOT_START_CODE and tail.startswith(CANNOT_START) else ""

    @property
    def output_bytes(self) -> int:
        """The number of bytes that it has written."""
        return sum(output.total_bytes for output in self._outputs)

    def await_line(self, timeout_s: float) -> None:
        """Wait for the first line of its standard output. Raises ChildError if it does not come in time."""
        end_s = time.monotonic() + timeout_s
        while self.output.first_line() is None:
            if not self.alive:
                raise ChildError(f"{self.name} {self.exit_text}; {self.stderr_report}")
            if time.monotonic() > end_s:
                raise ChildError(f"no line of output from {self.name} for {timeout_s:g} s; {self.stderr_report}")
            time.sleep(_POLL_S)

    def stop(self) -> None:
        """End all its processes: SIGTERM first, then SIGKILL. May be called again."""
        super().stop()
        self._clean_up()

    def _clean_up(self) -> None:
        if self.cgroup:
            self.cgroup.remove()
        for output in self._outputs:
            output.close()
