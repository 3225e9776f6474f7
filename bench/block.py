"""One block: a fresh server of every arm, all alive side by side, and the generator that goes round them in slices.

Inside a slice nothing happens but the load: this process sleeps on the generator's answer. Reading counters, drawing
and writing come between slices.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.placement import Placement
from bench.plan import Case, Plan, Scenario, arms, block_order, cases, round_order, rounds, seed_of, skip_reason
from bench.processes import READY_S, Child, ChildError, pin_tree, server_command
from bench.records import Arm, HistogramRow, ResourceRow, SliceRow, TrialRow
from bench.rows import Measured, Place, histogram_rows, resource_row, slice_row, trial_row, unmeasured_row
from bench.sampler import Tree, Usage
from bench.store import BlockRows
from servers.registry import Description

_WARMUP_S = 0.01  # load on each arm before the first round: threads start, the interpreter specialises its code
_ANSWER_S = 30.0  # beyond what was asked for; a generator that takes longer hangs
_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Moment:
    """Where the run is, told to the display between two slices."""

    block: int
    scenario: str
    connections: int
    round: int
    row: SliceRow


class ServerError(Exception):
    """One server cannot be measured any further; the others go on."""


@dataclass(slots=True)
class _Server:
    """A server that runs, and what it said of itself."""

    arm: Arm
    child: Child
    tree: Tree
    ready: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _Contender:
    """One arm inside one case."""

    place: Place
    server: _Server
    usage: Usage  # of the server when its last slice ended
    slices: list[SliceRow] = field(default_factory=list)
    resources: list[ResourceRow] = field(default_factory=list)
    generator: list[ResourceRow] = field(default_factory=list)
    elapsed_s: float = 0.0
    failure: str = ""

    @property
    def target(self) -> str:
        """What the generator calls its connections."""
        return self.place.arm.name


class Block:
    """Runs one block. The rows come out at its end, all together."""

    def __init__(
        self,
        plan: Plan,
        number: int,
        models: Mapping[str, Description],
        placement: Placement,
        generator: Child,
        tell: Callable[[Moment], None],
    ) -> None:
        self._plan = plan
        self._number = number
        self._models = models
        self._placement = placement
        self._generator = generator
        self._generator_tree = Tree(generator.pid)
        self._own = self._generator_tree.usage()
        self._tell = tell
        self._slices: list[SliceRow] = []
        self._histograms: list[HistogramRow] = []
        self._resources: list[ResourceRow] = []
        self._trials: list[TrialRow] = []

    def run(self) -> BlockRows:
        """Run every scenario. Raises ChildError if the generator fails; a server that fails is a row."""
        for scenario in block_order(self._plan, self._number):
            with self._servers(scenario) as servers:
                for case in cases(self._plan, scenario):
                    self._run_case(case, servers)
        return BlockRows(self._slices, self._histograms, self._resources, self._trials)

    @contextlib.contextmanager
    def _servers(self, scenario: Scenario) -> Iterator[dict[Arm, _Server | str]]:
        """Start a server for every arm that has a case to serve; in place of one that fails stands the reason."""
        servers: dict[Arm, _Server | str] = {}
        everywhere = self._placement.server + self._placement.client  # to start in half the time; nothing is measured
        with contextlib.ExitStack() as stack:
            for arm in arms(self._plan):
                if all(skip_reason(arm, case, self._models) for case in cases(self._plan, scenario)):
                    continue
                workers = self._plan.workers or max(2, len(self._placement.server))  # a server may start on more CPUs
                command = server_command(arm.model, arm.transport, scenario.protocol, workers)
                child = stack.enter_context(Child(f"the server {arm.name}", command, everywhere))
                servers[arm] = _Server(arm, child, Tree(child.pid))
            for arm, server in servers.items():
                assert isinstance(server, _Server)
                try:
                    server.ready = server.child.read_line(READY_S)
                    pin_tree(server.child.pid, self._placement.server)
                    self._verify(server, scenario)
                except (ChildError, ServerError) as error:
                    servers[arm] = str(error)
            yield servers

    def _verify(self, server: _Server, scenario: Scenario) -> None:
        """One exchange, checked byte for byte, before any clock starts."""
        case = cases(self._plan, scenario)[0]
        answer = self._ask({"do": "verify", "settings": self._settings(server, case)})
        if not answer["ok"]:
            raise ServerError(f"does not speak {scenario.protocol}: {answer['error']}")

    def _run_case(self, case: Case, servers: Mapping[Arm, _Server | str]) -> None:
        contenders = []
        for arm in arms(self._plan):
            place = Place(self._plan, self._placement, self._number, arm, case)
            reason = skip_reason(arm, case, self._models)
            server = servers.get(arm, "")
            if reason:
                self._trials.append(unmeasured_row(place, "skipped", reason))
            elif isinstance(server, str):
                self._trials.append(unmeasured_row(place, "failed", server))
            else:
                contenders.append(_Contender(place, server, server.tree.usage()))
        for contender in contenders:
            self._guarded(contender, self._open)
        transports = [contender.server.arm.transport for contender in contenders]
        for number in range(rounds(self._plan, case)):
            order = round_order(self._plan, self._number, case, number, transports)
            for position, k in enumerate(order):
                self._guarded(contenders[k], lambda one: self._slice(one, number, position))  # noqa: B023 - called now
        for contender in contenders:
            self._guarded(contender, self._finish)
            if contender.failure:  # before or in its last step; what is finished stays finished
                self._trials.append(unmeasured_row(contender.place, "failed", contender.failure))

    def _guarded(self, contender: _Contender, step: Callable[[_Contender], None]) -> None:
        """Take a step with one arm unless it has failed; if it fails now, the others go on without it."""
        if contender.failure:
            return
        try:
            if not contender.server.child.alive:
                raise ServerError("ended while it was measured")
            step(contender)
        except ServerError as error:
            words = contender.server.child.last_words()
            contender.failure = f"{error}; its last words were: {words}"
            self._ask({"do": "close", "id": contender.target})

    def _open(self, contender: _Contender) -> None:
        settings = self._settings(contender.server, contender.place.case)
        answer = self._ask({"do": "open", "id": contender.target, "settings": settings})
        if not answer["ok"]:
            raise ServerError(answer["error"])
        wanted = contender.place.case.connections
        if contender.place.case.scenario.lifecycle == "persistent" and answer["standing"] < wanted:
            raise ServerError(f"{answer['standing']} of {wanted} connections could be opened")
        pin_tree(contender.server.child.pid, self._placement.server)  # workers that were forked since
        self._ask({"do": "warm", "id": contender.target, "seconds": _WARMUP_S})
        contender.usage, self._own = contender.server.tree.settled_usage(), self._generator_tree.usage()

    def _slice(self, contender: _Contender, number: int, position: int) -> None:
        plan, server = self._plan, contender.server
        seconds, warmup_s = plan.slice_s, plan.slice_warmup_s
        answer = self._ask({"do": "slice", "id": contender.target, "seconds": seconds, "warmup_s": warmup_s})
        if not answer["ok"]:
            raise ServerError(answer["error"])
        # At rest since its last slice, a server stands where that left it; so one reading serves two borders.
        usage, own = server.tree.settled_usage(), self._generator_tree.usage()
        row = slice_row(contender.place, number, position, answer["slice"], usage.cpu_ns - contender.usage.cpu_ns)
        contender.slices.append(row)
        contender.elapsed_s += answer["slice"]["elapsed_s"]
        contender.resources.append(resource_row(contender.place, number, "server", contender.usage, usage))
        contender.generator.append(resource_row(contender.place, number, "generator", self._own, own))
        contender.usage, self._own = usage, own
        case = contender.place.case
        self._tell(Moment(self._number, case.scenario.name, case.connections, number, row))

    def _finish(self, contender: _Contender) -> None:
        memory_mb = contender.server.tree.memory_mb()
        answer = self._ask({"do": "close", "id": contender.target})
        if not answer["ok"]:
            raise ServerError(answer["error"])
        measured = Measured(
            ready=contender.server.ready,
            slices=contender.slices,
            resources=contender.resources,
            document=answer["document"],
            elapsed_s=contender.elapsed_s,
            memory_mb=memory_mb,
        )
        self._trials.append(trial_row(contender.place, measured))
        self._slices += contender.slices
        self._resources += contender.resources + contender.generator
        self._histograms += histogram_rows(contender.place, answer["histograms"])

    def _settings(self, server: _Server, case: Case) -> dict[str, Any]:
        """How the generator is to load a server: the same for every arm of a case, the port apart."""
        scenario = case.scenario
        return {
            "transport": server.arm.transport,
            "host": _HOST,
            "port": server.ready["port"],
            "protocol": scenario.protocol,
            "lifecycle": scenario.lifecycle,
            "connections": case.connections,
            "message_bytes": case.message_bytes or 1,
            "requests_per_session": scenario.requests_per_session,
            "timeout_s": self._plan.timeout_s,
            "seed": seed_of(self._plan),
            "spin": self._placement.disjoint,
        }

    def _ask(self, command: Mapping[str, Any]) -> dict[str, Any]:
        return self._generator.ask(command, _ANSWER_S + self._plan.timeout_s + command.get("seconds", 0.0))
