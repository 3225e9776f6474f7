"""The checks of the selftest, one module per theme. Each check is next to the function that judges it."""

from bench.selftest.check import Check
from bench.selftest.checks import accounting, latency, loss, populations, sabotage, streams, windows


def all_checks(scale: float = 1.0) -> list[Check]:
    """Return every check. scale: of their durations; at 1 they take about two minutes together."""
    return [
        *latency.checks(scale),
        *loss.checks(scale),
        *streams.checks(scale),
        *accounting.checks(scale),
        *populations.checks(scale),
        *windows.checks(scale),
        *sabotage.checks(scale),
    ]
