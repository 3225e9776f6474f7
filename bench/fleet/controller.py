"""The controller's view of a fleet: start a scheduler, wait for agents, run functions and role processes on hosts."""

import functools
import os
import queue
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Self

from bench.experiment.child_commands import module_command
from bench.experiment.child_process import Child, ChildError
from bench.fleet import agent_tasks, engine
from bench.fleet.addresses import SchedulerUrl, is_loopback, split_address
from bench.fleet.code_version import code_version, describe_differences
from bench.fleet.errors import FleetError, FleetInputError, RoleError
from bench.fleet.quiet_settings import AGENT_TIMEOUT_S
from bench.fleet.tls_files import TlsFiles
from bench.machine.child_environment import external_environment

_START_S = 60.0  # of a scheduler on a busy machine
_POLL_S = 0.1  # while agents are missing
_CALL_S = 15.0
_ABORT_S = 30.0
TASK_MARGIN_S = 40.0  # beyond the deadline of a role process, for the agent to report it
OnEvent = Callable[[str, str, Mapping[str, Any]], None]  # host, role, event


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent that is connected. user: its effective user id."""

    name: str
    address: str
    pid: int
    user: int
    hostname: str
    cpus: tuple[int, ...]


class Task:
    """A function that runs on a host: once, or not at all."""

    def __init__(self, fleet: "Fleet", agent: Agent, phase: str, future: Future[Any], timeout_s: float) -> None:
        self.agent, self.phase = agent, phase
        self._fleet, self._future = fleet, future
        self._timeout_s, self.end_s = timeout_s, time.monotonic() + timeout_s

    @property
    def done(self) -> bool:
        """True once the result, or the failure, has arrived."""
        return self._future.done()

    def result(self) -> Any:
        """Return what the function returns; deliver events meanwhile. Raises FleetError, also at its deadline."""
        self._fleet.wait_until(lambda: self._future.done() or self._fleet.lost_reason(self.agent.name), self.end_s)
        if not self._future.done():
            lost = self._fleet.lost_reason(self.agent.name)
            raise self._error(lost or f"did not finish within {self._timeout_s:g} s")
        try:
            return self._future.result()
        except FleetError:
            raise
        except engine.SchedulerLostError:
            raise self._fleet.scheduler_error(self.phase) from None
        except engine.AgentLostError as error:
            raise self._error(self._fleet.lost_reason(self.agent.name) or str(error)) from None
        except RoleError as error:
            raise FleetError(self.agent.name, error.role, error.reason, pid=error.pid, phase=self.phase) from None
        except Exception as error:
            raise self._error(f"failed: {type(error).__name__}: {error}") from error

    def _error(self, reason: str) -> FleetError:
        return FleetError(self.agent.name, "agent", reason, pid=self.agent.pid, phase=self.phase)


@dataclass(frozen=True, slots=True)
class RoleSpecification:
    """A role process to start. role: its name, which errors use. module: of its program (role_program)."""

    host: str
    role: str
    module: str
    specification: Mapping[str, Any]
    deadline_s: float = 120.0


class Role:
    """A role process that is ready. ready: what it has reported about itself."""

    def __init__(self, fleet: "Fleet", wanted: RoleSpecification, pid: int, ready: Mapping[str, Any]) -> None:
        self.host, self.name, self.pid, self.ready = wanted.host, wanted.role, pid, ready
        self._fleet = fleet

    def submit(self, command: Mapping[str, Any], *, deadline_s: float, phase: str) -> Task:
        """Start a command; the result of the task is its answer. At the deadline the role process ends itself."""
        arguments = (self.name, dict(command), deadline_s)
        return self._fleet.submit(
            self.host, agent_tasks.command_role, *arguments, phase=phase, timeout_s=deadline_s + TASK_MARGIN_S
        )

    def command(self, command: Mapping[str, Any], *, deadline_s: float, phase: str) -> dict[str, Any]:
        """Return the answer to a command, and deliver events meanwhile. Raises FleetError."""
        answer: dict[str, Any] = self.submit(command, deadline_s=deadline_s, phase=phase).result()
        return answer

    def abort(self) -> None:
        """End the process and all that it has started, also during a command. Raises FleetError."""
        self._fleet.submit(
            self.host, agent_tasks.abort_role, self.name, phase=f"the end of {self.name}", timeout_s=_ABORT_S
        ).result()


class Fleet:
    """A scheduler and its agents. Use it as a context: at its end they end, too.

    listen: ``HOST`` or ``HOST:PORT`` of the scheduler, as agents reach it. The kernel chooses a port that is missing.
    tls: required beyond loopback. on_event: is called with the host, the role and the event, in the thread that waits
    for a result; one thread at a time may wait.

    Raises FleetInputError and FleetError.
    """

    def __init__(
        self,
        listen: str = "127.0.0.1",
        *,
        tls: TlsFiles | None = None,
        on_event: OnEvent | None = None,
        agent_timeout_s: float = AGENT_TIMEOUT_S,
    ) -> None:
        self.on_event = on_event
        self._messages: queue.SimpleQueue[Mapping[str, Any] | None] = queue.SimpleQueue()
        self._lost: dict[str, str] = {}  # reasons, by the addresses of agents
        self.agents: dict[str, Agent] = {}
        url = _listen_url(listen, tls)
        # The engine leaves an empty folder with two locks in the folder for temporary files.
        self._scratch = tempfile.TemporaryDirectory(prefix="holabench-scheduler-", ignore_cleanup_errors=True)
        self._scheduler = Child(
            "scheduler",
            module_command("bench.fleet.scheduler_process"),
            sorted(os.sched_getaffinity(0)),
            pipe_stdin=True,
            environment=external_environment() | {"TMPDIR": self._scratch.name},
        )
        try:
            tls_dir = str(tls.authority.parent) if tls else ""
            line = {"url": str(url), "tls_dir": tls_dir, "agent_timeout_s": agent_timeout_s}
            answer = self._ask_scheduler(line)
            if "error" in answer:
                raise FleetInputError(f"cannot listen on {listen}: {answer['error']}; choose another address")
            self.address: str = answer["address"]
            self._connection = engine.Connection(self.address, tls, self._messages.put)
        except BaseException as error:
            self._stop_scheduler()
            if isinstance(error, OSError):
                raise FleetError("", "scheduler", f"did not accept the controller: {error}") from error
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def scheduler_pid(self) -> int:
        """The pid of the scheduler, a child of this process."""
        return self._scheduler.pid

    def close(self) -> None:
        """End the agents and their role processes, and the scheduler. May be called again."""
        try:
            self._connection.close(ends_scheduler=self._scheduler.alive)
        finally:
            self._stop_scheduler()

    def _stop_scheduler(self) -> None:
        self._scheduler.stop()
        self._scratch.cleanup()

    def await_agents(self, names: Sequence[str], timeout_s: float) -> None:
        """Wait for agents, and check that they have the code of this controller. Raises FleetInputError, FleetError."""
        end_s = time.monotonic() + timeout_s
        while missing := [name for name in names if name not in (found := self.connected_agents())]:
            if time.monotonic() > end_s:
                raise FleetInputError(self._describe_missing(missing, sorted(found), timeout_s))
            self.wait_until(lambda: False, min(end_s, time.monotonic() + _POLL_S))
        for name in names:
            self.agents[name] = Agent(name, found[name], 0, 0, "", ())
            facts = self.call(name, agent_tasks.describe_agent, phase="the start")
            self.agents[name] = Agent(
                name, found[name], facts["pid"], facts["user"], facts["hostname"], tuple(facts["cpus"])
            )
            if differences := describe_differences(code_version(), facts["version"]):
                raise FleetInputError(f"agent {name} (pid {facts['pid']}) has other code: {differences}")

    def call(
        self, host: str, function: Callable[..., Any], *arguments: Any, phase: str = "", timeout_s: float = _CALL_S
    ) -> Any:
        """Call a function that takes microseconds on a host: the agent does nothing else meanwhile. Raises FleetError.

        function: of a module that agents have, too.
        """
        agent = self._agent(host, phase)
        try:
            return self._connection.call(agent.address, function, arguments, timeout_s)
        except Exception as error:
            self.wait_until(lambda: self.lost_reason(host), time.monotonic() + _POLL_S)
            if not self._scheduler.alive:
                raise self.scheduler_error(phase) from error
            late = isinstance(error, TimeoutError) and f"did not answer within {timeout_s:g} s"
            reason = self.lost_reason(host) or late or f"failed: {type(error).__name__}: {error}"
            raise FleetError(host, "agent", reason, pid=agent.pid, phase=phase) from error

    def submit(self, host: str, function: Callable[..., Any], *arguments: Any, phase: str, timeout_s: float) -> Task:
        """Start a function in a thread of an agent. It runs once, or fails. Raises FleetError.

        function: as in ``call``. phase: what it does, for errors, e.g. ``block 3``.
        """
        agent = self._agent(host, phase)
        future = self._connection.submit(agent.address, function, arguments)
        future.add_done_callback(lambda _: self._messages.put(None))
        return Task(self, agent, phase, future, timeout_s)

    def gather(self, tasks: Sequence[Task]) -> list[Any]:
        """Return the results of tasks, in their order, and deliver events meanwhile.

        Raises FleetError for the first task that fails, or if any agent is lost: a part of the load is missing then.
        """
        remaining = list(tasks)
        while remaining:
            end_s = min(task.end_s for task in remaining)
            self.wait_until(functools.partial(self._has_news, remaining), end_s)
            done = [task for task in remaining if task.done or time.monotonic() >= task.end_s]
            for task in done:
                task.result()  # raises what went wrong
            remaining = [task for task in remaining if task not in done]
            if remaining and (host := self._any_lost()):
                agent = self.agents[host]
                raise FleetError(host, "agent", self.lost_reason(host), pid=agent.pid, phase=remaining[0].phase)
        return [task.result() for task in tasks]

    def start_roles(self, wanted: Sequence[RoleSpecification], phase: str = "the start") -> list[Role]:
        """Start role processes at the same time, and wait until all are ready. If one fails, the others are ended."""
        tasks = [
            self.submit(
                role.host,
                agent_tasks.start_role,
                role.role,
                role.module,
                dict(role.specification),
                role.deadline_s,
                phase=phase,
                timeout_s=role.deadline_s + TASK_MARGIN_S,
            )
            for role in wanted
        ]
        try:
            values = [task.result() for task in tasks]
        except BaseException:
            self._abort(wanted)
            raise
        return [Role(self, role, value["pid"], value["ready"]) for role, value in zip(wanted, values, strict=True)]

    def deliver_events(self) -> None:
        """Call ``on_event`` with the events that have arrived."""
        self.wait_until(lambda: False, 0.0)

    def wait_until(self, condition: Callable[[], object], end_s: float) -> None:
        """Deliver events until a condition holds, which a message may have made true, or until a time."""
        while True:
            try:
                message = self._messages.get(timeout=max(0.0, 0.0 if condition() else end_s - time.monotonic()))
            except queue.Empty:
                return
            if message is not None and "lost" in message:
                self._lost[message["address"]] = engine.loss_reason(message["silent_s"])
            elif message is not None and self.on_event is not None:
                self.on_event(message["agent"], message["role"], message["event"])

    def lost_reason(self, host: str) -> str:
        """Return how an agent was lost, as the end of a sentence, or ""."""
        return self._lost.get(self.agents[host].address, "")

    def scheduler_error(self, phase: str) -> FleetError:
        """Return the error for a scheduler that has gone."""
        self._scheduler.end()
        return FleetError("", "scheduler", self._scheduler.exit_text, pid=self._scheduler.pid, phase=phase)

    def _describe_missing(self, missing: Sequence[str], found: Sequence[str], timeout_s: float) -> str:
        address, seconds = self.address, f"{timeout_s:g}"
        if len(missing) == 1:
            line = f"agent {missing[0]} did not connect to {address} within {seconds} s"
        else:
            names = ", ".join(missing)
            line = f"agents {names} did not connect to {address} within {seconds} s"
        return f"{line}; connected: {', '.join(found)}" if found else line

    def _has_news(self, tasks: Sequence[Task]) -> bool:
        return any(task.done for task in tasks) or bool(self._any_lost())

    def _any_lost(self) -> str:
        return next((host for host in self.agents if self.lost_reason(host)), "")

    def _abort(self, wanted: Sequence[RoleSpecification]) -> None:
        for role in wanted:
            try:
                self.submit(role.host, agent_tasks.abort_role, role.role, phase="the end", timeout_s=_ABORT_S).result()
            except FleetError:
                continue  # its agent has gone, and so has the role

    def _agent(self, host: str, phase: str) -> Agent:
        agent = self.agents[host]
        self.deliver_events()
        if reason := self.lost_reason(host):
            raise FleetError(host, "agent", reason, pid=agent.pid, phase=phase)
        if not self._scheduler.alive:
            raise self.scheduler_error(phase)
        return agent

    def connected_agents(self) -> dict[str, str]:
        """Return the addresses of the agents that are connected now, by their names. Raises FleetError."""
        if not self._scheduler.alive:
            raise self.scheduler_error("the start")
        return self._connection.agents()

    def _ask_scheduler(self, line: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return self._scheduler.ask(line, _START_S)
        except ChildError as error:
            raise FleetError("", "scheduler", str(error).removeprefix("scheduler "), phase="the start") from error


def _listen_url(listen: str, tls: TlsFiles | None) -> SchedulerUrl:
    try:
        host, port = split_address(listen)
    except ValueError as error:
        raise FleetInputError(f"cannot listen on {listen!r}: {error}") from error
    if tls is None and not is_loopback(host):
        raise FleetInputError(
            f"cannot listen on {listen}: without TLS, every host of the network could run code here; "
            "make keys with: holabench fleet-keys DIR"
        )
    return SchedulerUrl("tls" if tls else "tcp", host, port)
