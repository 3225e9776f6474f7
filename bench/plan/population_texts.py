"""The populations and phases of a scenario, and the work of its requests, as text. Pure."""

from collections.abc import Iterator, Sequence

from bench.formatting import compact, join_words
from bench.plan.matrix import scenario_load_points
from bench.plan.population import Phase, Population, WorkShare
from bench.plan.population_loads import PopulationLoad, RateRule, populations_at
from bench.plan.scenario import Scenario
from bench.translation import N_, gettext, ngettext

_KEY_WORDS = (N_("silent"), N_("trickle"), N_("never reads"), N_("session"), N_("per request"))  # values of plan keys


def describe_scenario(scenario: Scenario) -> Iterator[str]:
    """Yield a line for each population, and for each phase. A scenario without either has none."""
    loads = populations_at(scenario, scenario_load_points(scenario)[0])
    for population, load in zip(scenario.populations, loads, strict=False):
        yield f"{scenario.name}, {population.name}: {_describe_population(population, load)}"
    for phase in scenario.phases:
        yield gettext(
            "{scenario}, phase {phase}: {seconds:g} s{changes}",
            scenario=scenario.name,
            phase=phase.name,
            seconds=phase.seconds,
            changes=_describe_changes(phase),
        )


def describe_work(work: Sequence[WorkShare], compute_kind: str) -> str:
    """Return what requests ask for: ``wait 5 ms``, ``99% nothing, 1% 10k units of compute (lock)``; "" for nothing."""
    if len(work) == 1:
        return "" if _is_nothing(work[0]) else _describe_kind(work[0], compute_kind)
    whole = sum(kind.weight for kind in work)
    return ", ".join(
        gettext("{weight:.3g} of them {kind}", weight=kind.weight / whole, kind=_describe_kind(kind, compute_kind))
        for kind in work
    )


def _describe_population(population: Population, load: PopulationLoad) -> str:
    count = (
        gettext("varied connections")
        if population.connections is None
        else ngettext("{count} connection", "{count} connections", population.connections)
    )
    parts = [count]
    if load.behaviour != "normal":
        parts.append(gettext(load.behaviour.replace("_", " ")))
    if load.behaviour != "silent":
        parts.append(
            _describe_rate(load.rule) if load.rule or not load.is_open else gettext("open loop at the phases' rates")
        )
        if population.message_bytes is not None:
            parts.append(gettext("{message_bytes} bytes", message_bytes=load.message_bytes))
        parts += [gettext("depth {depth}", depth=load.depth)] if load.depth > 1 else []
        parts.append(describe_work(load.work, load.compute_kind))
    parts += [gettext(load.lifecycle.replace("_", " "))] if load.lifecycle != "persistent" else []
    if load.retries:
        times = ngettext("{count} time", "{count} times", load.retries)
        parts.append(gettext("sent again at most {times}", times=times))
    return ", ".join(filter(None, parts))


def _describe_rate(rule: RateRule | None) -> str:
    if rule is None:
        return gettext("closed loop")
    if rule.rate_rps is not None:
        return gettext("{rate_rps} requests/s", rate_rps=compact(rule.rate_rps))
    if rule.capacity_share is not None:
        return gettext("{capacity_share:.3g} of its capacity", capacity_share=rule.capacity_share)
    return gettext("{scenario_share:.3g} of the rate", scenario_share=rule.scenario_share)


def _describe_changes(phase: Phase) -> str:
    changes = [
        gettext("{name} at {rate_rps} requests/s", name=name, rate_rps=compact(rate_rps))
        for name, rate_rps in phase.rate_rps.items()
    ]
    changes += [
        gettext("{name} at {share:.3g} of its capacity", name=name, share=share)
        for name, share in phase.capacity_share.items()
    ]
    changes += [gettext("{name} off", name=name) for name in phase.off]
    return f", {', '.join(changes)}" if changes else ""


def _describe_kind(kind: WorkShare, compute_kind: str) -> str:
    if _is_nothing(kind):
        return gettext("nothing")
    wait = gettext("wait {wait_ms:g} ms", wait_ms=kind.wait_ms) if kind.wait_ms else ""
    compute = (
        gettext(
            "compute {compute_units} units ({compute_kind})",
            compute_units=compact(kind.compute_units),
            compute_kind=compute_kind,
        )
        if kind.compute_units
        else ""
    )
    return join_words(filter(None, (wait, compute)))


def _is_nothing(kind: WorkShare) -> bool:
    return not kind.wait_ms and not kind.compute_units
