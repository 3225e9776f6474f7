"""The load point: what is asked of every arm at the same time."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from bench.formatting import compact
from bench.translation import gettext, ngettext


@dataclass(frozen=True, slots=True, order=True)
class LoadPoint:
    """A scenario with its number of connections, message size and rate; one population of it in one phase.

    message_bytes is 0 where the protocol has no size. population and phase are empty where the scenario has only one.
    connections and message_bytes are those of the scenario, so they are the same for all its populations. rate_rps is
    that of the population. It is None in a closed loop, and where the rate does not matter (a planned load point, whose
    rate a calibration finds).
    """

    LOAD_COLUMNS: ClassVar[tuple[str, ...]] = ("scenario", "connections", "message_bytes")  # of all its populations
    PLANNED_COLUMNS: ClassVar[tuple[str, ...]] = (*LOAD_COLUMNS, "population", "phase")  # of a planned load point
    COLUMNS: ClassVar[tuple[str, ...]] = (*PLANNED_COLUMNS, "rate_rps")

    scenario: str
    connections: int
    message_bytes: int
    population: str = ""
    phase: str = ""
    rate_rps: float | None = None

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> "LoadPoint":
        """Return the load point of a CSV row. An empty rate (nan) becomes None, so that load points compare equal.

        A table without the columns of populations and phases has none.
        """
        return cls.of(*(row.get(column) for column in cls.COLUMNS))

    @classmethod
    def of(
        cls,
        scenario: Any,
        connections: Any,
        message_bytes: Any,
        population: Any = "",
        phase: Any = "",
        rate_rps: Any = None,
    ) -> "LoadPoint":
        """Return the load point of values as pandas returns them."""
        rate = None if rate_rps is None or rate_rps != rate_rps else float(rate_rps)
        return cls(
            str(scenario), int(float(connections)), int(float(message_bytes)), _name(population), _name(phase), rate
        )

    @property
    def load_cells(self) -> dict[str, Any]:
        """The cells of a row about all populations of the load."""
        return {column: getattr(self, column) for column in self.LOAD_COLUMNS}

    @property
    def planned_cells(self) -> dict[str, Any]:
        """The cells of a row about the planned load point."""
        return {column: getattr(self, column) for column in self.PLANNED_COLUMNS}

    @property
    def cells(self) -> dict[str, Any]:
        """The cells of a row about the load point."""
        return {column: getattr(self, column) for column in self.COLUMNS}

    @property
    def planned(self) -> "LoadPoint":
        """The load point without its rate: the key that is the same in every run of a plan."""
        return replace(self, rate_rps=None)

    @property
    def whole(self) -> "LoadPoint":
        """The load point of all populations and phases together, without a rate."""
        return LoadPoint(self.scenario, self.connections, self.message_bytes)

    @property
    def part(self) -> str:
        """The population and the phase as text; empty where there is only one."""
        return part_text(self.population, self.phase)

    def __str__(self) -> str:
        """Return ``capacity, 64 connections, 1024 bytes``, the population and the rate if there are any."""
        size = ngettext("{count} byte", "{count} bytes", self.message_bytes) if self.message_bytes else ""
        rate = "" if self.rate_rps is None else gettext("{rate} requests/s", rate=compact(self.rate_rps))
        return ", ".join(filter(None, (self.scenario, connections_text(self.connections), size, self.part, rate)))


def connections_text(count: int) -> str:
    """Return ``1 connection`` or ``64 connections``."""
    return ngettext("{count} connection", "{count} connections", count)


def part_text(population: str, phase: str) -> str:
    """Return a population in a phase as text: ``heavy during overload``; empty names are left out."""
    if population and phase:
        return gettext("{population} during {phase}", population=population, phase=phase)
    return population or phase


def _name(cell: Any) -> str:
    """Return the name in a cell: empty for a missing one."""
    return "" if cell is None or cell != cell else str(cell)
