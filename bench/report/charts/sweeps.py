"""The loads of charts, and the rows of the tables that belong to each.

This module does not import matplotlib.
"""

from dataclasses import dataclass

import pandas as pd

from bench.formatting import compact, plural
from bench.schema.arms import Arm
from bench.schema.metrics import ScenarioKind

SWEEP_COLUMNS = ["scenario", "message_bytes", "rate_rps", "scenario_kind"]
LIFECYCLES = {
    "persistent": "connections stay open",
    "session": "clients connect and disconnect",
    "per_request": "one connection per request",
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

    @property
    def file_name(self) -> str:
        """The part of a chart's file name that differs between sweeps: ``capacity-64B``."""
        rate = "" if self.rate_rps is None else f"-{self.rate_rps:.0f}rps"
        return f"{self.scenario}-{self.message_bytes}B{rate}"

    def rows(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of a table that belong to this sweep."""
        rate = table["rate_rps"].isna() if self.rate_rps is None else table["rate_rps"] == self.rate_rps
        return table[(table["scenario"] == self.scenario) & (table["message_bytes"] == self.message_bytes) & rate]

    def competing_arms(self, table: pd.DataFrame) -> int:
        """Return how many competing arms have rows in a table."""
        return sum(Arm.parse(arm).competes for arm in self.rows(table)["arm"].unique())

    def is_open_loop(self, trials: pd.DataFrame) -> bool:
        """Return whether requests follow a schedule."""
        return bool((self.rows(trials)["loop"] == "open").any())


def sweeps(summary: pd.DataFrame) -> list[Sweep]:
    """Return the sweeps of a run, in the order of the summary."""
    rows = summary[SWEEP_COLUMNS].drop_duplicates().to_numpy()
    return [
        Sweep(str(name), int(size), None if pd.isna(rate) else float(rate), str(kind))
        for name, size, rate, kind in rows
    ]


def describe(sweep: Sweep, trials: pd.DataFrame, connections: int | None = None) -> str:
    """Return the load as text.

    Example: ``echo, 64-byte messages, closed loop, 16 clients, connections stay open``.

    connections: the number that the chart shows; None for all, which are then mentioned only if there is just one.
    """
    rows = sweep.rows(trials)
    if rows.empty:
        return f"{sweep.message_bytes}-byte messages"
    first = rows.iloc[0]
    parts = [str(first["protocol"])]
    if first["protocol"] == "echo":  # the messages of hola have sizes of their own
        parts.append(f"{sweep.message_bytes}-byte messages")
    rate = "" if sweep.rate_rps is None else f" at {compact(sweep.rate_rps)} requests/s"
    parts.append(f"{first['loop']} loop{rate}")
    counts = {int(count) for count in rows["connections"]} if connections is None else {connections}
    if len(counts) == 1:
        parts.append(plural(min(counts), "client"))
    lifecycle = str(first["lifecycle"])
    parts.append(LIFECYCLES.get(lifecycle, lifecycle))
    return ", ".join(parts)
