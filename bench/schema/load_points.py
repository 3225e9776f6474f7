"""The load point: what is asked of every arm at the same time."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from bench.formatting import compact, plural


@dataclass(frozen=True, slots=True, order=True)
class LoadPoint:
    """A scenario with its number of connections, message size and rate.

    message_bytes is 0 where the protocol has no size. rate_rps is None in a closed loop, and where the rate does not
    matter (a planned load point, whose rate a calibration finds).
    """

    PLANNED_COLUMNS: ClassVar[tuple[str, ...]] = ("scenario", "connections", "message_bytes")  # of a planned load point
    COLUMNS: ClassVar[tuple[str, ...]] = (*PLANNED_COLUMNS, "rate_rps")

    scenario: str
    connections: int
    message_bytes: int
    rate_rps: float | None = None

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> "LoadPoint":
        """Return the load point of a CSV row. An empty rate (nan) becomes None, so that load points compare equal."""
        return cls.of(*(row.get(column) for column in cls.COLUMNS))

    @classmethod
    def of(cls, scenario: Any, connections: Any, message_bytes: Any, rate_rps: Any = None) -> "LoadPoint":
        """Return the load point of values as pandas returns them."""
        rate = None if rate_rps is None or rate_rps != rate_rps else float(rate_rps)
        return cls(str(scenario), int(float(connections)), int(float(message_bytes)), rate)

    @property
    def planned(self) -> "LoadPoint":
        """The load point without its rate: the key that is the same in every run of a plan."""
        return replace(self, rate_rps=None)

    def __str__(self) -> str:
        """Return ``capacity, 64 connections, 1024 bytes`` and the rate if there is one."""
        size = f", {self.message_bytes} bytes" if self.message_bytes else ""
        rate = "" if self.rate_rps is None else f", {compact(self.rate_rps)} requests/s"
        return f"{self.scenario}, {plural(self.connections, 'connection')}{size}{rate}"
