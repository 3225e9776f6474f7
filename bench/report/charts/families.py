"""Scenarios that differ only in the work of a request, side by side in one chart. Pure.

This module does not import matplotlib.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from bench.analysis.cases import text
from bench.formatting import compact, join_words
from bench.report.charts.sweeps import Sweep
from bench.report.computing_times import unit_us
from bench.schema.metrics import ScenarioKind
from bench.translation import N_, gettext, ngettext

MIN_SIZES = 3  # fewer have a chart each
MAX_PANELS = 4  # side by side; more would be too narrow for their marks


@dataclass(frozen=True, slots=True, order=True)
class Work:
    """The work that one request asks for.

    compute_units: of about 1 us. compute_kind: ``lock``, ``release`` or empty. unit_us: time of a unit as the run
    measured it; None if it is unknown.
    """

    wait_us: float
    compute_units: float
    compute_kind: str
    unit_us: float | None = field(default=None, compare=False)

    def __str__(self) -> str:
        """Return ``waits 5 ms``, ``computes 0.87 ms in Python code, one thread at a time`` or ``replies at once``.

        Without a measured time it is ``computes about 1 ms``.
        """
        parts = [gettext("waits {milliseconds}", milliseconds=_milliseconds(self.wait_us))] if self.wait_us else []
        if self.compute_units:
            time = _milliseconds(self.compute_units * (self.unit_us or 1.0))
            about = time if self.unit_us is not None else gettext("about {time}", time=time)
            locks = {
                "lock": gettext(" in Python code, one thread at a time"),
                "release": gettext(" in a library, while other threads run"),
            }
            lock = locks.get(self.compute_kind, "")
            parts.append(gettext("computes {time}{lock}", time=about, lock=lock))
        return ", ".join(parts) or gettext("replies at once")


AT_ONCE = Work(0.0, 0.0, "")
BEHAVIOURS = {
    "silent": N_("send nothing"),
    "trickle": N_("send one byte now and then"),
    "never_reads": N_("never read a reply"),
}
BEHAVIOURS_OF_ONE = {
    "silent": N_("sends nothing"),
    "trickle": N_("sends one byte now and then"),
    "never_reads": N_("never reads a reply"),
}


def work_of_rows(trials: pd.DataFrame) -> Work:
    """Return what a request of trials with the same load asks for. Protocols without work ask for none."""
    first = trials.iloc[0]
    wait_us, units = (0.0 if pd.isna(first[name]) else float(first[name]) for name in ("wait_us", "compute_units"))
    return Work(wait_us, units, text(first["compute_kind"]), unit_us(trials))


def others_in_words(trials: pd.DataFrame) -> str:
    """Return populations in words: ``heavy requests (each computes about 10 ms)``. trials: those of the populations."""
    parts = []
    for population, of_population in trials.groupby("population", sort=False):
        behaviour = text(of_population["behaviour"].iloc[0])
        if behaviour in BEHAVIOURS:
            counts = sorted({int(count) for count in of_population["population_connections"].dropna()})
            clients = (
                ngettext("{count} client", "{count} clients", counts[0]) if len(counts) == 1 else gettext("clients")
            )
            does = (BEHAVIOURS_OF_ONE if counts == [1] else BEHAVIOURS)[behaviour]
            parts.append(gettext("{clients} that {do_something}", clients=clients, do_something=gettext(does)))
            continue
        work = work_of_rows(of_population)
        name = gettext("{population} requests", population=str(population).replace("_", " "))
        parts.append(name if work == AT_ONCE else gettext("{name} (each {work})", name=name, work=work))
    return join_words(parts) if parts else gettext("no others")


def others_of(sweep: Sweep, trials: pd.DataFrame) -> str:
    """Return the other populations of a sweep's scenario in words."""
    of_scenario = trials[(trials["scenario"] == sweep.scenario) & (trials["message_bytes"] == sweep.message_bytes)]
    return others_in_words(of_scenario[of_scenario["population"].map(text) != sweep.population])


def work_of(sweep: Sweep, trials: pd.DataFrame) -> Work | None:
    """Return what a request of a sweep asks for; None for protocols without work."""
    rows = sweep.rows(trials)
    rows = rows[rows["protocol"] == "work"]
    if rows.empty:
        return None
    return work_of_rows(rows)


def work_family(sweeps: Sequence[Sweep], trials: pd.DataFrame) -> tuple[Sweep, ...]:
    """Return the closed loops of the protocol work, shortest wait first.

    Empty if none of their requests waits or computes.
    """
    works = {
        sweep: work
        for sweep in sweeps
        if sweep.kind == ScenarioKind.CAPACITY and not sweep.part and (work := work_of(sweep, trials)) is not None
    }
    has_work = any(work.wait_us or work.compute_units for work in works.values())
    return tuple(sorted(works, key=lambda sweep: works[sweep])) if has_work else ()


def disturbed_family(sweeps: Sequence[Sweep], trials: pd.DataFrame) -> tuple[Sweep, ...]:
    """Return the sweeps of ``mixed_family`` over the number of clients that are silent, trickle or never read."""
    return tuple(sweep for sweep in mixed_family(sweeps) if _is_beside_slow_clients(sweep, trials))


def _is_beside_slow_clients(sweep: Sweep, trials: pd.DataFrame) -> bool:
    if sweep.rows(trials)["connections"].nunique() < 2:
        return False
    others = trials[(trials["scenario"] == sweep.scenario) & (trials["population"].map(text) != sweep.population)]
    return not others.empty and not (others["behaviour"].map(text) == "normal").any()


def idle_family(sweeps: Sequence[Sweep]) -> tuple[Sweep, ...]:
    """Return the sweeps of scenarios whose clients all send nothing that a server answers."""
    populations: dict[str, set[str]] = {}
    for sweep in sweeps:
        populations.setdefault(sweep.scenario, set()).add(sweep.kind)
    return tuple(sweep for sweep in sweeps if populations[sweep.scenario] == {ScenarioKind.HELD} and not sweep.phase)


def sizes_family(sweeps: Sequence[Sweep], trials: pd.DataFrame) -> tuple[Sweep, ...]:
    """Return the closed loops of a scenario with at least MIN_SIZES message sizes and one number of connections.

    Empty if there is none.
    """
    of_scenarios: dict[str, list[Sweep]] = {}
    for sweep in sweeps:
        one_number = sweep.rows(trials)["connections"].nunique() == 1
        if sweep.kind == ScenarioKind.CAPACITY and not sweep.part and one_number:
            of_scenarios.setdefault(sweep.scenario, []).append(sweep)
    found = max(of_scenarios.values(), key=len, default=[])
    return tuple(found) if len(found) >= MIN_SIZES else ()


def mixed_family(sweeps: Sequence[Sweep]) -> tuple[Sweep, ...]:
    """Return the first population of each scenario with several, if its requests follow a schedule."""
    first: dict[str, Sweep] = {}
    for sweep in sweeps:
        if sweep.population and not sweep.phase:
            known = first.setdefault(sweep.scenario, sweep)
            if known.rate_rps is None and replace(known, rate_rps=sweep.rate_rps) == sweep:
                first[sweep.scenario] = sweep  # the rows without a rate are those of servers that were skipped
    return tuple(sweep for sweep in first.values() if sweep.kind == ScenarioKind.MIXED)


def _milliseconds(microseconds: float) -> str:
    return f"{compact(microseconds / 1e3).removesuffix('.00').removesuffix('.0')} ms"
