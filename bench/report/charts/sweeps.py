"""The loads of charts, and the rows of the tables that belong to each.

This module does not import matplotlib.
"""

from dataclasses import dataclass, replace

import pandas as pd

from bench.analysis.cases import text
from bench.formatting import compact
from bench.schema.arms import Arm
from bench.schema.load_points import part_text
from bench.schema.metrics import ScenarioKind
from bench.translation import N_, gettext, ngettext

SWEEP_COLUMNS = ["scenario", "message_bytes", "population", "phase", "rate_rps", "scenario_kind"]
LOOPS = {"open": N_("open loop"), "closed": N_("closed loop")}
LIFECYCLES = {
    "persistent": N_("connections stay open"),
    "session": N_("clients connect and disconnect"),
    "per_request": N_("one connection per request"),
}


@dataclass(frozen=True, slots=True)
class Sweep:
    """Load points that differ only in the number of connections.

    The number of connections is an axis of a chart.
    """

    scenario: str
    message_bytes: int
    rate_rps: float | None
    kind: str = ScenarioKind.CAPACITY
    population: str = ""
    phase: str = ""

    @property
    def part(self) -> str:
        """The population and the phase that the sweep is about; empty where there is only one."""
        return part_text(self.population, self.phase)

    @property
    def title(self) -> str:
        """The name of the scenario as words."""
        return self.scenario.replace("_", " ")

    @property
    def file_name(self) -> str:
        """The part of a chart's file name that differs between sweeps: ``capacity-64B``."""
        rate = "" if self.rate_rps is None else f"-{self.rate_rps:.0f}rps"
        parts = [self.scenario, *filter(None, (self.population, self.phase)), f"{self.message_bytes}B"]
        return f"{'-'.join(parts)}{rate}"

    def rows(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of a table that belong to this sweep."""
        is_of_load = (table["scenario"] == self.scenario) & (table["message_bytes"] == self.message_bytes)
        is_of_load &= table["rate_rps"].isna() if self.rate_rps is None else table["rate_rps"] == self.rate_rps
        for column, name in (("population", self.population), ("phase", self.phase)):
            is_of_load &= table[column].eq(name) if name else table[column].isna() | table[column].eq("")
        return table[is_of_load]

    def all_rows(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of this sweep, and those of the same clients that were not measured and so have no rate."""
        unmeasured = table[table["rate_rps"].isna() & (table["status"] != "ok")]
        return table.loc[self.rows(table).index.union(replace(self, rate_rps=None).rows(unmeasured).index)]

    def competing_arms(self, table: pd.DataFrame) -> int:
        """Return how many competing arms have rows in a table."""
        return sum(Arm.parse(arm).competes for arm in self.rows(table)["arm"].unique())

    def blocks(self, trials: pd.DataFrame) -> int:
        """Return the number of blocks with trials of this sweep."""
        return int(self.rows(trials)["block"].nunique())

    def is_open_loop(self, trials: pd.DataFrame) -> bool:
        """Return whether requests follow a schedule."""
        return bool((self.rows(trials)["loop"] == "open").any())


def sweeps(summary: pd.DataFrame) -> list[Sweep]:
    """Return the sweeps of a run, in the order of the summary."""
    rows = summary[SWEEP_COLUMNS].drop_duplicates().to_dict("records")
    return [
        Sweep(
            str(row["scenario"]),
            int(row["message_bytes"]),
            None if pd.isna(row["rate_rps"]) else float(row["rate_rps"]),
            str(row["scenario_kind"]),
            text(row["population"]),
            text(row["phase"]),
        )
        for row in rows
    ]


def describe(sweep: Sweep, trials: pd.DataFrame, connections: int | None = None) -> str:
    """Return the load as text.

    Example: ``echo, 64-byte messages, closed loop, 16 clients, connections stay open``.

    connections: the number that the chart shows; None for all, which are then mentioned only if there is just one.
    """
    rows = sweep.rows(trials)
    if rows.empty:
        return gettext("{message_bytes}-byte messages", message_bytes=sweep.message_bytes)
    first = rows.iloc[0]
    parts = [*filter(None, (sweep.population, sweep.phase)), str(first["protocol"])]
    if first["protocol"] != "hola":  # its messages have sizes of their own
        parts.append(gettext("{message_bytes}-byte messages", message_bytes=sweep.message_bytes))
    rate = "" if sweep.rate_rps is None else gettext(" at {rate_rps} requests/s", rate_rps=compact(sweep.rate_rps))
    parts.append(gettext(LOOPS[str(first["loop"])]) + rate)
    column = "population_connections" if sweep.population else "connections"
    of_load = rows if connections is None else rows[rows["connections"] == connections]
    counts = {int(count) for count in of_load[column].dropna()}
    if len(counts) == 1:
        parts.append(ngettext("{count} client", "{count} clients", min(counts)))
    lifecycle = str(first["lifecycle"])
    parts.append(gettext(LIFECYCLES.get(lifecycle, lifecycle)))
    return ", ".join(parts)
