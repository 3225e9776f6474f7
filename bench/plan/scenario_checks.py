"""Checks of one scenario: keys that contradict each other, or that change nothing. Pure.

Every failure is a PlanError of one line with what to do.
"""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from bench.plan.definition import Plan, PlanError
from bench.plan.matrix import scenario_load_points
from bench.plan.population_checks import check_phases, check_populations
from bench.plan.population_loads import populations_at
from bench.plan.scenario import Scenario
from bench.plan.value_types import MAX_WORK_BYTES, WORK_HEADER_BYTES

if TYPE_CHECKING:
    from bench.plan.population import Population

RATE_KEYS = ("rate", "rate_rps", "capacity_share")
WORK_KEYS = ("wait_ms", "compute_units", "compute_kind", "work_mix")
_SEARCH_KEYS = ("objective_p99_us", "objective_lost_share", "search_width")


def check_scenario(scenario: Scenario, plan: Plan) -> None:
    """Raise PlanError if keys of a scenario contradict each other, or if a key is missing."""
    where = f"scenario {scenario.name!r}: "
    _check_rate(where, scenario)
    _check_sizes(where, scenario)
    _check_work(where, scenario)
    _check_length(where, scenario)
    check_populations(where, scenario)
    check_phases(where, scenario)
    _check_connections(where, scenario)
    _check_waits(where, scenario, plan)


def refuse_keys_without_effect(scenario: Scenario) -> None:
    """Raise PlanError if a scenario sets a key that changes nothing in its kind of load."""
    populations = scenario.populations
    is_open = scenario.loop == "open" or any(population.has_rate for population in populations) or scenario.phases
    in_sessions = "session" in (scenario.lifecycle, *(population.lifecycle for population in populations))
    for keys, has_effect, need in (
        (_SEARCH_KEYS, scenario.searches, "rate = 'highest'"),
        (("arrivals",), is_open, "rate, rate_rps or capacity_share"),
        (("requests_per_session",), in_sessions, "lifecycle = 'session'"),
    ):
        for key in keys:
            value = getattr(scenario, key)
            if value is not None and not has_effect:
                raise PlanError(
                    f"scenario {scenario.name!r}: {key} = {value!r} has no effect without {need}; "
                    f"remove {key}, or add {need}"
                )


def check_unique(key: str, names: Iterable[str], where: str = "") -> None:
    """Raise PlanError if a name is listed twice."""
    for name, count in Counter(names).items():
        if count > 1:
            raise PlanError(f"{where}{key}: {name!r} is listed twice", key=key)


def _check_rate(where: str, scenario: Scenario) -> None:
    given = [key for key in RATE_KEYS if getattr(scenario, key) is not None]
    if len(given) > 1:
        raise PlanError(f"{where}{' and '.join(given)} exclude each other; keep one of them")


def _check_sizes(where: str, scenario: Scenario) -> None:
    if not scenario.has_sizes and scenario.message_bytes is not None:
        raise PlanError(
            f"{where}message_bytes = {list(scenario.message_bytes)} has no effect with protocol = "
            f"{scenario.protocol!r}, whose messages are fixed; remove message_bytes, or use protocol = 'echo'"
        )
    if scenario.protocol == "work":
        own = [population.message_bytes for population in scenario.populations if population.message_bytes is not None]
        for size in [*scenario.message_sizes, *own]:
            check_work_bytes(where, size)


def check_work_bytes(where: str, size: int) -> None:
    """Raise PlanError if a message of the protocol work cannot have this size."""
    if not WORK_HEADER_BYTES <= size <= MAX_WORK_BYTES:
        problem = f"must be from {WORK_HEADER_BYTES} (the header) to {MAX_WORK_BYTES} with protocol = 'work'"
        raise PlanError.of_value(where, "message_bytes", size, problem)


def _check_work(where: str, scenario: Scenario) -> None:
    tables: list[tuple[str, Scenario | Population]] = [(where, scenario)]
    tables += [(f"{where}population {population.name!r}: ", population) for population in scenario.populations]
    for place, table in tables:
        given = [key for key in WORK_KEYS if getattr(table, key) is not None]
        if given and scenario.protocol != "work":
            value = "" if given[0] == "work_mix" else f" = {getattr(table, given[0])!r}"
            raise PlanError(
                f"{place}{given[0]}{value} has no effect with protocol = {scenario.protocol!r}; "
                f"remove {given[0]}, or use protocol = 'work'",
                key=given[0],
            )
        if "work_mix" in given and (others := [key for key in given if key in ("wait_ms", "compute_units")]):
            raise PlanError(f"{place}work_mix and {others[0]} exclude each other; keep one of them")


def _check_length(where: str, scenario: Scenario) -> None:
    if scenario.phases and scenario.seconds is not None:
        raise PlanError(
            f"{where}seconds = {scenario.seconds:g} has no effect, because each phase has a length; remove seconds"
        )
    if scenario.slice_s is not None and (scenario.phases or scenario.searches):
        cause = "all phases are one slice" if scenario.phases else "a search has no slices"
        raise PlanError(f"{where}slice_s = {scenario.slice_s:g} has no effect, because {cause}; remove slice_s")
    if not scenario.phases and scenario.seconds is None:
        raise PlanError(f"{where}the key `seconds` is missing")


def _check_connections(where: str, scenario: Scenario) -> None:
    own = [population.connections for population in scenario.populations]
    if scenario.connections is None:
        if not own or None in own:
            raise PlanError(f"{where}the key `connections` is missing")
        return
    if own and None not in own:
        raise PlanError(
            f"{where}connections = {list(scenario.connections)} has no effect, because every population has a number "
            "of its own; remove it, or remove `connections` of one population"
        )
    if 0 in scenario.connections and not any(own):
        hint = "; 0 is allowed beside a population with a number of its own" if own else ""
        error = PlanError.of_value(where, "connections", 0, f"must be at least 1{hint}")
        raise error


def _check_waits(where: str, scenario: Scenario, plan: Plan) -> None:
    """Raise PlanError if a request waits longer than its timeout: it could not be answered in time."""
    if scenario.protocol != "work":
        return
    for load in populations_at(scenario, scenario_load_points(scenario)[0]):
        timeout_s = plan.timeout_s if load.timeout_s is None else load.timeout_s
        longest_ms = max(kind.wait_ms for kind in load.work)
        if longest_ms >= 1e3 * timeout_s:
            place = f"{where}population {load.name!r}: " if load.name else where
            problem = (
                f"is not shorter than the timeout (timeout_s = {timeout_s:g}), so no request would be answered in "
                "time; use a shorter wait, or a longer timeout_s"
            )
            raise PlanError(f"{place}wait_ms = {longest_ms:g} {problem}", key="wait_ms", problem=problem)
