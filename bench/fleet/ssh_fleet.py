"""Agents on hosts that are reached over SSH, for as long as a block of code runs.

Each step concerns all hosts at the same time: connect, probe, deploy, start. Then the block begins. At its end,
whatever ended it, nothing is left running on any host.
"""

import asyncio
import concurrent.futures
import contextlib
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from bench.fleet.bound_agent import SIGN_OF_LIFE_S
from bench.fleet.deployment import HostFacts, Installation, Part, deploy, library_part, own_part, probe, start_agent
from bench.fleet.host_error import HostError
from bench.fleet.own_wheel import build_own_wheel
from bench.fleet.ssh_hosts import CONNECT_S, HostAddress, RemoteProcess, SshHost, connect, parse_host
from bench.fleet.wheelhouse import Target, Wheelhouse, collect_wheels
from bench.translation import gettext

_EXTRAS = ("cluster",)
_CLOSE_S = 60.0  # longer than an agent has to stop its role processes
_ERROR_LINES = 5

Result = TypeVar("Result")
Collector = Callable[[Target, Sequence[str], Callable[[str], None]], Wheelhouse]


@dataclass(frozen=True, slots=True)
class AgentStart:
    """The command of a host's agent: ``python -m ARGUMENTS``.

    files: contents of files of mode 0600, by name, in a folder of this run; ``{folder}`` in an argument is its path.
    """

    arguments: tuple[str, ...]
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """An agent that runs. digest: of the code that it runs."""

    name: str
    address: str
    python: str
    python_version: str
    digest: str
    pid: int
    cpus: int
    sent_bytes: int


AgentStarts = Callable[[Mapping[str, HostFacts]], Mapping[str, AgentStart]]


@dataclass
class _Member:
    """A host of the fleet."""

    name: str
    host: SshHost
    facts: HostFacts | None = None
    process: RemoteProcess | None = None
    ended: str = ""


