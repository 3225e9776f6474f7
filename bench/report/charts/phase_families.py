"""Scenarios with phases, side by side in one chart: overloads, and bursts of connects. Pure.

This module does not import matplotlib.
"""

from collections.abc import Sequence

import pandas as pd

from bench.analysis.cases import text
from bench.report.charts.sweeps import Sweep
from bench.schema.metrics import ScenarioKind


def overload_family(sweeps: Sequence[Sweep], trials: pd.DataFrame) -> tuple[Sweep, ...]:
    """Return the phase after the overload of each scenario that has one."""
    found = (sweep for sweep in _of_first_population(sweeps) if sweep.rows(trials)["recovery_s"].notna().any())
    return tuple(sorted(found, key=lambda sweep: sweep.scenario))


def burst_family(sweeps: Sequence[Sweep], trials: pd.DataFrame) -> tuple[Sweep, ...]:
    """Return the phase with the connects of each scenario whose clients connect for each request.

    The shortest listen queue comes first.
    """
    bursts = []
    for sweep in _of_first_population(sweeps):
        rows = sweep.rows(trials)
        if (rows["lifecycle"].map(text) == "per_request").any() and (rows["status"] == "ok").any():
            bursts.append(sweep)
    overloads = overload_family(sweeps, trials)
    of_queue = {sweep: sweep.rows(trials)["backlog"].astype(float).max() for sweep in bursts if sweep not in overloads}
    return tuple(sorted(of_queue, key=lambda sweep: (of_queue[sweep], sweep.scenario)))


def _of_first_population(sweeps: Sequence[Sweep]) -> list[Sweep]:
    """Return the sweeps of phases, of the population that each scenario asks about."""
    first: dict[str, str] = {}
    for sweep in sweeps:
        first.setdefault(sweep.scenario, sweep.population)
    return [
        sweep for sweep in sweeps if sweep.kind == ScenarioKind.PHASES and sweep.population == first[sweep.scenario]
    ]
