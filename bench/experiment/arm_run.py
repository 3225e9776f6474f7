"""One arm at one load point of a block: its connections, its slices, its trial."""

from dataclasses import dataclass, field

from bench.experiment.child_process import ServerError
from bench.experiment.row_builder import TrialContext, histogram_rows, resource_row, slice_row
from bench.experiment.run_context import RunContext
from bench.experiment.server import Server, load_settings
from bench.experiment.server_pool import verify
from bench.experiment.trial_rows import TrialMeasurement, trial_row
from bench.machine.process_usage import ProcessTree, Usage
from bench.plan.slice_lengths import SliceLength
from bench.schema.csv_schema import HistogramRow, ResourceRow, SliceRow, TrialRow

_WARMUP_S = 0.005  # load before the first round: threads start, and the interpreter specialises its code


class GeneratorMeter:
    """Resources of the generator between two readings."""

    def __init__(self, pid: int) -> None:
        self._tree = ProcessTree(pid)
        self._usage = self._tree.usage()

    def advance(self) -> tuple[Usage, Usage]:
        """Return the previous reading and a new one."""
        before, self._usage = self._usage, self._tree.usage()
        return before, self._usage


@dataclass(slots=True)
class ArmRun:
    """One arm at one load point of a block. Its steps raise ServerError."""

    context: RunContext
    trial: TrialContext
    server: Server
    length: SliceLength
    meter: GeneratorMeter
    usage: Usage  # of the server when its last slice ended
    slices: list[SliceRow] = field(default_factory=list)
    resources: list[ResourceRow] = field(default_factory=list)
    generator_resources: list[ResourceRow] = field(default_factory=list)
    elapsed_s: list[float] = field(default_factory=list)
    failure: str = ""

    @property
    def load_name(self) -> str:
        """The generator's name for the connections of the arm."""
        return self.trial.arm.name

    def open(self) -> None:
        """Open the connections, and warm the server up."""
        context, load, generator = self.context, self.trial.load, self.context.generator
        persistent = load.scenario.lifecycle == "persistent"
        if self.server.external is not None:  # it may serve only one client at a time without a sign of that
            verify(context, self.server, load, min(2, load.point.connections) if persistent else 1)
        settings = load_settings(
            load, self.server, context.schedule.plan.timeout_s, spin=context.schedule.cpus_disjoint
        )
        connected = generator.open(self.load_name, settings | {"rate_rps": self.trial.rate_rps or 0.0})
        if persistent and connected < load.point.connections:
            raise ServerError(f"only {connected} of {load.point.connections} connections could be opened")
        self.server.tree.pin(context.schedule.server_cpus)  # workers that were forked since its start
        generator.warm(self.load_name, _WARMUP_S)
        self.usage = self.server.tree.settled_usage()
        self.meter.advance()

    def measure_slice(self, number: int, position: int) -> SliceRow:
        """Load the server for one slice of a round. position: in the round."""
        trial, length = self.trial, self.length
        seed = trial.load.arrival_seed(trial.block, number)
        report = self.context.generator.slice(self.load_name, length.slice_s, length.warmup_s, seed)
        # The server was idle since its last slice, so one reading is the end of that slice and the start of this one.
        usage, generator_usages = self.server.tree.settled_usage(), self.meter.advance()
        row = slice_row(trial, number, position, report, usage.cpu_ns - self.usage.cpu_ns)
        self.slices.append(row)
        self.elapsed_s.append(report["elapsed_s"])
        self.resources.append(resource_row(trial, number, "server", self.usage, usage))
        self.generator_resources.append(resource_row(trial, number, "generator", *generator_usages))
        self.usage = usage
        return row

    def discard_last_slice(self) -> tuple[SliceRow, ResourceRow]:
        """Remove the last slice from the trial; return its rows."""
        self.elapsed_s.pop()
        rows = self.slices.pop(), self.resources.pop()
        self.context.generator.discard(self.load_name)
        return rows

    def finish(
        self, baseline_rps: float | None, background_load_share: float, throttled_share: float
    ) -> tuple[TrialRow, list[HistogramRow]]:
        """Close the connections; return the rows of the trial.

        baseline_rps: rate of the baseline at this load.
        """
        memory_mb = self.server.tree.memory_mb()
        closed = self.context.generator.close(self.load_name, baseline_rps)
        measurement = TrialMeasurement(
            ready=self.server.ready,
            slices=self.slices,
            resources=self.resources,
            document=closed.document,
            elapsed_s=sum(self.elapsed_s),
            memory_mb=memory_mb,
            background_load_share=background_load_share,
            throttled_share=throttled_share,
        )
        return trial_row(self.trial, measurement), histogram_rows(self.trial, closed.histograms)