class SshFleet:
    """A context manager: inside, ``agents`` has the facts of each agent by the name of its host.

    servers_on, generators_on: hosts as the user writes them; one that is in both gets one agent. agent_starts: returns
    how to start the agents of all hosts, whose addresses are known by then. on_message and on_warning receive one line
    each; they are called in another thread. extras: of the project, e.g. ``models``. collector: collects the wheels.

    Raises HostError when it is entered, with one line for each host that cannot take part.
    """

    def __init__(
        self,
        servers_on: Sequence[str],
        generators_on: Sequence[str],
        agent_starts: AgentStarts,
        *,
        on_message: Callable[[str], None],
        on_warning: Callable[[str], None],
        extras: Iterable[str] = (),
        allow_root: bool = False,
        connect_timeout_s: float = CONNECT_S,
        collector: Collector = collect_wheels,
    ) -> None:
        self.agents: dict[str, AgentFacts] = {}
        self._addresses = name_hosts([*servers_on, *generators_on])
        self._agent_starts, self._collect = agent_starts, collector
        self._on_message, self._on_warning = on_message, on_warning
        self._extras = (*_EXTRAS, *extras)
        self._allow_root, self._connect_timeout_s = allow_root, connect_timeout_s
        self._members: list[_Member] = []
        self._watchers: list[asyncio.Task[Any]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="ssh", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._call(self._bring_up())
        except BaseException:
            self._tear_down()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tear_down()

    @property
    def ended(self) -> dict[str, str]:
        """Why agents have ended that should still run, by the name of the host."""
        return {member.name: member.ended for member in self._members if member.ended}

    def _call(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine in the other thread to its end; Ctrl-C here cancels it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def _tear_down(self) -> None:
        with contextlib.suppress(concurrent.futures.TimeoutError):
            asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(2 * _CLOSE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _bring_up(self) -> None:
        await _for_all([self._connect(name, address) for name, address in self._addresses.items()])
        await _for_all([self._probe(member) for member in self._members])
        facts = {member.name: member.facts for member in self._members if member.facts}
        self._warn_of_shared_machines(facts)
        with tempfile.TemporaryDirectory(prefix="holabench-wheel-") as folder:
            parts = await self._collect_parts({each.target for each in facts.values()}, Path(folder))
            installations = dict(await _for_all([self._deploy(member, parts) for member in self._members]))
        starts = await asyncio.to_thread(self._agent_starts, facts)
        await _for_all(
            [self._start(member, installations[member.name], starts[member.name]) for member in self._members]
        )

    async def _connect(self, name: str, address: HostAddress) -> None:
        self._members.append(_Member(name, await connect(name, address, self._connect_timeout_s)))

    async def _probe(self, member: _Member) -> None:
        facts = member.facts = await probe(member.host)
        if facts.uid == 0 and not self._allow_root:
            raise HostError(
                f"{member.name}: the agent would run as root, and it runs the code that any member of the fleet sends; "
                "connect as another user, or add --allow-root"
            )
        values = {"host": member.name, "version": facts.python_version, "cpus": facts.cpus}
        self._on_message(gettext("{host}: connected, Python {version}, {cpus} CPUs", **values))
        if facts.uid == 0:
            self._on_warning(gettext("{host}: the agent runs as root", host=member.name))

    def _warn_of_shared_machines(self, facts: Mapping[str, HostFacts]) -> None:
        """Report hosts with one kernel. Copies of a virtual machine may share a machine id, but not a boot id."""
        names: dict[str, list[str]] = {}
        for name, each in facts.items():
            names.setdefault(each.boot_id or name, []).append(name)
        for together in names.values():
            if len(together) > 1:
                text = gettext("{hosts} are one machine and share its CPUs", hosts=", ".join(sorted(together)))
                self._on_warning(text)

    async def _collect_parts(self, targets: set[Target], folder: Path) -> dict[Target, list[Part]]:
        own = await asyncio.to_thread(build_own_wheel)
        parts = {}
        for number, target in enumerate(sorted(targets, key=str)):
            house = await asyncio.to_thread(self._collect, target, own.requirements(self._extras), self._on_message)
            libraries = library_part(house)
            own_folder = folder / str(number)
            own_folder.mkdir()
            parts[target] = [libraries, own_part(own, libraries, own_folder)]
        return parts

    async def _deploy(self, member: _Member, parts: Mapping[Target, Sequence[Part]]) -> tuple[str, Installation]:
        assert member.facts is not None, "probed before"
        return member.name, await deploy(member.host, member.facts, parts[member.facts.target], self._on_message)

    async def _start(self, member: _Member, installation: Installation, start: AgentStart) -> None:
        facts = member.facts
        assert facts is not None, "probed before"
        process, pid = await start_agent(member.host, facts, installation, start.arguments, start.files)
        member.process = process
        self._watchers.append(asyncio.create_task(self._watch(member, process)))
        self._watchers.append(asyncio.create_task(_show_life(process)))
        self.agents[member.name] = AgentFacts(
            member.name,
            facts.address,
            facts.python,
            facts.python_version,
            installation.digest,
            pid,
            facts.cpus,
            installation.sent_bytes,
        )

    async def _watch(self, member: _Member, process: RemoteProcess) -> None:
        """Remember why an agent ended too early."""
        lines: list[str] = []
        async for line in process.errors():
            lines = [*lines, line.strip()][-_ERROR_LINES:]
        code = await process.wait()
        reason = f"exited with code {code}" if code != 255 else "was killed, or the SSH connection broke"
        member.ended = f"the agent {reason}{': ' if lines else ''}{' | '.join(lines)}"

    async def _close(self) -> None:
        """End all agents and connections."""
        for task in self._watchers:
            task.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        await asyncio.gather(*(_close_member(member) for member in self._members), return_exceptions=True)
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)


def name_hosts(texts: Sequence[str]) -> dict[str, HostAddress]:
    """Return the hosts by short names, each once: the host alone, or the whole text where two would be equal."""
    addresses = [parse_host(text) for text in dict.fromkeys(texts)]
    short = [address.host for address in addresses]
    return {address.text if short.count(address.host) > 1 else address.host: address for address in addresses}


async def _for_all(works: Sequence[Coroutine[Any, Any, Result]]) -> list[Result]:
    """Run coroutines together, and all of them to their end. Raises HostError with a line for each that failed."""
    results = await asyncio.gather(*works, return_exceptions=True)
    failures = [result for result in results if isinstance(result, BaseException)]
    for failure in failures:
        if not isinstance(failure, HostError):
            raise failure
    if failures:
        raise HostError("\n".join(sorted(map(str, failures))))
    return [result for result in results if not isinstance(result, BaseException)]


async def _show_life(process: RemoteProcess) -> None:
    """Write to an agent's guard now and then: a connection that was cut without notice becomes silent."""
    while True:
        await asyncio.sleep(SIGN_OF_LIFE_S)
        process.write(b"\n")


async def _close_member(member: _Member) -> None:
    if member.process is not None:
        member.process.close_input()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(member.process.wait(), _CLOSE_S)
    await member.host.close()
