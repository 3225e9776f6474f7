"""The generators of a run, as the machine of its servers drives them: a RemoteSide of bench.experiment."""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.experiment.child_process import LostGeneratorError
from bench.experiment.generator_process import Generator
from bench.experiment.remote_side import Probe
from bench.experiment.wire import Wire
from bench.fleet.json_link import JsonLink, LinkError
from bench.fleet.preflight import check_machines, host_findings, measure_link, measure_paths
from bench.fleet.tls_files import TlsFiles
from bench.fleet.usage_transfer import add_usages, usage_from_plain
from bench.machine.cpu_layout import place_servers
from bench.machine.doctor import Finding, describe_host
from bench.machine.kernel_files import read_kernel_file
from bench.machine.noise_probe import RoundConditions
from bench.machine.process_usage import UnknownUsage, Usage
from bench.plan.schedule import Hosts
from clients.worker_group import WorkerGroup

_PROBE_S = _CLOCK_S = _HOST_S = 30.0
BOOT_ID = "/proc/sys/kernel/random/boot_id"


@dataclass(frozen=True, slots=True)
class GeneratorAddress:
    """Address of the role process of a generator. name: of its host in the fleet. pid: of the role process."""

    name: str
    address: str
    port: int
    pid: int
    boot_id: str = ""  # equal on the names of one machine


class UnreachableGeneratorError(LostGeneratorError):
    """The host of a generator takes part in the fleet, and the host of the servers has no way to it."""


class LinkedGenerator:
    """One generator. It is lost if its link is, or if its role process loses it."""

    def __init__(self, where: GeneratorAddress, tls: TlsFiles | None) -> None:
        """Connect to it. Raises UnreachableGeneratorError."""
        self.name = where.name
        self.usage = UnknownUsage().usage()
        self._pid = where.pid
        try:
            self._link = JsonLink.connect(where.address, where.port, tls)
        except LinkError as error:
            raise UnreachableGeneratorError(self._describe(str(error))) from error

    def send(self, command: Mapping[str, Any]) -> None:
        """Send a command. Raises LostGeneratorError."""
        try:
            self._link.send(command)
        except LinkError as error:
            raise LostGeneratorError(self._describe(str(error))) from error

    def receive(self, timeout_s: float) -> dict[str, Any]:
        """Return the answer to a command. Raises LostGeneratorError."""
        try:
            answer = self._link.receive(timeout_s)
        except LinkError as error:
            raise LostGeneratorError(self._describe(str(error))) from error
        if "lost" in answer:
            raise LostGeneratorError(self._describe(f"failed: {answer['lost']}"))
        if usage := answer.pop("usage", None):
            self.usage = usage_from_plain(usage)
        return answer

    def read_clock(self) -> int:
        """Return the monotonic clock of its machine in nanoseconds. Raises LostGeneratorError."""
        self.send({"do": "clock"})
        return int(self.receive(_CLOCK_S)["monotonic_ns"])

    def close(self) -> None:
        """Close the link. The role process then ends its generator."""
        self._link.close()

    def _describe(self, reason: str) -> str:
        return f"generator on {self.name} (pid {self._pid}) {reason}"


class _OneGenerator:
    """A single generator in the place of a child: it computes its own answers."""

    def __init__(self, generator: LinkedGenerator) -> None:
        self._generator = generator

    def ask(self, question: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        self._generator.send(question)
        return self._generator.receive(timeout_s)

    def read_line(self, timeout_s: float) -> dict[str, Any]:
        return self.ask({"do": "hello"}, timeout_s)


class _SeveralGenerators:
    """Several generators in the place of a child: their counts are added up here."""

    def __init__(self, generators: Sequence[LinkedGenerator]) -> None:
        self._group = WorkerGroup(generators)

    def ask(self, question: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        return self._group.answer(question, timeout_s)

    def read_line(self, timeout_s: float) -> dict[str, Any]:
        return self.ask({"do": "hello"}, timeout_s)


@dataclass(slots=True)
class RemoteGenerators:
    """The machines of the generators. facts: about them, for the environment of the run."""

    hosts: Hosts
    server_address: str
    generators: Sequence[GeneratorAddress]
    tls: TlsFiles | None
    facts: Mapping[str, Any] = field(default_factory=dict)  # under "fleet": the machine of each generator
    findings: Sequence[Finding] = ()
    wire: Wire | None = None
    _linked: list[LinkedGenerator] = field(default_factory=list)

    @contextlib.contextmanager
    def start(self, longest_request_s: float) -> Iterator[Generator]:
        """Connect to the generators, which are ready, and yield them as one. Raises UnreachableGeneratorError."""
        with contextlib.ExitStack() as stack:
            for where in self.generators:
                linked = LinkedGenerator(where, self.tls)
                stack.callback(linked.close)
                self._linked.append(linked)
            self._look()
            child = _OneGenerator(self._linked[0]) if len(self._linked) == 1 else _SeveralGenerators(self._linked)
            yield Generator(child, longest_request_s, self._usage)

    def _look(self) -> None:
        """Look at the machines and at the path to each generator."""
        machines = self.facts.get("fleet", {})
        generators = {
            where.name: {"boot_id": where.boot_id, "machine": machines.get(where.name, {})} for where in self.generators
        }
        findings = check_machines({"boot_id": read_kernel_file(BOOT_ID)}, generators)
        for linked in self._linked:
            linked.send({"do": "host"})
        here = place_servers(sorted(os.sched_getaffinity(0)))
        own = [asdict(finding) for finding in describe_host(here.server, here.generator)]
        findings += host_findings(self.hosts.server, own)
        for linked in self._linked:
            findings += host_findings(linked.name, linked.receive(_HOST_S)["findings"])
        links = {linked.name: measure_link(linked.read_clock) for linked in self._linked}
        preflight = measure_paths(self.server_address, self._linked, links)
        self.findings, self.wire = [*findings, *preflight.findings], preflight.wire
        paths = {name: path.to_plain() for name, path in preflight.paths.items()}
        self.facts = {**self.facts, "paths": paths, "preflight": [asdict(finding) for finding in self.findings]}

    def probe(self, local: Probe) -> Probe:
        """Return a probe of all machines."""
        return _FleetProbe(local, self._linked)

    def _usage(self) -> Usage:
        return add_usages([linked.usage for linked in self._linked])


@dataclass(frozen=True, slots=True)
class _FleetProbe:
    """Judges a round by the worst conditions on any machine."""

    local: Probe
    generators: Sequence[LinkedGenerator]

    def begin(self) -> None:
        self._ask("probe_begin")
        self.local.begin()

    def end(self) -> RoundConditions:
        local = self.local.end()
        all_conditions = [local, *(RoundConditions(**each["conditions"]) for each in self._ask("probe_end"))]
        pressures = [each.pressure_share for each in all_conditions if each.pressure_share is not None]
        return RoundConditions(
            probe_us=max(each.probe_us for each in all_conditions),
            probe_ratio=max(each.probe_ratio for each in all_conditions),
            steal_share=max(each.steal_share for each in all_conditions),
            pressure_share=max(pressures, default=None),
        )

    def _ask(self, name: str) -> list[dict[str, Any]]:
        for generator in self.generators:
            generator.send({"do": name})
        return [generator.receive(_PROBE_S) for generator in self.generators]
