"""The work of handlers and the idle clients of each measured load, for the model chooser. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from bench.analysis.cases import text
from bench.report.computing_times import unit_us
from bench.schema.load_points import LoadPoint

_US_PER_MS = 1e3


@dataclass(frozen=True, slots=True)
class Handlers:
    """The longest wait and the most compute of a request at one load point, and its idle connections.

    Times are in milliseconds. That of the compute is approximate if the run did not measure its units.
    """

    wait_ms: float = 0.0
    compute_ms: float = 0.0
    idle_connections: int = 0

    @property
    def filter_values(self) -> dict[str, str]:
        """The numbers that the page's filter compares."""
        return {
            "wait": f"{self.wait_ms:g}",
            "compute": f"{self.compute_ms:g}",
            "idle": str(self.idle_connections),
        }


NO_WORK = Handlers()


def measured_handlers(trials: pd.DataFrame) -> dict[LoadPoint, Handlers]:
    """Return the handlers of each load point of all populations and phases together (``LoadPoint.whole``)."""
    handlers: dict[LoadPoint, Handlers] = {}
    if trials.empty:
        return handlers
    for key, rows in trials.groupby(list(LoadPoint.LOAD_COLUMNS)):
        silent = rows[rows["behaviour"].map(text) == "silent"].drop_duplicates("population")
        handlers[LoadPoint.of(*key)] = Handlers(
            _largest(rows["wait_us"]) / _US_PER_MS,
            _computing_ms(rows),
            int(silent["population_connections"].fillna(0).sum()),
        )
    return handlers


def offered_values(handlers: Iterable[Handlers]) -> Mapping[str, list[str]]:
    """Return the waits and the computes that a reader can choose from, smallest first; {} if no run has any."""
    known = list(handlers)
    waits, computes = ({each.wait_ms for each in known}, {each.compute_ms for each in known})
    offered = {"wait": waits, "compute": computes}
    return {name: [f"{value:g}" for value in sorted(values)] for name, values in offered.items() if any(values)}


def _computing_ms(rows: pd.DataFrame) -> float:
    """Return the time of the most compute that a request asks for, with three figures."""
    heaviest = rows[rows["compute_units"] == rows["compute_units"].max()]
    return float(f"{_largest(rows['compute_units']) * (unit_us(heaviest) or 1.0) / _US_PER_MS:.3g}")


def _largest(values: "pd.Series[float]") -> float:
    known = values.dropna()
    return 0.0 if known.empty else float(known.max())
