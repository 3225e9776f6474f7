"""``holabench run --fleet`` as a user runs it: a controller, agents, and what each of them leaves behind.

Each agent is the first process of a session, as on a host of its own. All that it starts is in this session.
"""

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.support.commands import make_python_command
from tests.support.fleet import agent_arguments
from tests.support.processes import ROOT
from tests.support.waiting import wait_until

HOST = "127.0.0.1"
SERVERS, GENERATOR = "lab1", "lab2"
END_S = 300.0  # of a command that has lost a host, on a busy machine
Wrap = Callable[[str, Sequence[str]], list[str]]  # a host and a command: the command on that host


def session_of(session: int) -> list[psutil.Process]:
    """Return the processes of a session, without zombies."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, psutil.Error):
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


@dataclass
class FleetCommand:
    """A fleet whose run can be started several times. folder: for its files; ``out`` in it has the run folders."""

    folder: Path
    plan: str
    listen: str = HOST
    tls_dirs: Mapping[str, Path] = field(default_factory=dict)  # by agent, and that of "controller"
    wrap: Wrap = lambda _host, command: list(command)
    environment: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # by agent, and of "controller"
    late: bool = False  # whether agents are started after the controller waits for them
    wait_s: float = END_S

    @property
    def run_folder(self) -> Path:
        """The only run folder."""
        (path,) = (self.folder / "out").iterdir()
        return path

    @contextmanager
    def start(self, *agent_options: str, resumes: bool = False) -> Iterator["RunningFleet"]:
        """Start the agents and the controller. At the end what still runs is killed."""
        address = f"{self.listen}:{_free_port(self.listen)}"
        (self.folder / "plan.toml").write_text(self.plan)
        (self.folder / "fleet.toml").write_text(self._fleet_file(address))
        arguments = ["run", *(["--resume", str(self.run_folder)] if resumes else [str(self.folder / "plan.toml")])]
        arguments += [] if resumes else ["--output-dir", str(self.folder / "out")]
        arguments += ["--fleet", str(self.folder / "fleet.toml"), "--no-charts"]
        command = make_python_command("-m", "bench", *arguments)
        running = RunningFleet(self, address)
        try:
            if not self.late:
                running.start_agents(*agent_options)
            running.start("controller", self.wrap("controller", command))
            if self.late:
                running.await_text("waiting for the agents")
                running.start_agents(*agent_options)
            yield running
        finally:
            running.kill()

    def _fleet_file(self, address: str) -> str:
        tls = f'tls_dir = "{self.tls_dirs["controller"]}"\n' if self.tls_dirs else ""
        hosts = f'servers_on = "{SERVERS}"\ngenerators_on = ["{GENERATOR}"]\nwait_s = {self.wait_s}\n'
        return f'listen = "{address}"\n{hosts}{tls}'


class RunningFleet:
    """The processes of a fleet that runs."""

    def __init__(self, command: FleetCommand, address: str) -> None:
        self._command, self._address = command, address
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start_agents(self, *extra: str) -> None:
        """Start an agent on each host."""
        scheme = "tls" if self._command.tls_dirs else "tcp"
        for name in (SERVERS, GENERATOR):
            options = ("--tls-dir", str(self._command.tls_dirs[name])) if self._command.tls_dirs else ()
            arguments = agent_arguments(f"{scheme}://{self._address}", name, *options, *extra)
            self.start(name, self._command.wrap(name, make_python_command(*arguments)))

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start a process with a session of its own."""
        environment = {**os.environ, **self._command.environment.get(name, {})}
        with self._log(name).open("wb") as log:
            self.processes[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=ROOT,
                env=environment,
                start_new_session=True,
                preexec_fn=_accept_ctrl_c,  # noqa: PLW1509 - the tests have no other thread while this starts
            )

    @property
    def errors(self) -> str:
        """The standard error of the controller so far."""
        return self.log("controller")

    def log(self, name: str) -> str:
        """Return the standard error of a process so far."""
        return self._log(name).read_text(errors="replace")

    def await_text(self, text: str) -> None:
        """Wait until the controller has written a text, which fails if it ends before."""

        def is_written() -> bool:
            if text not in self.errors and self.processes["controller"].poll() is not None:
                raise AssertionError(f"the command has ended without {text!r}: {self.errors}")
            return text in self.errors

        wait_until(is_written, f"the command writes {text!r}", END_S)

    def await_block(self, number: int) -> None:
        """Wait until slices of a block have arrived. number: from 1 on."""
        self.await_text(f"block {number} of ")

    def find(self, name: str, text: str) -> psutil.Process:
        """Return the process of a session whose command line contains a text."""
        session = session_of(self.processes[name].pid)
        (found,) = [each for each in session if text in " ".join(each.cmdline()) and each.name() != "unshare"]
        return found

    def signal_host(self, name: str, number: signal.Signals) -> None:
        """Send a signal to all processes of a host."""
        for process in session_of(self.processes[name].pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def finish(self) -> int:
        """Wait for the end of the command; return its exit code."""
        return self.processes["controller"].wait(END_S)

    def check_nothing_runs(self) -> None:
        """Wait until all processes of all hosts have ended."""
        sessions = [process.pid for process in self.processes.values()]

        def rest() -> list[psutil.Process]:
            return [process for session in sessions for process in session_of(session)]

        wait_until(lambda: not rest(), f"nothing is left: {sessions}", END_S)

    def kill(self) -> None:
        """Kill what is left."""
        for process in self.processes.values():
            for each in session_of(process.pid):
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()
            process.wait()

    def _log(self, name: str) -> Path:
        return self._command.folder / f"{name}.log"


def _free_port(host: str) -> int:
    with socket.create_server((host, 0)) as free:
        return int(free.getsockname()[1])


def _accept_ctrl_c() -> None:
    """Restore SIGINT, which is ignored if the tests run as a background job."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
