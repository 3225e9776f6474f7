"""The requests that a percentile needs, and what a plan gives it. Pure."""

from bench.formatting import compact
from bench.plan.definition import Plan
from bench.plan.ordering import round_count
from bench.plan.scenario import Scenario
from bench.plan.slice_lengths import usual_length
from bench.translation import gettext
from clients.quality_codes import MIN_SAMPLES_BEYOND, QUANTILES

_TAILS = ("p99", "p99.9")


def counted_seconds(plan: Plan, scenario: Scenario) -> float:
    """Return the seconds of a block in which the requests of one arm count at one load point."""
    return round_count(plan, scenario) * max(0.0, usual_length(plan, scenario).window_s)


def percentile_needs(plan: Plan, scenario: Scenario) -> str:
    """Return which percentiles a scenario can print, and what the others need; empty for a search and for phases.

    A percentile with fewer than 10 requests beyond it in a block is not printed. How many requests a closed loop has is
    not known before it runs, so the text names the rate that a server needs.
    """
    seconds = counted_seconds(plan, scenario)
    if scenario.searches or scenario.phases or not seconds:
        return ""
    if _rate_rps(scenario) is not None:
        missing = [_seconds_needed(plan, scenario, name) for name in _TAILS if not _is_printed(scenario, name, seconds)]
        return f"{scenario.name}: {'; '.join(missing)}" if missing else ""
    rates = gettext(" and ").join(
        gettext("{requests} for {name}", requests=compact(_requests(name) / seconds), name=name) for name in _TAILS
    )
    return gettext(
        "{name}: a percentile is printed from this many requests/s on: {rates} (more --seconds lower them)",
        name=scenario.name,
        rates=rates,
    )


def _rate_rps(scenario: Scenario) -> float | None:
    """Return the rate that the plan sets: with populations, of the one that the scenario asks about."""
    return scenario.populations[0].rate_rps if scenario.populations else scenario.rate_rps


def _is_printed(scenario: Scenario, percentile: str, seconds: float) -> bool:
    return (_rate_rps(scenario) or 0.0) * seconds >= _requests(percentile)


def _requests(percentile: str) -> float:
    """Return the number of requests in a block that a percentile needs."""
    return MIN_SAMPLES_BEYOND / (1 - QUANTILES[percentile])


def _seconds_needed(plan: Plan, scenario: Scenario, percentile: str) -> str:
    usual = usual_length(plan, scenario)
    share = max(usual.window_s, 1e-9) / usual.slice_s
    seconds = _requests(percentile) / (_rate_rps(scenario) or 1.0) / share
    return gettext(
        "{percentile} needs --seconds {seconds:.2g} at {rate_rps} requests/s",
        percentile=percentile,
        seconds=seconds,
        rate_rps=compact(_rate_rps(scenario) or 0.0),
    )
