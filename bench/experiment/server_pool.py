"""Servers that are up for a scenario: started, moved to their CPUs, and heard to speak the protocol."""

import contextlib
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.experiment.child_process import READY_S, Child, ChildError, UnmanagedServer, external_command, server_command
from bench.machine.affinity import pin_tree
from bench.machine.cpu_layout import Placement
from bench.machine.noise_probe import NoiseProbe
from bench.machine.process_usage import Tree, UnknownUsage
from bench.plan.definition import Case, Plan, Scenario, baseline_arms, cases, seed_of, skip_reason
from bench.plan.external_server import ExternalServer
from bench.schema.arms import Arm
from servers.registry import Description

_ANSWER_S = 30.0  # beyond what was asked for; a generator that takes longer hangs
_TIMEOUTS = 4  # that may pass in one answer: three of a conversation, or those of the requests behind a slice
_HOST = "127.0.0.1"
UNKNOWN_OPTIONS = dict.fromkeys(("backlog", "nodelay", "rcvbuf", "sndbuf"))
_LOOK_S = 0.02  # between two looks whether somebody else's server is up


@dataclass(frozen=True, slots=True)
class Setup:
    """What all blocks of a run have in common."""

    plan: Plan
    models: Mapping[str, Description]
    placement: Placement
    generator: Child
    probe: NoiseProbe

    def ask(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """Have the generator do something. Raises ChildError if it cannot answer."""
        return self.generator.ask(command, _ANSWER_S + _TIMEOUTS * self.plan.timeout_s + command.get("seconds", 0.0))


class ServerError(Exception):
    """One server cannot be measured any further; the others go on."""


@dataclass(slots=True)
class Server:
    """A server that runs, and what it said of itself."""

    arm: Arm
    child: Child | UnmanagedServer
    tree: Tree | UnknownUsage
    ready: Mapping[str, Any] = field(default_factory=dict)
    external: ExternalServer | None = None  # what was asked for, if it is somebody else's


Servers = Mapping[Arm, Server | str]  # in place of a server that failed stands the reason


@contextlib.contextmanager
def start_baselines(setup: Setup) -> Iterator[dict[str, Servers]]:
    """Start the servers that show the machine's limit, for each protocol of the plan: they stay for the whole run.

    A server that does next to nothing has no state that a fresh one would not have, and takes a second to start.
    """
    with contextlib.ExitStack() as stack:
        first = {scenario.protocol: scenario for scenario in reversed(setup.plan.scenarios)}
        begun = {protocol: _begin(stack, setup, one, baseline_arms(setup.plan)) for protocol, one in first.items()}
        yield {protocol: _up(setup, first[protocol], servers) for protocol, servers in begun.items()}


@contextlib.contextmanager
def serving(setup: Setup, scenario: Scenario, wanted: Sequence[Arm]) -> Iterator[Servers]:
    """Start a server for every arm of those wanted that has a case to serve, all at the same time."""
    with contextlib.ExitStack() as stack:
        yield _up(setup, scenario, _begin(stack, setup, scenario, wanted))


def _begin(stack: contextlib.ExitStack, setup: Setup, scenario: Scenario, wanted: Sequence[Arm]) -> Servers:
    """Those that have something to serve, on their way."""
    of_scenario = cases(setup.plan, scenario)
    there = [arm for arm in wanted if not all(skip_reason(setup.plan, arm, case, setup.models) for case in of_scenario)]
    return {arm: _begun(stack, setup, scenario, arm) for arm in there}


def _up(setup: Setup, scenario: Scenario, begun: Servers) -> Servers:
    """The same once they are up, and heard to speak the protocol."""
    servers = dict(begun)
    for arm, server in begun.items():
        if isinstance(server, str):
            continue
        try:
            if server.external is not None:
                _await_external(server, server.external)
            elif isinstance(server.child, Child):
                server.ready = server.child.read_line(READY_S)
            if isinstance(server.child, Child):
                pin_tree(server.child.pid, setup.placement.server)
        except (ChildError, ServerError) as error:
            servers[arm] = str(error)
            continue
        try:  # a generator that says nothing is no failure of the server
            verify(setup, server, cases(setup.plan, scenario)[0])
        except ServerError as error:
            servers[arm] = str(error)
    return servers


def _begun(stack: contextlib.ExitStack, setup: Setup, scenario: Scenario, arm: Arm) -> Server | str:
    """The server of an arm, on its way; or why it cannot be started."""
    everywhere = setup.placement.server + setup.placement.client  # to start in half the time; nothing is measured
    external = next((one for one in setup.plan.external_servers if one.name == arm.model), None)
    if external is None:
        python = setup.plan.pythons.get(arm.python, "")
        command = server_command(arm.model, arm.transport, scenario.protocol, setup.plan.workers, python)
        child = stack.enter_context(Child(f"the server {arm.name}", command, everywhere))
        return Server(arm, child, Tree(child.pid))
    if external.target:
        return _already_up(arm, external)
    try:
        return _started(stack, arm, external, scenario.protocol, everywhere)
    except OSError as error:
        return f"cannot be started: {error.strerror or error}"


def _started(
    stack: contextlib.ExitStack, arm: Arm, external: ExternalServer, protocol: str, cpus: Sequence[int]
) -> Server:
    """Start somebody else's server on a port that was free a moment ago: it cannot say itself which one it has."""
    kind = socket.SOCK_STREAM if arm.transport == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind((_HOST, 0))
        port = sock.getsockname()[1]
    words = external.words(port=port, transport=arm.transport, protocol=protocol, host=_HOST)
    child = stack.enter_context(
        Child(
            f"the server {arm.name}",
            external_command(words),
            cpus,
            heard=external.ready == "line",
            folder=external.folder,
            environment=external.environment,
        )
    )
    ready = {"host": _HOST, "port": port, "workers": external.cpus, "python": "", "sockets": UNKNOWN_OPTIONS}
    return Server(arm, child, Tree(child.pid), ready, external)


def _already_up(arm: Arm, external: ExternalServer) -> Server:
    """Somebody else's server that somebody else has started."""
    host, port = external.address
    ready = {"host": host, "port": port, "workers": external.cpus, "python": "", "sockets": UNKNOWN_OPTIONS}
    return Server(arm, UnmanagedServer(), UnknownUsage(), ready, external)


def _await_external(server: Server, external: ExternalServer) -> None:
    """Wait until it is up. Over UDP nothing but a reply can tell, which the first exchange tries several times."""
    if isinstance(server.child, UnmanagedServer):
        return
    deadline_s = time.monotonic() + external.start_s
    if external.ready == "line":
        server.child.read_text(external.start_s)
        return
    while time.monotonic() < deadline_s and server.child.alive:
        if _listens(server.arm.transport, server.ready["port"]):
            return
        time.sleep(_LOOK_S)
    if not server.child.alive:
        raise ServerError(f"ended before it was up; its last words were: {server.child.stderr_tail()}")
    raise ServerError(f"did not listen on port {server.ready['port']} within {external.start_s:g} s")


def _listens(transport: str, port: int) -> bool:
    """Whether some socket has the port, as the kernel's table says: a connection to see would be a client."""
    state = {"tcp": "0A", "udp": "07"}[transport]  # TCP_LISTEN; an unconnected socket for datagrams
    for table in (transport, f"{transport}6"):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == state and int(fields[1].rpartition(":")[2], 16) == port:
                    return True
    return False


def verify(setup: Setup, server: Server, case: Case, together: int = 1) -> None:
    """A conversation of so many clients, checked byte for byte, before any clock starts. Raises ServerError."""
    answer = setup.ask({"do": "verify", "settings": settings(setup, server, case), "concurrent_clients": together})
    if not answer["ok"]:
        raise ServerError(f"does not speak {case.scenario.protocol}: {answer['error']}")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a server did that was loaded by itself."""

    slices: list[dict[str, Any]]
    document: dict[str, Any]
    histograms: Mapping[str, list[list[int]]]  # of each latency: lower_ns, upper_ns, count


def load(
    setup: Setup,
    server: Server,
    asked: Mapping[str, Any],
    lengths_s: Sequence[float],
    warmup_s: float,
    seed: int | None = None,
    baseline_rps: float | None = None,
) -> Loaded:
    """Load a server apart from the rounds. lengths_s: of the slices' windows. Raises ServerError."""
    name = f"{server.arm.name} by itself"
    answer = setup.ask({"do": "open", "id": name, "settings": asked})
    if not answer["ok"]:
        raise ServerError(answer["error"])
    slices = []
    for length_s in lengths_s:
        command = {"do": "slice", "id": name, "seconds": length_s + warmup_s, "warmup_s": warmup_s, "seed": seed}
        answer = setup.ask(command)
        if answer["ok"]:
            slices.append(answer["slice"])
    closed = setup.ask({"do": "close", "id": name, "baseline_rps": baseline_rps})
    if not answer["ok"] or not closed["ok"]:
        raise ServerError(answer.get("error") or closed["error"])
    return Loaded(slices, closed["document"], closed["histograms"])


def settings(setup: Setup, server: Server, case: Case, rate_rps: float = 0.0) -> dict[str, Any]:
    """How the generator is to load a server: the same for every arm of a case, the port apart.

    rate_rps: of an open loop; 0: closed.
    """
    scenario = case.scenario
    return {
        "transport": server.arm.transport,
        "host": server.ready["host"],
        "port": server.ready["port"],
        "protocol": scenario.protocol,
        "lifecycle": scenario.lifecycle,
        "connections": case.connections,
        "message_bytes": case.message_bytes or 1,
        "requests_per_session": scenario.requests_per_session,
        "timeout_s": setup.plan.timeout_s,
        "rate_rps": rate_rps,
        "arrivals": scenario.arrivals,
        "seed": seed_of(setup.plan),
        "spin": setup.placement.disjoint,
    }
