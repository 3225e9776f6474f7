"""The populations and phases of a scenario, and the work of its requests, as text. Pure."""

from collections.abc import Iterator, Sequence

from bench.formatting import compact, plural
from bench.plan.matrix import scenario_load_points
from bench.plan.population import Phase, Population, WorkShare
from bench.plan.population_loads import PopulationLoad, RateRule, populations_at
from bench.plan.scenario import Scenario


def describe_scenario(scenario: Scenario) -> Iterator[str]:
    """Yield a line for each population, and for each phase. A scenario without either has none."""
    loads = populations_at(scenario, scenario_load_points(scenario)[0])
    for population, load in zip(scenario.populations, loads, strict=False):
        yield f"{scenario.name}, {population.name}: {_describe_population(population, load)}"
    for phase in scenario.phases:
        yield f"{scenario.name}, phase {phase.name}: {phase.seconds:g} s{_describe_changes(phase)}"


def describe_work(work: Sequence[WorkShare], compute_kind: str) -> str:
    """Return what requests ask for: ``wait 5 ms``, ``99% nothing, 1% 10k units of compute (lock)``; "" for nothing."""
    if len(work) == 1:
        return "" if _is_nothing(work[0]) else _describe_kind(work[0], compute_kind)
    whole = sum(kind.weight for kind in work)
    return ", ".join(f"{kind.weight / whole:.3g} of them {_describe_kind(kind, compute_kind)}" for kind in work)


def _describe_population(population: Population, load: PopulationLoad) -> str:
    count = "varied connections" if population.connections is None else plural(population.connections, "connection")
    parts = [count]
    if load.behaviour != "normal":
        parts.append(load.behaviour.replace("_", " "))
    if load.behaviour != "silent":
        parts.append(_describe_rate(load.rule) if load.rule or not load.is_open else "open loop at the phases' rates")
        parts += [f"{load.message_bytes} bytes"] if population.message_bytes is not None else []
        parts += [f"depth {load.depth}"] if load.depth > 1 else []
        parts.append(describe_work(load.work, load.compute_kind))
    parts += [load.lifecycle.replace("_", " ")] if load.lifecycle != "persistent" else []
    parts += [f"sent again at most {plural(load.retries, 'time')}"] if load.retries else []
    return ", ".join(filter(None, parts))


def _describe_rate(rule: RateRule | None) -> str:
    if rule is None:
        return "closed loop"
    if rule.rate_rps is not None:
        return f"{compact(rule.rate_rps)} requests/s"
    if rule.capacity_share is not None:
        return f"{rule.capacity_share:.3g} of its capacity"
    return f"{rule.scenario_share:.3g} of the rate"


def _describe_changes(phase: Phase) -> str:
    changes = [f"{name} at {compact(rate_rps)} requests/s" for name, rate_rps in phase.rate_rps.items()]
    changes += [f"{name} at {share:.3g} of its capacity" for name, share in phase.capacity_share.items()]
    changes += [f"{name} off" for name in phase.off]
    return f", {', '.join(changes)}" if changes else ""


def _describe_kind(kind: WorkShare, compute_kind: str) -> str:
    if _is_nothing(kind):
        return "nothing"
    wait = f"wait {kind.wait_ms:g} ms" if kind.wait_ms else ""
    compute = f"compute {compact(kind.compute_units)} units ({compute_kind})" if kind.compute_units else ""
    return " and ".join(filter(None, (wait, compute)))


def _is_nothing(kind: WorkShare) -> bool:
    return not kind.wait_ms and not kind.compute_units
