"""The length of a slice for one arm at one load point, from the time of a cycle. Pure.

A *cycle* is what one connection of a closed loop repeats: a request with its reply, or a whole session. A slice shows
the rate of a server only if cycles are short against its window. The plan's slice is made for servers that reply
within a few milliseconds; others get longer slices, in fewer rounds.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.plan.definition import Plan
from bench.plan.population_loads import PopulationLoad
from bench.plan.scenario import Scenario
from bench.schema.arms import Arm
from bench.schema.load_points import LoadPoint

# While the first requests of a closed loop are answered, all of them wait in one queue, and their credits are up to 6%
# above the rate (window of 2 cycles, warm-up of a quarter). In a window of 4 cycles that is less than 0.5%.
MIN_WINDOW_CYCLES = 4
LONG_WINDOW_CYCLES = 2  # where four cycles take more than LONG_WINDOW_S: each connection is seen at least twice
LONG_WINDOW_S = 1.0
WARMUP_SHARE = 0.1  # of a slice whose length its scenario sets
MIN_REQUESTS = 10  # of an open loop in a window
FEW_REQUESTS = 20  # fewer requests at a constant rate are off by more than 5% if the window holds no whole number
MAX_SLICE_S = 60.0
# In a block. A second slice of a server that waits 64 times in a row took 2 s, and did not change its rate: the blocks
# give the interval.
MIN_ROUNDS_OF_SLOW_ARM = 1
FIRST_WARMUP_S = 0.005  # load before the first round: threads start, and the interpreter specialises its code
MAX_LOAD_FACTOR = 4  # load on a slow arm in a block, compared with an arm of the plan's slices


@dataclass(frozen=True, slots=True)
class SliceLength:
    """The slices of one arm at one load point."""

    slice_s: float  # with the warm-up
    warmup_s: float
    cycle_s: float | None = None  # measured before the first block; None: unknown, or not measured
    skip_reason: str = ""  # why the arm cannot be measured

    @property
    def window_s(self) -> float:
        """The part of the slice that counts."""
        return self.slice_s - self.warmup_s

    @property
    def drain_s(self) -> float:
        """Time after the slice in which the last replies arrive."""
        return self.cycle_s or 0.0

    def is_longer(self, plan: Plan, scenario: Scenario | None = None) -> bool:
        """Return whether the slices are longer than those that the plan sets, for the scenario or for all."""
        return self.slice_s > 1.001 * usual_length(plan, scenario).slice_s  # more than the rounding of a sum

    def round_interval(self, rounds: int, usual_slice_s: float) -> int:
        """Return k if the arm has a slice in every k-th of ``rounds`` rounds.

        k is a power of two. So of two slow arms, the one with fewer slices has all of them in rounds of the other, and
        ratios inside rounds exist for every pair. usual_slice_s: length of a slice in the plan.
        """
        interval = 1
        while (
            math.ceil(rounds / interval) * self.slice_s > MAX_LOAD_FACTOR * rounds * usual_slice_s
            and math.ceil(rounds / interval) > MIN_ROUNDS_OF_SLOW_ARM
        ):
            interval *= 2
        return interval


Lengths = Mapping[tuple[LoadPoint, Arm], SliceLength]  # an arm without an entry has the plan's slices


def usual_length(plan: Plan, scenario: Scenario | None = None) -> SliceLength:
    """Return the slices that the plan sets: for a scenario with slices of its own, those."""
    if scenario is None or scenario.slice_s is None:
        return SliceLength(plan.slice_s, plan.slice_warmup_s)
    return SliceLength(scenario.slice_s, max(plan.slice_warmup_s, WARMUP_SHARE * scenario.slice_s))


def planned_length(plan: Plan, scenario: Scenario) -> SliceLength:
    """Return the slices of a scenario before the calibration. All phases are one slice without a warm-up."""
    return SliceLength(scenario.load_seconds, 0.0) if scenario.phases else usual_length(plan, scenario)


def short_cycle_s(plan: Plan, scenario: Scenario | None = None) -> float:
    """Return the longest cycle for which the slices that the plan sets are long enough."""
    return usual_length(plan, scenario).window_s / MIN_WINDOW_CYCLES


def is_short(plan: Plan, scenario: Scenario, cycle_s: float) -> bool:
    """Return whether a cycle is short enough for the slices that the plan sets for a scenario."""
    return cycle_s <= short_cycle_s(plan, scenario)


def choose_length(
    plan: Plan,
    scenario: Scenario,
    cycle_s: float | None,
    rate_rps: float | None = None,
    population: PopulationLoad | None = None,
) -> SliceLength:
    """Return the slices of an arm whose cycle takes ``cycle_s``.

    cycle_s: None if no reply arrived; the plan's slices then show that. rate_rps: of an open loop. population: the one
    that the cycle is of; None if the scenario has only one.
    """
    lifecycle = population.lifecycle if population else scenario.lifecycle
    per_cycle = population.requests_per_cycle if population else scenario.requests_per_cycle
    usual = usual_length(plan, scenario)
    warmup_s, window_s = usual.warmup_s, usual.window_s
    if cycle_s is not None and cycle_s > window_s / MIN_WINDOW_CYCLES:
        warmup_s = max(warmup_s, cycle_s)
        window_s = _whole_cycles(cycle_s) * cycle_s
    if rate_rps is not None:
        warmup_s = max(warmup_s, cycle_s or 0.0)  # until then fewer requests are in flight than later
        window_s = _window_of_requests(window_s, rate_rps / per_cycle)
    longest_s = max(MAX_SLICE_S, usual.slice_s)
    reason = ""
    if warmup_s + window_s > longest_s:
        is_rare = rate_rps is not None and MIN_REQUESTS * per_cycle / rate_rps > (warmup_s + window_s) / 2
        rare_rps = rate_rps if is_rare else None
        reason = _skip_reason(lifecycle, cycle_s or 0.0, rare_rps, warmup_s + window_s, longest_s)
    return SliceLength(warmup_s + window_s, warmup_s, cycle_s, reason)


def closed_length(plan: Plan, scenario: Scenario, population: PopulationLoad, cycle_s: float | None) -> SliceLength:
    """Return the slices of a closed loop with one population alone."""
    return choose_length(plan, scenario, cycle_s, population=population)


def longest_length(lengths: Sequence[SliceLength]) -> SliceLength:
    """Return slices that are long enough for several populations at the same time."""
    window_s, warmup_s = max(each.window_s for each in lengths), max(each.warmup_s for each in lengths)
    cycle_s = max((each.cycle_s for each in lengths if each.cycle_s is not None), default=None)
    reason = next((each.skip_reason for each in lengths if each.skip_reason), "")
    return SliceLength(warmup_s + window_s, warmup_s, cycle_s, reason)


def _whole_cycles(cycle_s: float) -> int:
    """Return how many cycles the window of a slow arm has.

    A whole number: connects and first replies come in waves, because all clients begin a session when a slice begins.
    """
    of_long_window = math.ceil(LONG_WINDOW_S / cycle_s)
    return max(LONG_WINDOW_CYCLES, min(MIN_WINDOW_CYCLES, of_long_window))


def _window_of_requests(window_s: float, per_s: float) -> float:
    """Return a window in which enough requests or sessions of an open loop begin. per_s: their rate.

    A constant rate is then exact: the window holds a whole number of the distances between two of them.
    """
    if per_s * window_s >= FEW_REQUESTS:
        return window_s
    return max(MIN_REQUESTS, math.ceil(per_s * window_s - 1e-9)) / per_s


def _skip_reason(lifecycle: str, cycle_s: float, rate_rps: float | None, slice_s: float, longest_s: float) -> str:
    """Return why slices would be too long. rate_rps: of an open loop whose requests are rare."""
    cycle = "session" if lifecycle == "session" else "reply"
    if rate_rps is not None:
        begun = "sessions" if cycle == "session" else "requests"
        cause, advice = f"at {rate_rps:g} requests/s a slice with {MIN_REQUESTS} {begun}", "use a higher rate"
    else:
        cause = f"a {cycle} takes {cycle_s:.3g} s at this load, so a slice"
        advice = "use fewer connections or shorter sessions" if cycle == "session" else "use fewer connections"
    times = f"would take {slice_s:.3g} s, and the maximum is {longest_s:g} s"
    return f"{cause} {times}; {advice}, or set slice_s in a plan to more"
