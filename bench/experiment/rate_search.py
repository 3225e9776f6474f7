"""Search for the max rate under an objective, for every arm of a scenario.

In each round every arm that is not decided yet has one trial, on a fresh server, at the rate that its own bisection
asks for. All arms get the same arrivals, only faster or slower. The results are both bounds, and the rate that was
answered at the lower bound: the conditional throughput of RFC 9971 (MLRsearch). A trial with invalid numbers is
repeated. If they stay invalid the rate counts as failed, and the bound carries the reason.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bench.experiment.bisection import Search
from bench.experiment.child_process import ServerError
from bench.experiment.objective import Objective, choose_objective, meets
from bench.experiment.rate_calibration import measure_capacity_rps
from bench.experiment.row_builder import as_number
from bench.experiment.run_context import RunContext
from bench.experiment.search_rows import TrialOutcome, trial_search_row, unsearched_row
from bench.experiment.server import Server, Servers
from bench.experiment.server_pool import fresh_servers
from bench.experiment.solo_load import LoadResult, load_alone
from bench.experiment.trial_quality import Judgement, Utilisation, judge
from bench.plan.schedule import SEARCH_BLOCK, Schedule, ScheduledLoad, ScheduledScenario
from bench.plan.slice_lengths import MAX_SLICE_S, MIN_REQUESTS, Lengths, SliceLength, usual_length
from bench.schema.arms import Arm
from bench.schema.csv_schema import MaxRateRow
from clients.quality_codes import Figure, Quantity, doubts, findings, format_flags

MIN_CAPACITY_SHARE, MAX_CAPACITY_SHARE = 0.4, 1.1  # ends of the search, relative to the capacity in a closed loop
IDLE_SHARE = 0.05  # of the capacity: a rate at which no request waits
_IDLE_S, _WARMUP_S = 0.3, 0.1
_JUDGED_FIGURE = Figure(Quantity.LATENCY, "p99")  # that the objective is about
_MAX_INVALID = 2  # consecutive invalid trials that are repeated; the next one counts as failed


@dataclass(slots=True)
class _ArmSearch:
    """The search of one arm."""

    arm: Arm
    search: Search
    consecutive_invalid: int = 0


@dataclass(frozen=True, slots=True)
class _Preparation:
    """Results of the preparation of a search."""

    arm_searches: list[_ArmSearch]
    unsearched: list[MaxRateRow]  # arms that were skipped or failed
    objective: Objective


def search_max_rates(
    context: RunContext, baseline_servers: Mapping[str, Servers], lengths: Lengths
) -> Iterator[list[MaxRateRow]]:
    """Search at every load point that asks for it; yield the rows by round."""
    for scenario in context.schedule.scenarios:
        if scenario.scenario.searches:
            for load in scenario.loads:
                yield from _search_load(context, scenario, load, baseline_servers[scenario.scenario.protocol], lengths)


def _search_load(
    context: RunContext,
    scenario: ScheduledScenario,
    load: ScheduledLoad,
    baseline_servers: Servers,
    lengths: Lengths,
) -> Iterator[list[MaxRateRow]]:
    observer, name = context.observer, load.point.scenario
    baseline_rates = {
        arm.transport: measure_capacity_rps(context, load, server)
        for arm, server in baseline_servers.items()
        if isinstance(server, Server)
    }
    preparation = _prepare(context, scenario, load, lengths)
    for row in preparation.unsearched:
        if row.status == "failed":
            observer.on_warning(f"{Arm.parse(row.arm).display_name} in {name}: failed, {row.reason}")
    if preparation.unsearched:
        yield preparation.unsearched
    observer.on_message(f"{name}: searching the highest rate with {preparation.objective}")
    arm_searches, number = preparation.arm_searches, 0
    while undecided := [arm_search for arm_search in arm_searches if arm_search.search.next_step is not None]:
        observer.on_message(f"{name}: round {number + 1}, {len(undecided)} of {len(arm_searches)} servers undecided")
        order = load.round_order(SEARCH_BLOCK, number, [arm_search.arm.transport for arm_search in undecided])
        rows = []
        with fresh_servers(context, scenario, [arm_search.arm for arm_search in undecided]) as servers:
            for arm_search in (undecided[k] for k in order):
                trial = _Trial(
                    context, load, preparation.objective, number, _length(context, load, arm_search.arm, lengths)
                )
                baseline_rps = baseline_rates.get(arm_search.arm.transport) or None
                rows.append(trial.run(arm_search, servers[arm_search.arm], baseline_rps))
        yield rows
        number += 1


def _length(context: RunContext, load: ScheduledLoad, arm: Arm, lengths: Lengths) -> SliceLength:
    """Return the slices of an arm in a closed loop, from the calibration."""
    return lengths.get((load.point, arm), usual_length(context.schedule.plan))


def _prepare(context: RunContext, scenario: ScheduledScenario, load: ScheduledLoad, lengths: Lengths) -> _Preparation:
    """Find the range of each search and the objective, which is the same for all arms."""
    arm_searches, idle_us = [], [0.0]
    unsearched: dict[Arm, tuple[str, str]] = {}
    skip_reasons = {
        arm: load.skip_reasons[arm] or _length(context, load, arm, lengths).skip_reason
        for arm in context.schedule.searched_arms
    }
    searched = [arm for arm, reason in skip_reasons.items() if not reason]
    with fresh_servers(context, scenario, searched) as servers:
        for arm, server in servers.items():
            try:
                length = _length(context, load, arm, lengths)
                capacity_rps, idle_median_us = _measure_idle(context, load, server, length)
            except ServerError as error:
                unsearched[arm] = "failed", str(error)
                continue
            idle_us.append(idle_median_us)
            width = load.scenario.search_step_share
            search = Search(MIN_CAPACITY_SHARE * capacity_rps, MAX_CAPACITY_SHARE * capacity_rps, width)
            arm_searches.append(_ArmSearch(arm, search))
    objective = choose_objective(load.scenario, idle_us)
    for arm, reason in skip_reasons.items():
        if reason:
            unsearched[arm] = "skipped", reason
    rows = [unsearched_row(load, arm, objective, status, reason) for arm, (status, reason) in unsearched.items()]
    return _Preparation(arm_searches, rows, objective)


def _measure_idle(
    context: RunContext, load: ScheduledLoad, server: Server | str, length: SliceLength
) -> tuple[float, float]:
    """Return the capacity of a server, and its idle median latency in us.

    Raises ServerError.
    """
    if isinstance(server, str):
        raise ServerError(server)
    capacity_rps = measure_capacity_rps(context, load, server, length)
    if not capacity_rps:
        raise ServerError("its capacity could not be measured before the search")
    rate_rps = IDLE_SHARE * capacity_rps
    window_s = max(_IDLE_S, min(MIN_REQUESTS * load.scenario.requests_per_cycle / rate_rps, MAX_SLICE_S))
    idle = load_alone(context, server, load, [window_s], max(_WARMUP_S, length.drain_s), rate_rps=rate_rps)
    return capacity_rps, as_number(idle.document["latency_us"]["p50"]) or 0.0


@dataclass(frozen=True, slots=True)
class _Trial:
    """One trial of an arm in a round of a search."""

    context: RunContext
    load: ScheduledLoad
    objective: Objective
    number: int  # of the round
    length: SliceLength  # of the arm

    def run(self, arm_search: _ArmSearch, server: Server | str, baseline_rps: float | None) -> MaxRateRow:
        """Run the trial at the next rate of the search.

        It is recorded in the search if it counts.
        """
        step = arm_search.search.next_step
        assert step is not None
        rate_rps = arm_search.search.rate_rps(step)
        result: LoadResult | None = None
        verdict = codes = found = failure = ""
        try:
            result = self._load(server, rate_rps, baseline_rps)
            judgement = _judge(result, self.context.schedule)
            verdict, codes = judgement.verdict, format_flags(doubts(judgement.flags))
            found = format_flags(findings(judgement.flags))
        except ServerError as error:
            failure = str(error) or "no reason given"
        thresholds = self.context.schedule.thresholds
        # A generator that is late or busy makes every figure worse, so a trial that passes nevertheless has passed.
        passed = result is not None and meets(result, self.objective, thresholds)
        good = passed or verdict in ("valid", "suspect")
        arm_search.consecutive_invalid = 0 if good else arm_search.consecutive_invalid + 1
        counted = good or arm_search.consecutive_invalid > _MAX_INVALID
        if counted:
            arm_search.search.record(step, passed=passed)
        python = "" if isinstance(server, str) else server.ready["python"]
        outcome = TrialOutcome(self.number, step, rate_rps, passed, counted, verdict, codes, found, failure, python)
        return trial_search_row(self.load, arm_search.arm, self.objective, outcome, result)

    @property
    def _window_s(self) -> float:
        """The plan's seconds, or more for a slow server."""
        is_longer = self.length.is_longer(self.context.schedule.plan)
        return max(self.load.scenario.load_seconds, self.length.window_s if is_longer else 0.0)

    def _load(self, server: Server | str, rate_rps: float, baseline_rps: float | None) -> LoadResult:
        if isinstance(server, str):
            raise ServerError(server)
        return load_alone(
            self.context,
            server,
            self.load,
            [self._window_s],
            max(_WARMUP_S, self.length.drain_s),
            rate_rps=rate_rps,
            seed=self.load.arrival_seed(SEARCH_BLOCK, self.number),
            baseline_rps=baseline_rps,
        )


def _judge(result: LoadResult, schedule: Schedule) -> Judgement:
    utilisation = Utilisation(
        result.document["generator"]["cpu_share"],
        math.nan,
        closed_loop=False,
        cpus_disjoint=schedule.cpus_disjoint,
    )
    thresholds = schedule.thresholds
    flags = [
        thresholds.flag(flag["code"], flag["value"], flag["percentile"]) for flag in result.document["verdict"]["flags"]
    ]
    return judge(flags, utilisation, thresholds, _JUDGED_FIGURE)
