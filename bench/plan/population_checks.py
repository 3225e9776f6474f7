"""Checks of the populations and phases of a scenario. Pure. Every failure is a PlanError of one line."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from bench.plan.definition import PlanError
from bench.plan.population import Phase, Population
from bench.plan.scenario import Scenario
from bench.plan.suggestions import did_you_mean

_RATE_KEYS = ("rate_share", "rate_rps", "capacity_share")
# Keys about requests, which a silent client does not send. Those with a default count if they differ from it.
_REQUEST_KEYS = (
    *_RATE_KEYS,
    "message_bytes",
    "requests_per_session",
    "arrivals",
    "wait_ms",
    "compute_units",
    "compute_kind",
    "work_mix",
    "timeout_s",
)


def check_populations(where: str, scenario: Scenario) -> None:
    """Raise PlanError if populations contradict themselves or the scenario."""
    _check_unique(where, "populations", [population.name for population in scenario.populations])
    for population in scenario.populations:
        place = f"{where}population {population.name!r}: "
        _check_rate_keys(place, population)
        _check_behaviour(place, population)
        _check_effect(place, scenario, population)
    if scenario.populations and scenario.searches:
        raise PlanError(
            f"{where}rate = 'highest' searches with one kind of client, but the scenario has populations; remove them, "
            "or use rate = 'common'"
        )
    _check_shares(where, scenario)


def check_phases(where: str, scenario: Scenario) -> None:
    """Raise PlanError if phases contradict themselves or the populations."""
    if not scenario.phases:
        return
    if not scenario.populations:
        raise PlanError(f"{where}phases change populations, but there are none; add [[scenarios.populations]]")
    if scenario.loop == "open":
        raise PlanError(
            f"{where}phases have rates of their own; remove {_scenario_rate_key(scenario)}, and set rate_rps or "
            "capacity_share of a population in the phases"
        )
    _check_unique(where, "phases", [phase.name for phase in scenario.phases])
    for phase in scenario.phases:
        _check_phase(f"{where}phase {phase.name!r}: ", phase, scenario.populations)
    for population in scenario.populations:
        _check_rate_in_phases(where, population, scenario.phases)


def _check_rate_keys(place: str, population: Population) -> None:
    given = [key for key in _RATE_KEYS if getattr(population, key) is not None]
    if len(given) > 1:
        raise PlanError(f"{place}{' and '.join(given)} exclude each other; keep one of them")


def _check_behaviour(place: str, population: Population) -> None:
    behaviour = population.behaviour
    if population.trickle_s is not None and behaviour != "trickle":
        raise PlanError(
            f"{place}trickle_s = {population.trickle_s:g} has no effect with behaviour = {behaviour!r}; remove "
            "trickle_s, or use behaviour = 'trickle'"
        )
    if behaviour == "normal":
        return
    if behaviour == "silent":
        given = [key for key in _REQUEST_KEYS if getattr(population, key) is not None]
        given += [key for key, default in (("depth", 1), ("retries", 0)) if getattr(population, key) != default]
        if given:
            raise PlanError(
                f"{place}{_shown(population, given[0])} has no effect with behaviour = 'silent', which sends no "
                f"requests; remove {given[0]}, or use another behaviour"
            )
        return
    if population.has_rate:
        key = next(key for key in _RATE_KEYS if getattr(population, key) is not None)
        raise PlanError(
            f"{place}{_shown(population, key)} contradicts behaviour = {behaviour!r}, whose clients send as fast as "
            f"the behaviour allows; remove {key}, or use behaviour = 'normal'"
        )


def _check_effect(place: str, scenario: Scenario, population: Population) -> None:
    """Raise PlanError if a key of a population changes nothing."""
    if population.message_bytes is not None and not scenario.has_sizes:
        raise PlanError(
            f"{place}message_bytes = {population.message_bytes} has no effect with protocol = {scenario.protocol!r}, "
            "whose messages are fixed; remove message_bytes"
        )
    named = any(
        population.name in names for phase in scenario.phases for names in (phase.rate_rps, phase.capacity_share)
    )
    if population.arrivals is not None and not population.has_rate and not named:
        raise PlanError(
            f"{place}arrivals = {population.arrivals!r} has no effect in a closed loop; remove arrivals, or add "
            "rate_rps, capacity_share or rate_share"
        )
    lifecycle = population.lifecycle or scenario.lifecycle
    if population.requests_per_session is not None and lifecycle != "session":
        raise PlanError(
            f"{place}requests_per_session = {population.requests_per_session} has no effect without lifecycle = "
            "'session'; remove requests_per_session, or add lifecycle = 'session'"
        )


def _check_shares(where: str, scenario: Scenario) -> None:
    """Raise PlanError if the rate of a scenario is not shared among its populations."""
    if not scenario.populations:
        return
    shares = [population.rate_share for population in scenario.populations if population.rate_share is not None]
    if shares and scenario.loop == "closed":
        raise PlanError(
            f"{where}rate_share is a share of the scenario's rate, but the scenario has none; add rate, rate_rps or "
            "capacity_share to the scenario, or give the population a rate of its own"
        )
    if scenario.loop == "closed":
        return
    if not shares:
        raise PlanError(
            f"{where}{_scenario_rate_key(scenario)} is the rate of several populations; give them shares of it with "
            "rate_share, or give each a rate of its own"
        )
    if not math.isclose(sum(shares), 1.0, abs_tol=1e-6):
        raise PlanError(f"{where}rate_share of all populations must add up to 1; they add up to {sum(shares):g}")


def _check_phase(place: str, phase: Phase, populations: Sequence[Population]) -> None:
    names = [population.name for population in populations]
    for name in phase.named_populations:
        if name not in names:
            suggestion = did_you_mean(name, names) or "."
            raise PlanError(f"{place}{name!r} is not a population{suggestion} The populations are: {', '.join(names)}")
    for name, count in Counter(phase.named_populations).items():
        if count > 1:
            raise PlanError(f"{place}{name!r} is named twice; keep one of rate_rps, capacity_share and off")
    for population in populations:
        has_rate = population.name in phase.rate_rps or population.name in phase.capacity_share
        if has_rate and population.behaviour != "normal":
            raise PlanError(
                f"{place}population {population.name!r} has behaviour = {population.behaviour!r}, which has no rate; "
                "remove its rate, or use behaviour = 'normal'"
            )


def _check_rate_in_phases(where: str, population: Population, phases: Sequence[Phase]) -> None:
    """Raise PlanError if a population is in an open loop in one phase and in a closed loop in another."""
    if population.has_rate:
        return
    with_rate = [phase for phase in phases if population.name in (*phase.rate_rps, *phase.capacity_share)]
    without = [phase for phase in phases if phase not in with_rate and population.name not in phase.off]
    if with_rate and without:
        raise PlanError(
            f"{where}population {population.name!r} has a rate in phase {with_rate[0].name!r} and none in phase "
            f"{without[0].name!r}; give it a rate there, switch it off there, or set rate_rps in the population"
        )


def _check_unique(where: str, key: str, names: Iterable[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise PlanError(f"{where}{key}: {name!r} is listed twice")


def _scenario_rate_key(scenario: Scenario) -> str:
    key = next(key for key in ("rate", "rate_rps", "capacity_share") if getattr(scenario, key) is not None)
    return f"{key} = {getattr(scenario, key)!r}"


def _shown(population: Population, key: str) -> str:
    return key if key == "work_mix" else f"{key} = {getattr(population, key)!r}"
