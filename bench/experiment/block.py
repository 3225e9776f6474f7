"""One block: a fresh server of every arm, loaded in turns of one slice.

All servers are alive at the same time. Inside a slice this process only waits for the generator's answer. It reads
counters, reports and writes between slices.
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from bench.experiment.arm_run import ArmRun
from bench.experiment.child_process import LostGeneratorError, ServerError, UnmanagedServer
from bench.experiment.kernel_memory import holds_connections, settle_kernel_memory
from bench.experiment.lost_trials import lost_trials
from bench.experiment.observer import CaseFinished, SliceFinished
from bench.experiment.output_file import bound_all
from bench.experiment.rate_calibration import Rates
from bench.experiment.replay import record_replay, replay_load
from bench.experiment.row_builder import TrialContext
from bench.experiment.run_context import RunContext
from bench.experiment.server import Servers
from bench.experiment.server_pool import fresh_servers
from bench.experiment.trial_rows import unmeasured_row
from bench.machine.background_load import BackgroundLoad
from bench.machine.cgroup_limits import Throttling
from bench.machine.noise_probe import RoundConditions
from bench.plan.population_loads import LoadPart
from bench.plan.schedule import ScheduledLoad
from bench.plan.slice_lengths import Lengths, planned_length
from bench.schema.arms import Arm
from bench.schema.csv_schema import (
    DISTURBED,
    GeneratorRow,
    HistogramRow,
    LatencyWindowRow,
    ReplayRow,
    ResourceRow,
    RoundRow,
    SliceRow,
    TimelineRow,
    TrialRow,
)
from bench.store.run_folder import BlockRows

MAX_RUN_DELAY_SHARE = 0.1  # of a slice; a round with a longer delay of the generator is disturbed
MAX_REPEAT_SHARE = 0.1  # of the rounds of a load point; later disturbed rounds are counted all the same


class Block:
    """Runs one block. Its rows are complete only at its end.

    lost: why no later block can be measured: a generator on another machine was lost.
    """

    def __init__(
        self,
        context: RunContext,
        number: int,
        baseline_servers: Mapping[str, Servers],
        rates: Rates,
        lengths: Lengths,
    ) -> None:
        self._context = context
        self._schedule = context.schedule
        self._number = number
        self._baseline_servers = baseline_servers
        self._rates = rates
        self._lengths = lengths  # of an arm without one: those of the plan
        self._slices: list[SliceRow] = []
        self._histograms: list[HistogramRow] = []
        self._resources: list[ResourceRow] = []
        self._rounds: list[RoundRow] = []
        self._trials: list[TrialRow] = []
        self._timeline: list[TimelineRow] = []
        self._latency_windows: list[LatencyWindowRow] = []
        self._replay: list[ReplayRow] = []
        self._generators: list[GeneratorRow] = []
        self.lost = ""

    def run(self) -> BlockRows:
        """Run every scenario.

        Raises ChildError if the generator fails; a server that fails is a row. If a generator on another machine is
        lost, every trial that has not finished is a failed row.
        """
        try:
            self._run_scenarios()
        except LostGeneratorError as error:
            self.lost = str(error)
            self._trials += lost_trials(self._schedule, self._number, self._trials, self.lost)
        return BlockRows(
            self._slices,
            self._histograms,
            self._resources,
            self._rounds,
            self._trials,
            self._timeline,
            self._latency_windows,
            self._replay,
            self._generators,
        )

    def _run_scenarios(self) -> None:
        recorded = replay_load(self._schedule) if self._number == 0 else None
        for scenario in self._schedule.block_order(self._number):
            baselines = self._baseline_servers[scenario.scenario.protocol]
            for same_servers in scenario.fresh_groups:
                with fresh_servers(self._context, same_servers, self._schedule.fresh_arms) as servers:
                    for load in same_servers.loads:
                        self._run_load(load, {**servers, **baselines})
                    if recorded in same_servers.loads:
                        self._replay = record_replay(self._context, recorded, servers)

    def _run_load(self, load: ScheduledLoad, servers: Servers) -> None:
        """Measure all arms at one load point."""
        trials, rounds = len(self._trials), len(self._rounds)
        number = 0
        for arm_runs in load.turns(self._start_arm_runs(load, servers)):
            number = self._run_turn(load, arm_runs, number)
        disturbed = sum(row.disturbed for row in self._rounds[rounds:])
        self._context.observer.on_case(CaseFinished(self._trials[trials:], disturbed))

    def _run_turn(self, load: ScheduledLoad, arm_runs: Sequence[ArmRun], number: int) -> int:
        """Measure arms whose connections are open at the same time, from round ``number`` on; return the next one."""
        if holds_connections(load):
            settle_kernel_memory()
        for arm_run in arm_runs:
            self._run_step(arm_run, arm_run.open)
        background = BackgroundLoad(self._schedule.server_cpus)
        throttling = Throttling(self._schedule.server_cpus + self._schedule.generator_cpus)
        number = self._run_rounds(load, arm_runs, number)
        # A running server may be part of the background load, and generator and servers may share CPUs.
        unmanaged = any(isinstance(arm_run.server.child, UnmanagedServer) for arm_run in arm_runs)
        background_load_share = math.nan
        if self._schedule.cpus_disjoint and not unmanaged:
            background_load_share = background.share()
        throttled_share = throttling.share()
        for arm_run in arm_runs:
            self._finish(arm_run, self._baseline_rps(arm_runs, arm_run), background_load_share, throttled_share)
        return number

    def _start_arm_runs(self, load: ScheduledLoad, servers: Servers) -> list[ArmRun]:
        """Return an arm run for each arm that is measured.

        All other arms become rows with their reason.
        """
        arm_runs = []
        for arm in self._schedule.arms:
            trials = [self._trial(arm, load, part) for part in load.parts]
            server = servers.get(arm, "")
            length = self._lengths.get((load.point, arm), planned_length(self._schedule.plan, load.scenario))
            if reason := load.skip_reasons[arm] or length.skip_reason:
                self._add_unmeasured(trials, "skipped", reason)
            elif isinstance(server, str):
                self._add_unmeasured(trials, "failed", server)
            elif any(trial.part.population.is_open and trial.rate_rps is None for trial in trials):
                reason = "its capacity could not be measured when the rates were calibrated"
                self._add_unmeasured(trials, "failed", reason)
            else:
                arm_runs.append(ArmRun(self._context, trials, server, length, server.tree.usage()))
        return arm_runs

    def _trial(self, arm: Arm, load: ScheduledLoad, part: LoadPart) -> TrialContext:
        return TrialContext(self._schedule, self._number, arm, load, part, self._rates.arm_rates.get((part.point, arm)))

    def _add_unmeasured(self, trials: Sequence[TrialContext], status: str, reason: str) -> None:
        rates = self._rates.point_rates
        at_rates = [replace(trial, rate_rps=rates.get(trial.part.point, trial.rate_rps)) for trial in trials]
        self._trials += [unmeasured_row(trial, status, reason) for trial in at_rates]

    def _run_rounds(self, load: ScheduledLoad, arm_runs: Sequence[ArmRun], number: int) -> int:
        """Run rounds from ``number`` on; return the next number. Disturbed rounds are repeated, up to a limit."""
        transports = [arm_run.trial.arm.transport for arm_run in arm_runs]
        counted, first = 0, number
        while counted < load.rounds:
            order = load.round_order(self._number, number, transports)
            in_turn = [arm_runs[k] for k in order if self._takes_part(arm_runs[k], counted)]
            # Phases begin on a fresh server, which a second time would not be.
            may_repeat = not load.scenario.phases and number - first - counted < MAX_REPEAT_SHARE * load.rounds
            counted += self._run_round(load, number, in_turn, may_repeat=may_repeat)
            number += 1
        return number

    def _takes_part(self, arm_run: ArmRun, counted: int) -> bool:
        return arm_run.trial.load.takes_part(arm_run.trial.arm, arm_run.length, counted)

    def _run_round(self, load: ScheduledLoad, number: int, arm_runs: Sequence[ArmRun], *, may_repeat: bool) -> bool:
        """Run one slice of each arm in this order; return whether the round counts.

        may_repeat: whether the round may be called disturbed. The slices of a disturbed round are kept, with a mark.
        """
        self._context.probe.begin()
        for position, arm_run in enumerate(arm_runs):
            self._measure_slice(arm_run, number, position)
        conditions = self._context.probe.end()
        bound_all()  # also the errors of models, which no other step bounds
        alive = [arm_run for arm_run in arm_runs if not arm_run.failure]
        run_delay_share = max((arm_run.slices[-1].run_delay_share for arm_run in alive), default=0.0)
        # On a shared CPU the generator always waits for the server.
        is_delayed = self._schedule.cpus_disjoint and run_delay_share > MAX_RUN_DELAY_SHARE
        disturbed = may_repeat and (conditions.disturbed or is_delayed)
        self._rounds.append(self._round_row(load, number, conditions, run_delay_share, disturbed=disturbed))
        if disturbed:
            for arm_run in arm_runs:
                self._discard_last_slice(arm_run)
        return not disturbed

    def _round_row(
        self,
        load: ScheduledLoad,
        number: int,
        conditions: RoundConditions,
        run_delay_share: float,
        *,
        disturbed: bool,
    ) -> RoundRow:
        return RoundRow(
            block=self._number,
            round=number,
            **load.point.load_cells,
            probe_us=conditions.probe_us,
            probe_ratio=conditions.probe_ratio,
            steal_share=conditions.steal_share,
            max_run_delay_share=run_delay_share,
            pressure_share=conditions.pressure_share,
            disturbed=disturbed,
        )

    def _measure_slice(self, arm_run: ArmRun, number: int, position: int) -> None:
        def measure() -> None:
            row = arm_run.measure_slice(number, position)
            point = arm_run.trial.load.point
            event = SliceFinished(self._number, point.scenario, point.connections, number, row)
            self._context.observer.on_slice(event)

        self._run_step(arm_run, measure)

    def _discard_last_slice(self, arm_run: ArmRun) -> None:
        """Keep the rows of the last slice with a mark, and count nothing of it."""

        def discard() -> None:
            last = arm_run.discard_last_slice()
            self._slices += [replace(row, codes=DISTURBED) for row in last.rows]
            self._resources.append(last.resources)

        self._run_step(arm_run, discard)

    def _finish(
        self, arm_run: ArmRun, baseline_rps: float | None, background_load_share: float, throttled_share: float
    ) -> None:
        """Add the rows of a trial, or its failure."""

        def finish() -> None:
            rows = arm_run.finish(baseline_rps, background_load_share, throttled_share)
            self._trials += rows.trials
            self._slices += rows.slices
            self._resources += arm_run.resources
            self._histograms += rows.histograms
            self._timeline += rows.timeline
            self._latency_windows += rows.latency_windows
            self._generators += rows.generators

        self._run_step(arm_run, finish)
        if arm_run.failure:
            self._add_unmeasured(arm_run.trials, "failed", arm_run.failure)

    def _run_step(self, arm_run: ArmRun, step: Callable[[], object]) -> None:
        """Take a step with an arm that has not failed.

        If the step fails, the other arms continue without this one.
        """
        if arm_run.failure:
            return
        child = arm_run.server.child
        try:
            if not child.alive:
                raise ServerError(f"server {child.exit_text} while it was measured")
            step()
        except ServerError as error:
            arm_run.failure = str(error) if "stderr" in str(error) else f"{error}; {child.stderr_report}"
            self._context.generator.abandon(arm_run.load_name)

    def _baseline_rps(self, arm_runs: Sequence[ArmRun], arm_run: ArmRun) -> float | None:
        """Return the rate of the baseline at this load.

        In an open loop it comes from the calibration, otherwise from this block.
        """
        trial = arm_run.trial
        if trial.load.has_populations:  # each would have a rate of its own
            return None
        if trial.rate_rps is not None:
            return self._rates.baseline_rates.get((trial.load.point, trial.arm.transport))
        baseline = Arm(self._schedule.plan.baseline, trial.arm.transport)
        rates_rps = [
            row.shown.throughput_rps or 0.0 for run in arm_runs if run.trial.arm == baseline for row in run.slices
        ]
        return statistics.median(rates_rps) if rates_rps else None
