"""The search for the highest rate that meets an objective, for every arm of a scenario.

In each round every arm that is not decided yet has one trial at the rate that its own bisection asks for, on a fresh
server; all arms get the same arrivals there, made faster or slower. The bounds are told, and what was answered at the
lower one: conditional throughput in the words of RFC 9971 (MLRsearch). A trial whose numbers are invalid is made again;
if they stay so the rate counts as one that cannot be had here, and the bound carries the reason.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.analysis.search_votes import MAX_LATE_SHARE
from bench.experiment.bisection import Search
from bench.experiment.calibration import capacity_rps
from bench.experiment.row_builder import as_number
from bench.experiment.server_pool import Loaded, Server, ServerError, Servers, Setup, load, serving, settings
from bench.experiment.trial_quality import Utilisation, judge
from bench.plan.definition import (
    Case,
    arms,
    arrival_seed,
    baseline_arms,
    cases,
    plan_thresholds,
    round_order,
    skip_reason,
)
from bench.schema.arms import Arm
from bench.schema.rows import MaxRateRow
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from clients.quality_codes import Thresholds, format_flags

LOWEST, HIGHEST = 0.4, 1.1  # the ends of the search, as shares of the capacity in a closed loop
IDLE = 0.05  # of the capacity: a rate at which nothing waits
IDLE_TIMES, LEAST_US = 10, 5_000.0  # an objective that nobody named: ten times the idle median, but at least 5 ms
_IDLE_S, _WARMUP_S = 0.3, 0.1
_MOST_AGAIN = 2  # trials one after the other that are made again because their numbers are invalid; then they fail


@dataclass(slots=True)
class _ArmRun:
    """One arm and how far its search is."""

    arm: Arm
    search: Search
    again: int = 0  # invalid trials since the last good one


def limits(
    setup: Setup, baseline_servers: Mapping[str, Servers], tell: Callable[[str], None]
) -> Iterator[list[MaxRateRow]]:
    """Search in every scenario that asks for it. Yields the rows of one round after the other."""
    for scenario in setup.plan.scenarios:
        if scenario.searches:
            for case in cases(setup.plan, scenario):
                yield from _of_case(setup, case, baseline_servers[scenario.protocol], tell)


def _of_case(
    setup: Setup, case: Case, baseline_servers: Servers, tell: Callable[[str], None]
) -> Iterator[list[MaxRateRow]]:
    scenario = case.scenario
    baselines = {
        arm.transport: capacity_rps(setup, case, server)
        for arm, server in baseline_servers.items()
        if isinstance(server, Server)
    }
    arm_runs, without, objective_us = _prepare(setup, case)
    for row in without:
        if row.verdict == "failed":
            tell(f"warning: {row.arm} in {scenario.name}: failed, {row.codes}")
    if without:
        yield without
    tell(f"{scenario.name}: the highest rate with {_in_words(objective_us, scenario.objective_lost_share)}")
    number = 0
    while undecided := [one for one in arm_runs if one.search.next_step is not None]:
        tell(f"{scenario.name}: round {number + 1}, {len(undecided)} of {len(arm_runs)} arms are still searched for")
        order = round_order(setup.plan, 0, case, number, [one.arm.transport for one in undecided])
        rows = []
        with serving(setup, scenario, [one.arm for one in undecided]) as servers:
            for arm_run in (undecided[k] for k in order):
                baseline_rps = baselines.get(arm_run.arm.transport) or None
                rows.append(_trial(setup, case, arm_run, servers[arm_run.arm], number, objective_us, baseline_rps))
        yield rows
        number += 1


def _competing(setup: Setup, case: Case) -> dict[Arm, str]:
    """All that are to be searched for, each with the reason why not, if there is one."""
    shown = baseline_arms(setup.plan)
    competing = [arm for arm in arms(setup.plan) if arm not in shown and not arm.control]
    return {arm: skip_reason(setup.plan, arm, case, setup.models) for arm in competing}


def _prepare(setup: Setup, case: Case) -> tuple[list[_ArmRun], list[MaxRateRow], float]:
    """Where each search begins and ends; rows of those that cannot be searched for; and the objective.

    The objective is one for all, by the slowest where nobody named it.
    """
    scenario, arm_runs, idle_us = case.scenario, [], [0.0]
    without = {}
    competing = _competing(setup, case)
    with serving(setup, scenario, [arm for arm, reason in competing.items() if not reason]) as servers:
        for arm, server in servers.items():
            try:
                if isinstance(server, str):
                    raise ServerError(server)
                found_rps = capacity_rps(setup, case, server)
                if not found_rps:
                    raise ServerError("had no capacity when the search was to begin")
                idle = load(setup, server, settings(setup, server, case, IDLE * found_rps), [_IDLE_S], _WARMUP_S)
            except ServerError as error:
                without[arm] = "failed", str(error)
                continue
            idle_us.append(as_number(idle.document["latency_us"]["p50"]) or 0.0)
            search = Search(LOWEST * found_rps, HIGHEST * found_rps, scenario.search_width)
            arm_runs.append(_ArmRun(arm, search))
    usual_us = max(median_us for median_us in idle_us if math.isfinite(median_us))  # not of one that loses half, idle
    objective_us = scenario.objective_p99_us or max(LEAST_US, IDLE_TIMES * usual_us)
    without |= {arm: ("skipped", reason) for arm, reason in competing.items() if reason}
    rows = [_row(case, arm, objective_us, verdict=verdict, codes=reason) for arm, (verdict, reason) in without.items()]
    return arm_runs, rows, objective_us


def _in_words(objective_us: float, lost_share: float) -> str:
    return f"99 % of the requests answered within {objective_us / 1e3:.3g} ms, and at most {lost_share:.2%} lost"


def _trial(
    setup: Setup,
    case: Case,
    arm_run: _ArmRun,
    server: Server | str,
    number: int,
    objective_us: float,
    baseline_rps: float | None,
) -> MaxRateRow:
    """One trial, told to the search if it counts."""
    scenario, step, thresholds = case.scenario, arm_run.search.next_step, plan_thresholds(setup.plan)
    assert step is not None
    rate_rps = arm_run.search.load_rps(step)
    loaded: Loaded | None = None
    try:
        if isinstance(server, str):
            raise ServerError(server)
        asked = settings(setup, server, case, rate_rps)
        seed = arrival_seed(setup.plan, 0, case, number)
        loaded = load(setup, server, asked, [scenario.seconds], _WARMUP_S, seed, baseline_rps)
        utilisation = Utilisation(
            loaded.document["generator"]["cpu_share"],
            math.nan,
            closed_loop=False,
            cpus_disjoint=setup.placement.disjoint,
        )
        flags = [thresholds.flag(flag["code"], flag["value"]) for flag in loaded.document["verdict"]["flags"]]
        judgement = judge(flags, utilisation, thresholds)
        verdict, codes = judgement.verdict, format_flags(judgement.flags)
    except ServerError as error:
        verdict, codes = "failed", str(error)
    # A generator that is late or busy makes every figure worse: what meets the objective all the same has met it.
    passed = loaded is not None and meets(loaded, objective_us, scenario.objective_lost_share, thresholds)
    good = passed or verdict in ("valid", "suspect")
    arm_run.again = 0 if good else arm_run.again + 1
    counted = good or arm_run.again > _MOST_AGAIN
    if counted:
        arm_run.search.tell(step, passed=passed)
    found = loaded.document if loaded else None
    figures = found or {}
    latency_us = figures.get("latency_us") or {}
    return _row(
        case,
        arm_run.arm,
        objective_us,
        python="" if isinstance(server, str) else server.ready["python"],
        round=number,
        step=step,
        rate_rps=rate_rps,
        scheduled=figures.get("scheduled"),
        sent=figures.get("sent"),
        replies=figures.get("replies"),
        lost=figures["ledger"]["lost"] if found else None,
        unsent=figures.get("unsent"),
        throughput_rps=figures.get("throughput_rps"),
        latency_p50_us=as_number(latency_us.get("p50")),
        latency_p99_us=as_number(latency_us.get("p99")),
        generator_cpu_share=figures["generator"]["cpu_share"] if found else None,
        passed=passed,
        counted=counted,
        verdict=verdict,
        codes=codes,
    )


def _row(case: Case, arm: Arm, objective_us: float, *, verdict: str, codes: str, **figures: Any) -> MaxRateRow:
    return MaxRateRow(
        scenario=case.scenario.name,
        connections=case.connections,
        message_bytes=case.message_bytes,
        arm=arm.name,
        model=arm.model,
        transport=arm.transport,
        protocol=case.scenario.protocol,
        objective_p99_us=objective_us,
        objective_lost_share=case.scenario.objective_lost_share,
        verdict=verdict,
        codes=codes,
        **figures,
    )


def meets(loaded: Loaded, objective_us: float, lost_share: float, thresholds: Thresholds = DEFAULT_THRESHOLDS) -> bool:
    """Whether a load met the objective: in time, answered, and answered inside the window.

    In time is counted, not read from a percentile, which few requests do not have: at most 1 % took longer, or for
    ever. A slot that holds the objective counts as longer (0.8 %).
    """
    document = loaded.document
    requests = document["latency_us"]["count"]
    in_time = sum(
        count for _, upper_ns, count in loaded.histograms.get("latency", ()) if upper_ns <= 1e3 * objective_us
    )
    ledger = document["ledger"]
    missing = ledger["lost"] + ledger["late"] + ledger["corrupt"] + document["unsent"]
    return bool(
        requests
        and requests - in_time <= MAX_LATE_SHARE * requests
        and missing <= lost_share * document["scheduled"]
        and _kept_up(document, requests, thresholds)
    )


def _kept_up(document: Mapping[str, Any], requests: int, thresholds: Thresholds) -> bool:
    """Whether as many replies came inside the window as requests were due in it, but for chance at its ends.

    By Little's law so many are on their way on the average; at the begin and the end that many of them, as a Poisson
    number has it. Of the few requests of a slow server that is more than the share that is allowed to fall behind.
    """
    on_their_way = requests / document["duration_s"] * float(document["latency_us"]["mean"] or 0.0) / 1e6
    behind = thresholds.codes["OVERLOAD"].suspect * requests - document["replies"]
    return bool(behind <= 2 * math.sqrt(2 * on_their_way))
