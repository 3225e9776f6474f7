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


def overload_families(sweeps: Sequence[Sweep], trials: pd.DataFrame) -> list[tuple[Sweep, ...]]:
    """Return the same in groups for a chart each: overloads of the same length share an axis of time."""
    groups: dict[float, list[Sweep]] = {}
    for sweep in overload_family(sweeps, trials):
        groups.setdefault(_overload_length_s(sweep, trials), []).append(sweep)
    return [tuple(groups[length_s]) for length_s in sorted(groups, reverse=True)]


def _overload_length_s(sweep: Sweep, trials: pd.DataFrame) -> float:
    """Return the length of the phase before that of a sweep, in tenths of a second: a stopped slice is shorter."""
    of_scenario = trials[(trials["scenario"] == sweep.scenario) & (trials["status"] == "ok")]
    lengths = of_scenario.groupby("phase", sort=False)["duration_s"].median()
    position = lengths.index.get_loc(sweep.phase)
    return round(float(lengths.iloc[position - 1]), 1) if isinstance(position, int) else 0.0


def phase_sweeps(sweeps: Sequence[Sweep]) -> list[Sweep]:
    """Return one sweep of each scenario with phases: the last phase of the population that it asks about."""
    last = {(sweep.scenario, sweep.message_bytes): sweep for sweep in _of_first_population(sweeps)}
    return [last[scenario] for scenario in sorted(last)]


def phase_ends_s(sweep: Sweep, trials: pd.DataFrame) -> list[tuple[str, float]]:
    """Return the name of each phase of a scenario, and when it ends, from the start of the first one."""
    of_scenario = trials[(trials["scenario"] == sweep.scenario) & (trials["population"].map(text) == sweep.population)]
    lengths = of_scenario[of_scenario["status"] == "ok"].drop_duplicates("phase")
    ends_s = lengths["duration_s"].astype(float).cumsum()
    return list(zip(map(str, lengths["phase"]), ends_s.tolist(), strict=True))


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
