"""One block: a fresh server of every arm, all alive side by side, and the generator that goes round them in slices.

Inside a slice nothing happens but the load: this process sleeps on the generator's answer. Reading counters, drawing
and writing come between slices.
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bench.experiment.calibration import Rates
from bench.experiment.child_process import Child, UnmanagedServer
from bench.experiment.row_builder import (
    Measured,
    Place,
    histogram_rows,
    resource_row,
    slice_row,
    trial_row,
    unmeasured_row,
)
from bench.experiment.server_pool import Server, ServerError, Servers, Setup, serving, settings, verify
from bench.machine.affinity import pin_tree
from bench.machine.background_load import BackgroundLoad
from bench.machine.process_usage import Tree, Usage
from bench.plan.definition import (
    Case,
    arms,
    arrival_seed,
    baseline_arms,
    block_order,
    cases,
    round_order,
    rounds,
    skip_reason,
    takes_part,
)
from bench.schema.arms import Arm
from bench.schema.rows import DISTURBED, HistogramRow, ResourceRow, RoundRow, SliceRow, TrialRow
from bench.store.run_folder import BlockRows

DELAYED = 0.1  # of a slice, in which others had the generator's CPU: so much spoils the round
MOST_AGAIN = 0.1  # rounds that may be run again, as a share of those wanted
_WARMUP_S = 0.005  # load on each arm before the first round: threads start, the interpreter specialises its code


@dataclass(frozen=True, slots=True)
class Moment:
    """Where the run is, told to the display between two slices."""

    block: int
    scenario: str
    connections: int
    round: int
    row: SliceRow


@dataclass(frozen=True, slots=True)
class Ended:
    """What a case has left, told to the display when its last slice is over."""

    trials: Sequence[TrialRow]
    disturbed: int  # rounds that were hit by others and run again


Tell = Callable[[Moment | Ended], None]


@dataclass(slots=True)
class _ArmRun:
    """One arm inside one case."""

    place: Place
    server: Server
    usage: Usage  # of the server when its last slice ended
    slices: list[SliceRow] = field(default_factory=list)
    resources: list[ResourceRow] = field(default_factory=list)
    generator: list[ResourceRow] = field(default_factory=list)
    elapsed_s: list[float] = field(default_factory=list)
    failure: str = ""

    @property
    def target(self) -> str:
        """What the generator calls its connections."""
        return self.place.arm.name


class Block:
    """Runs one block. The rows come out at its end, all together."""

    def __init__(
        self, setup: Setup, number: int, baseline_servers: Mapping[str, Servers], rates: Rates, tell: Tell
    ) -> None:
        self._setup = setup
        self._plan = setup.plan
        self._number = number
        self._standing = baseline_servers
        self._rates = rates
        self._generator_tree = Tree(setup.generator.pid)
        self._own = self._generator_tree.usage()
        self._tell = tell
        self._watch = setup.probe
        self._slices: list[SliceRow] = []
        self._histograms: list[HistogramRow] = []
        self._resources: list[ResourceRow] = []
        self._rounds: list[RoundRow] = []
        self._trials: list[TrialRow] = []

    def run(self) -> BlockRows:
        """Run every scenario. Raises ChildError if the generator fails; a server that fails is a row."""
        limits = baseline_arms(self._plan)
        for scenario in block_order(self._plan, self._number):
            with serving(self._setup, scenario, [arm for arm in arms(self._plan) if arm not in limits]) as servers:
                for case in cases(self._plan, scenario):
                    trials, rounds_before = len(self._trials), len(self._rounds)
                    self._run_case(case, {**servers, **self._standing[scenario.protocol]})
                    disturbed = sum(row.disturbed for row in self._rounds[rounds_before:])
                    self._tell(Ended(self._trials[trials:], disturbed))
        return BlockRows(self._slices, self._histograms, self._resources, self._rounds, self._trials)

    def _run_case(self, case: Case, servers: Servers) -> None:
        arm_runs = []
        for arm in arms(self._plan):
            rate_rps = self._rates.of_arms.get((case, arm))
            place = Place(self._plan, self._setup.placement, self._number, arm, case, rate_rps)
            reason = skip_reason(self._plan, arm, case, self._setup.models)
            server = servers.get(arm, "")
            if reason:
                self._trials.append(unmeasured_row(place, "skipped", reason))
            elif isinstance(server, str):
                self._trials.append(unmeasured_row(place, "failed", server))
            elif case.scenario.loop == "open" and rate_rps is None:
                self._trials.append(unmeasured_row(place, "failed", "had no capacity when the rates were calibrated"))
            else:
                arm_runs.append(_ArmRun(place, server, server.tree.usage()))
        for arm_run in arm_runs:
            self._guarded(arm_run, self._open)
        transports = [arm_run.server.arm.transport for arm_run in arm_runs]
        wanted = rounds(self._plan, case)
        counted, number = 0, 0
        others = BackgroundLoad(self._setup.placement.server)
        while counted < wanted:
            order = round_order(self._plan, self._number, case, number, transports)
            taking_part = [k for k in order if takes_part(self._plan, arm_runs[k].place.arm, counted)]
            again = number - counted < MOST_AGAIN * wanted  # a machine that is always hit is measured all the same
            counted += self._round(case, number, [arm_runs[k] for k in taking_part], again=again)
            number += 1
        unseen = any(isinstance(one.server.child, UnmanagedServer) for one in arm_runs)  # it may be one of those others
        background_load_share = others.share() if self._setup.placement.disjoint and not unseen else math.nan
        for arm_run in arm_runs:
            self._guarded(
                arm_run, lambda one: self._finish(one, self._baseline_rps(arm_runs, one), background_load_share)
            )
            if arm_run.failure:  # before or in its last step; what is finished stays finished
                self._trials.append(unmeasured_row(arm_run.place, "failed", arm_run.failure))

    def _round(self, case: Case, number: int, arm_runs: Sequence[_ArmRun], *, again: bool) -> bool:
        """One slice of each, in this order. Returns whether it counts; if not, its slices stay, marked.

        again: it may be called disturbed, and be run again.
        """
        self._watch.begin()
        for position, arm_run in enumerate(arm_runs):
            self._guarded(arm_run, lambda one: self._slice(one, number, position))  # noqa: B023 - called now
        conditions = self._watch.end()
        run_delay_share = max((one.slices[-1].run_delay_share for one in arm_runs if not one.failure), default=0.0)
        disturbed = again and (conditions.disturbed or run_delay_share > DELAYED)
        self._rounds.append(
            RoundRow(
                block=self._number,
                round=number,
                scenario=case.scenario.name,
                connections=case.connections,
                message_bytes=case.message_bytes,
                probe_us=conditions.probe_us,
                probe_ratio=conditions.probe_ratio,
                steal_share=conditions.steal_share,
                run_delay_share=run_delay_share,
                pressure_share=conditions.pressure_share,
                disturbed=disturbed,
            )
        )
        if disturbed:
            for arm_run in arm_runs:
                self._guarded(arm_run, self._forget)
        return not disturbed

    def _forget(self, arm_run: _ArmRun) -> None:
        """Keep the rows of the last slice, marked, and count nothing of it."""
        last = arm_run.slices.pop()
        self._slices.append(replace(last, codes=DISTURBED))
        self._resources.append(arm_run.resources.pop())
        arm_run.elapsed_s.pop()
        self._setup.ask({"do": "discard", "id": arm_run.target})

    def _guarded(self, arm_run: _ArmRun, step: Callable[[_ArmRun], None]) -> None:
        """Take a step with one arm unless it has failed; if it fails now, the others go on without it."""
        if arm_run.failure:
            return
        try:
            if not arm_run.server.child.alive:
                raise ServerError("ended while it was measured")
            step(arm_run)
        except ServerError as error:
            words = arm_run.server.child.stderr_tail()
            arm_run.failure = f"{error}; its last words were: {words}"
            self._setup.ask({"do": "close", "id": arm_run.target})

    def _open(self, arm_run: _ArmRun) -> None:
        place = arm_run.place
        if arm_run.server.external is not None:  # it may serve one client at a time, and not say so
            persistent = place.case.scenario.lifecycle == "persistent"
            verify(self._setup, arm_run.server, place.case, min(2, place.case.connections) if persistent else 1)
        asked = settings(self._setup, arm_run.server, place.case, place.rate_rps or 0.0)
        answer = self._setup.ask({"do": "open", "id": arm_run.target, "settings": asked})
        if not answer["ok"]:
            raise ServerError(answer["error"])
        wanted = arm_run.place.case.connections
        if arm_run.place.case.scenario.lifecycle == "persistent" and answer["connected"] < wanted:
            raise ServerError(f"{answer['standing']} of {wanted} connections could be opened")
        if isinstance(arm_run.server.child, Child):
            pin_tree(arm_run.server.child.pid, self._setup.placement.server)  # workers that were forked since
        self._setup.ask({"do": "warm", "id": arm_run.target, "seconds": _WARMUP_S})
        arm_run.usage, self._own = arm_run.server.tree.settled_usage(), self._generator_tree.usage()

    def _slice(self, arm_run: _ArmRun, number: int, position: int) -> None:
        plan, server = self._plan, arm_run.server
        seconds, warmup_s = plan.slice_s, plan.slice_warmup_s
        seed = arrival_seed(plan, self._number, arm_run.place.case, number)
        lengths = {"seconds": seconds, "warmup_s": warmup_s}
        answer = self._setup.ask({"do": "slice", "id": arm_run.target, "seed": seed, **lengths})
        if not answer["ok"]:
            raise ServerError(answer["error"])
        # At rest since its last slice, a server stands where that left it; so one reading serves two borders.
        usage, own = server.tree.settled_usage(), self._generator_tree.usage()
        row = slice_row(arm_run.place, number, position, answer["slice"], usage.cpu_ns - arm_run.usage.cpu_ns)
        arm_run.slices.append(row)
        arm_run.elapsed_s.append(answer["slice"]["elapsed_s"])
        arm_run.resources.append(resource_row(arm_run.place, number, "server", arm_run.usage, usage))
        arm_run.generator.append(resource_row(arm_run.place, number, "generator", self._own, own))
        arm_run.usage, self._own = usage, own
        case = arm_run.place.case
        self._tell(Moment(self._number, case.scenario.name, case.connections, number, row))

    def _baseline_rps(self, arm_runs: Sequence[_ArmRun], arm_run: _ArmRun) -> float | None:
        """What the generator reached with the server that shows the limit: in this block; open loop: beforehand."""
        place = arm_run.place
        if place.rate_rps is not None:
            return self._rates.baselines.get((place.case, place.arm.transport))
        limit = Arm(self._plan.baseline, place.arm.transport)
        found = [row.throughput_rps for one in arm_runs if one.place.arm == limit for row in one.slices]
        return statistics.median(found) if found else None

    def _finish(self, arm_run: _ArmRun, baseline_rps: float | None, background_load_share: float) -> None:
        memory_mb = arm_run.server.tree.memory_mb()
        answer = self._setup.ask({"do": "close", "id": arm_run.target, "baseline_rps": baseline_rps})
        if not answer["ok"]:
            raise ServerError(answer["error"])
        measured = Measured(
            ready=arm_run.server.ready,
            slices=arm_run.slices,
            resources=arm_run.resources,
            document=answer["document"],
            elapsed_s=sum(arm_run.elapsed_s),
            memory_mb=memory_mb,
            background_load_share=background_load_share,
        )
        self._trials.append(trial_row(arm_run.place, measured))
        self._slices += arm_run.slices
        self._resources += arm_run.resources + arm_run.generator
        self._histograms += histogram_rows(arm_run.place, answer["histograms"])
