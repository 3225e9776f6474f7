"""The time of a unit of compute, as each interpreter measured it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ComputeUnits:
    """The best time of a unit in seconds, by interpreter (column ``python``) and kind (``lock``, ``release``)."""

    by_python: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def unit_s(self, python: str, kind: str) -> float | None:
        """Return the time of a unit; None if it was not measured."""
        return self.by_python.get((python, kind))
