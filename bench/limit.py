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

from bench.bisect import Search
from bench.calibrate import capacity_rps
from bench.judgement import Sides, judge
from bench.plan import Case, arms, arrival_seed, cases, limit_arms, round_order, skip_reason
from bench.records import Arm, LimitRow
from bench.rows import as_number
from bench.serving import Server, ServerError, Servers, Setup, load, serving, settings

LOWEST, HIGHEST = 0.4, 1.1  # the ends of the search, as shares of the capacity in a closed loop
IDLE = 0.05  # of the capacity: a rate at which nothing waits
IDLE_TIMES, LEAST_US = 10, 5_000.0  # an objective that nobody named: ten times the idle median, but at least 5 ms
_IDLE_S, _WARMUP_S = 0.3, 0.1
_MOST_AGAIN = 2  # trials one after the other that are made again because their numbers are invalid; then they fail


@dataclass(slots=True)
class _Contender:
    """One arm and how far its search is."""

    arm: Arm
    search: Search
    again: int = 0  # invalid trials since the last good one


def limits(setup: Setup, standing: Mapping[str, Servers], tell: Callable[[str], None]) -> Iterator[list[LimitRow]]:
    """Search in every scenario that asks for it. Yields the rows of one round after the other."""
    for scenario in setup.plan.scenarios:
        if scenario.searches:
            for case in cases(setup.plan, scenario):
                yield from _of_case(setup, case, standing[scenario.protocol], tell)


def _of_case(setup: Setup, case: Case, standing: Servers, tell: Callable[[str], None]) -> Iterator[list[LimitRow]]:
    scenario = case.scenario
    competing = [arm for arm in arms(setup.plan) if arm not in limit_arms(setup.plan) and not arm.twin]
    competing = [arm for arm in competing if not skip_reason(setup.plan, arm, case, setup.models)]
    ceilings = {
        arm.transport: capacity_rps(setup, case, server)
        for arm, server in standing.items()
        if isinstance(server, Server)
    }
    contenders, objective_us = _prepare(setup, case, competing)
    tell(f"{scenario.name}: the highest rate with {_in_words(objective_us, scenario.objective_lost_share)}")
    number = 0
    while undecided := [one for one in contenders if one.search.next_rung is not None]:
        tell(f"{scenario.name}: round {number + 1}, {len(undecided)} of {len(contenders)} arms are still searched for")
        order = round_order(setup.plan, 0, case, number, [one.arm.transport for one in undecided])
        rows = []
        with serving(setup, scenario, [one.arm for one in undecided]) as servers:
            for contender in (undecided[k] for k in order):
                ceiling_rps = ceilings.get(contender.arm.transport) or None
                rows.append(_trial(setup, case, contender, servers[contender.arm], number, objective_us, ceiling_rps))
        yield rows
        number += 1


def _prepare(setup: Setup, case: Case, competing: list[Arm]) -> tuple[list[_Contender], float]:
    """Where each search begins and ends, and the objective: one for all, by the slowest where nobody named it."""
    contenders, idle_us = [], [0.0]
    with serving(setup, case.scenario, competing) as servers:
        for arm, server in servers.items():
            found_rps = capacity_rps(setup, case, server) if isinstance(server, Server) else 0.0
            if not isinstance(server, Server) or not found_rps:
                continue
            contenders.append(
                _Contender(arm, Search(LOWEST * found_rps, HIGHEST * found_rps, case.scenario.search_width))
            )
            idle = load(setup, server, settings(setup, server, case, IDLE * found_rps), [_IDLE_S], _WARMUP_S)
            idle_us.append(as_number(idle.slices[0]["latency_p50_us"]) or 0.0)
    idle_us = [median_us for median_us in idle_us if math.isfinite(median_us)]  # one that loses half of them idle
    return contenders, case.scenario.objective_p99_us or max(LEAST_US, IDLE_TIMES * max(idle_us))


def _in_words(objective_us: float, lost_share: float) -> str:
    return f"99 % of the requests answered within {objective_us / 1e3:.3g} ms, and at most {lost_share:.2%} lost"


def _trial(
    setup: Setup,
    case: Case,
    contender: _Contender,
    server: Server | str,
    number: int,
    objective_us: float,
    ceiling_rps: float | None,
) -> LimitRow:
    """One trial, told to the search if it counts."""
    scenario, rung = case.scenario, contender.search.next_rung
    assert rung is not None
    rate_rps = contender.search.load_rps(rung)
    found: dict[str, Any] | None = None
    try:
        if isinstance(server, str):
            raise ServerError(server)
        asked = settings(setup, server, case, rate_rps)
        seed = arrival_seed(setup.plan, 0, case, number)
        found = load(setup, server, asked, [scenario.seconds], _WARMUP_S, seed, ceiling_rps).document
        sides = Sides(
            found["generator"]["cpu_share"],
            math.nan,
            closed_loop=False,
            cpus_disjoint=setup.placement.disjoint,
        )
        judgement = judge(found["verdict"]["codes"], sides)
        verdict, codes = judgement.verdict, judgement.codes
    except ServerError as error:
        verdict, codes = "failed", str(error)
    # A generator that is late or busy makes every figure worse: what meets the objective all the same has met it.
    passed = found is not None and meets(found, objective_us, scenario.objective_lost_share)
    good = passed or verdict in ("valid", "suspect")
    contender.again = 0 if good else contender.again + 1
    counted = good or contender.again > _MOST_AGAIN
    if counted:
        contender.search.tell(rung, passed=passed)
    figures = found or {}
    latency_us = figures.get("latency_us") or {}
    return LimitRow(
        scenario=scenario.name,
        connections=case.connections,
        message_bytes=case.message_bytes,
        arm=contender.arm.name,
        model=contender.arm.model,
        transport=contender.arm.transport,
        protocol=scenario.protocol,
        python="" if isinstance(server, str) else server.ready["python"],
        round=number,
        rung=rung,
        rate_rps=rate_rps,
        objective_p99_us=objective_us,
        objective_lost_share=scenario.objective_lost_share,
        scheduled=figures.get("scheduled"),
        sent=figures.get("sent"),
        replies=figures.get("replies"),
        lost=figures["ledger"]["lost"] if found else None,
        unsent=figures.get("unsent"),
        throughput_rps=figures.get("throughput_rps"),
        latency_p50_us=as_number(latency_us.get("p50")),
        latency_p99_us=as_number(latency_us.get("p99")),
        client_cpu_share=figures["generator"]["cpu_share"] if found else None,
        passed=passed,
        counted=counted,
        verdict=verdict,
        codes=codes,
    )


def meets(document: Mapping[str, Any], objective_us: float, lost_share: float) -> bool:
    """Whether a load met the objective: in time, answered, and answered inside the window."""
    p99_us = as_number((document["latency_us"] or {}).get("p99"))
    ledger = document["ledger"]
    missing = ledger["lost"] + ledger["late"] + ledger["corrupt"] + document["unsent"]
    kept_up = not any(code.partition("=")[0] == "OVERLOAD" for code in document["verdict"]["codes"])
    return p99_us is not None and p99_us <= objective_us and missing <= lost_share * document["scheduled"] and kept_up
