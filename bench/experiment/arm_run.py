"""One arm at one load point of a block: its connections, its slices, its trial."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bench.experiment.accepting import usage_once_accepted
from bench.experiment.child_process import ServerError
from bench.experiment.generator_process import GeneratorParts
from bench.experiment.kernel_memory import (
    growth_without_sockets_mb,
    holds_connections,
    socket_memory_mb,
)
from bench.experiment.recovery_time import recovery_s
from bench.experiment.row_builder import (
    TrialContext,
    generator_rows,
    histogram_rows,
    latency_window_rows,
    resource_row,
    slice_row,
    timeline_rows,
)
from bench.experiment.run_context import RunContext
from bench.experiment.server import Server, population_settings
from bench.experiment.server_pool import verify
from bench.experiment.trial_rows import TrialMeasurement, WholeLoad, trial_row
from bench.experiment.wire import Requests, load_share
from bench.machine.kernel_counters import datagrams_dropped_at, growth, kernel_memory_mb, listen_overflows
from bench.machine.process_usage import Usage
from bench.machine.socket_buffers import pending_connections, server_sockets
from bench.plan.population_loads import PopulationLoad
from bench.plan.slice_lengths import FIRST_WARMUP_S, SliceLength
from bench.schema.csv_schema import (
    GeneratorRow,
    HistogramRow,
    LatencyWindowRow,
    ResourceRow,
    SliceRow,
    TimelineRow,
    TrialRow,
)


@dataclass(frozen=True, slots=True)
class MeasuredSlice:
    """One slice of an arm: its rows, and what a round needs to know of it."""

    shown: SliceRow  # of the population that the scenario asks about
    rows: tuple[SliceRow, ...]  # of each population, or of each in each phase
    resources: ResourceRow  # of the server
    elapsed_s: float  # from the first request to the last reply
    until_read_s: float  # from before the load until the server's CPU time was read
    run_delay_share: float


@dataclass(frozen=True, slots=True)
class ArmRows:
    """The rows of an arm at one load point of a block."""

    trials: list[TrialRow]
    slices: list[SliceRow]
    histograms: list[HistogramRow]
    timeline: list[TimelineRow]
    latency_windows: list[LatencyWindowRow]
    generators: list[GeneratorRow]


@dataclass(slots=True)
class ArmRun:
    """One arm at one load point of a block. Its steps raise ServerError."""

    context: RunContext
    trials: Sequence[TrialContext]  # one for each population that has clients, in each phase in which it is active
    server: Server
    length: SliceLength
    usage: Usage  # of the server when its last slice ended
    slices: list[MeasuredSlice] = field(default_factory=list)
    generator_resources: list[ResourceRow] = field(default_factory=list)
    opening_kernel_mb: float | None = None  # growth of the kernel's memory, without sockets
    listen_overflows: int | None = 0  # in all slices; None: unknown
    drops_before: int | None = None  # datagrams dropped at the server until it was loaded
    failure: str = ""

    @property
    def trial(self) -> TrialContext:
        """The trial of the population that the scenario asks about, in the first phase."""
        return self.trials[0]

    @property
    def load_name(self) -> str:
        """The generator's name for the connections of the arm."""
        return self.trial.arm.name

    @property
    def resources(self) -> list[ResourceRow]:
        """The resources of the server and of the generator, one of each for each slice."""
        return [each.resources for each in self.slices] + self.generator_resources

    def open(self) -> None:
        """Open the connections, and warm the server up."""
        context, load = self.context, self.trial.load
        first = load.populations[0]
        persistent = first.lifecycle == "persistent"
        if self.server.external is not None:  # it may serve only one client at a time without a sign of that
            verify(context, self.server, load, min(2, first.connections) if persistent else 1)
        asks_for_memory = holds_connections(load) and self.trial.arm.transport == "tcp"
        kernel_mb = kernel_memory_mb() if asks_for_memory else None
        connected = self._connect()
        for population in load.clients:
            count = connected[population.name]
            if population.lifecycle == "persistent" and count < population.connections:
                of_population = f" of population {population.name}" if population.name else ""
                total = f"{population.connections} connections{of_population}"
                raise ServerError(f"only {count} of {total} could be opened")
        self.server.tree.pin(context.schedule.server_cpus)  # workers that were forked since its start
        if not load.scenario.phases:  # their first one begins with a fresh server
            context.generator.warm(self.load_name, FIRST_WARMUP_S)
        self.usage = usage_once_accepted(self.server.tree, self._pending_connections)
        if asks_for_memory:
            connections = sum(connected.values())
            self.opening_kernel_mb = growth_without_sockets_mb(
                kernel_mb,
                kernel_memory_mb(),
                connections,
                context.socket_size,
                both_ends=not context.schedule.hosts.are_apart,
            )
        context.generator.advance_usage()

    def measure_slice(self, number: int, position: int) -> SliceRow:
        """Load the server for one slice of a round; return a row to show. position: in the round."""
        overflows = self._overflows()
        begin_s = time.monotonic()
        reports = self._load_slice(number)
        self._count_overflows(overflows)
        # The server was idle since its last slice, so one reading is the end of that slice and the start of this one.
        usage, generator_usages = self.server.tree.settled_usage(), self.context.generator.advance_usage()
        until_read_s = time.monotonic() - begin_s
        cpu_ns = usage.cpu_ns - self.usage.cpu_ns
        rows = tuple(self._row(trial, number, position, reports, cpu_ns) for trial in self.trials)
        resources = resource_row(self.trial, number, "server", self.usage, usage)
        elapsed_s = max(report["elapsed_s"] for report in reports.values())
        run_delay_share = max(report["run_delay_share"] for report in reports.values())
        self.slices.append(MeasuredSlice(rows[0], rows, resources, elapsed_s, until_read_s, run_delay_share))
        self.generator_resources.append(resource_row(self.trial, number, "generator", *generator_usages))
        self.usage = usage
        return rows[0]

    def discard_last_slice(self) -> MeasuredSlice:
        """Remove the last slice from the trial; return it."""
        last = self.slices.pop()
        self.context.generator.discard(self.load_name)
        return last

    def finish(self, baseline_rps: float | None, background_load_share: float, throttled_share: float) -> ArmRows:
        """Close the connections; return the rows of the trials.

        baseline_rps: rate of the baseline at this load.
        """
        memory_mb = self.server.tree.memory_mb()
        socket_mb = self._socket_mb() if memory_mb is not None else None  # of a server on this machine
        documents, histograms, generators = self._close(baseline_rps)
        of_load = WholeLoad(
            ready=self.server.ready,
            resources=[each.resources for each in self.slices],
            elapsed_s=sum(each.elapsed_s for each in self.slices),
            until_read_s=sum(each.until_read_s for each in self.slices),
            memory_mb=memory_mb,
            answered=sum(document["ledger"]["ok"] for document in documents.values()),
            background_load_share=background_load_share,
            throttled_share=throttled_share,
            opening_kernel_mb=self.opening_kernel_mb,
            socket_mb=socket_mb,
            listen_overflows=self.listen_overflows,
            start_skew_us=generators.start_skew_us,
            start_margin_us=generators.start_margin_us,
        )
        of_generators = generator_rows(self.trial, generators.figures)
        rows = ArmRows([], [row for each in self.slices for row in each.rows], [], [], [], of_generators)
        for position, trial in enumerate(self.trials):
            name, phase = trial.part.point.population, trial.part.phase
            document = documents[name] if phase is None else documents[name]["phases"][phase]
            key = name if phase is None else f"{name}/{trial.part.point.phase}"
            slices = [each.rows[position] for each in self.slices]
            recovered_s = None if phase is None else recovery_s(documents[name], phase)
            whole = replace(of_load, wire_share=self._wire_share(documents, of_load.elapsed_s, phase))
            rows.trials.append(trial_row(trial, TrialMeasurement(whole, slices, document, recovered_s)))
            if phase is not None and name not in {row.population for row in rows.timeline}:
                rows.timeline.extend(timeline_rows(trial, documents[name]["goodput"]))
                rows.latency_windows.extend(latency_window_rows(trial, documents[name]["latency_windows"]))
            rows.histograms.extend(histogram_rows(trial, histograms.get(key, {})))
        return rows

    def _wire_share(self, documents: Mapping[str, Any], elapsed_s: float, phase: int | None) -> float:
        """Return which share of the network the load took, with all populations; nan if it is unknown or none.

        elapsed_s: of all slices. phase: the phase that is asked for, if the load has some.
        """
        wire = self.context.wire
        if wire is None:
            return math.nan
        requests = []
        for trial in self.trials:
            if trial.part.phase != phase:
                continue
            document, population = documents[trial.part.point.population], trial.part.population
            of_part = document if phase is None else document["phases"][phase]
            seconds = elapsed_s if phase is None else of_part["duration_s"]
            # Of a load that loses requests the replies are the smaller number, and of one that waits for them the sum.
            per_s = max(of_part["throughput_rps"] or 0.0, of_part["sent"] / seconds if seconds else 0.0)
            per_session = 0 if population.lifecycle == "persistent" else population.requests_per_cycle
            requests.append(Requests(per_s, population.message_bytes, per_session))
        return load_share(wire, self.trial.arm.transport, requests)

    def _pending_connections(self) -> int | None:
        """Return how many connections wait in the server's listen queue; None if that is unknown."""
        is_tcp = self.trial.arm.transport == "tcp"
        return pending_connections(int(self.server.ready["port"])) if is_tcp else None

    def _socket_mb(self) -> float | None:
        """Return the memory of the server's sockets, of a load that asks for it."""
        if self.trial.arm.transport != "tcp" or not holds_connections(self.trial.load):
            return None
        return socket_memory_mb(server_sockets(int(self.server.ready["port"])), self.context.socket_size)

    def _server_drops(self) -> int | None:
        """Return the datagrams that the kernel dropped at a server that the generators' machines do not see."""
        if self.trial.arm.transport == "tcp" or not self.context.schedule.hosts.are_apart:
            return None
        return datagrams_dropped_at(int(self.server.ready["port"]))

    def _connect(self) -> Mapping[str, int]:
        """Open the connections of all populations; return their numbers by name."""
        context, load, generator = self.context, self.trial.load, self.context.generator
        self.drops_before = self._server_drops()
        timeout_s, spin = context.schedule.plan.timeout_s, context.schedule.cpus_disjoint
        settings = {
            population.name: population_settings(load, population, self.server, timeout_s, spin=spin)
            | self._rate_settings(population)
            for population in load.clients
        }
        if load.has_populations:
            populations = [{"name": name, "settings": of_population} for name, of_population in settings.items()]
            return generator.open_populations(self.load_name, populations)
        return {"": generator.open(self.load_name, settings[""])}

    def _rate_settings(self, population: PopulationLoad) -> dict[str, Any]:
        """Return the rate of a population, or its rates in all phases."""
        rates = {
            trial.part.phase: trial.rate_rps or 0.0 for trial in self.trials if trial.part.population == population
        }
        phases = self.trial.load.scenario.phases
        if not phases:
            return {"rate_rps": rates[None]}
        return {
            "phases": [
                [phase.name, phase.seconds, rates.get(position, 0.0), population.active[position]]
                for position, phase in enumerate(phases)
            ]
        }

    def _overflows(self) -> int | None:
        """Return the counter of connects that were turned away. Nothing connects over UDP, so it is 0 there."""
        return listen_overflows() if self.trial.arm.transport == "tcp" else 0

    def _count_overflows(self, before: int | None) -> None:
        """Add the connects that the listen queue turned away in a slice. before: the counter when it began."""
        more = growth(before, self._overflows())
        known = more is not None and self.listen_overflows is not None
        self.listen_overflows = int((self.listen_overflows or 0) + (more or 0)) if known else None

    def _load_slice(self, number: int) -> Mapping[str, dict[str, Any]]:
        """Load the server for one slice; return the figures of each population."""
        trial, length, generator = self.trial, self.length, self.context.generator
        seed = trial.load.arrival_seed(trial.block, number)
        if trial.load.has_populations:
            return generator.slice_populations(self.load_name, length.slice_s, length.warmup_s, seed)
        return {"": generator.slice(self.load_name, length.slice_s, length.warmup_s, seed)}

    def _row(
        self, trial: TrialContext, number: int, position: int, reports: Mapping[str, dict[str, Any]], cpu_ns: float
    ) -> SliceRow:
        """Return the row of one population in a slice, or in one phase of it."""
        point = trial.part.point
        report = reports[point.population]
        if trial.part.phase is not None:
            return slice_row(trial, number, position, report["phases"][point.phase], None)
        if not trial.load.has_populations:
            return slice_row(trial, number, position, report, cpu_ns)
        answered = sum(int(each["answered"]) for each in reports.values())
        return slice_row(trial, number, position, report, cpu_ns, answered)

    def _close(
        self, baseline_rps: float | None
    ) -> tuple[Mapping[str, dict[str, Any]], Mapping[str, Mapping[str, list[list[int]]]], GeneratorParts]:
        """Close the connections; return documents and histograms of each population, and all generators' parts."""
        generator, drops = self.context.generator, self._server_drops()
        if drops is not None and self.drops_before is not None:
            drops = max(0, drops - self.drops_before)
        if self.trial.load.has_populations:
            closed = generator.close_populations(self.load_name, drops)
            return closed.documents, closed.histograms, closed.generators
        only = generator.close(self.load_name, baseline_rps, drops)
        return {"": only.document}, {"": only.histograms}, only.generators
