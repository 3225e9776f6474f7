"""What became of the machine between two runs, as its limit tells: the same compiled server in both. Pure."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.analysis.statistics import unpaired
from bench.compare.run_values import SEARCHED, Figures, Key, Run
from bench.schema.arms import BASELINE_MODEL, Arm
from clients.quality_codes import Thresholds

_NOT_OF_MACHINE = {SEARCHED, "memory_mb"}  # memory does not move with a machine's speed, and the limit is not searched
# How much farther than the compiled server a model may move with the machine, as a share of that, in logarithms
# (docs/method.md).
FARTHER = 0.5


@dataclass(frozen=True, slots=True)
class Machine:
    """What became of the machine between two runs: the figures of its limit in both, and their ratio."""

    limits: tuple[Figures, Figures]
    ratio: float
    moved: float  # as a share; 0 where no difference is resolved
    thresholds: Thresholds

    @property
    def verdict(self) -> str:
        """The verdict that the drift leads to for a comparison."""
        return self.thresholds.verdict(self.thresholds.flag("MACHINE_DRIFT", self.moved))

    def explains(self, one: Figures, other: Figures, tests: int, *, rises: bool) -> bool:
        """Whether a model that moves with the machine, but farther by FARTHER, could have changed as these did."""
        rest = unpaired(one.beside(self.limits[0]), other.beside(self.limits[1]), tests)
        more = (1 + self.moved) ** FARTHER
        return not (rest.low > more if rises else rest.high < 1 / more)


def machines(before: Run, now: Run, keys: Sequence[Key], metric: str) -> dict[Key, Machine]:
    """Of each case that is to be compared; none where the limit was not measured at its load, and for the limit itself.

    There is but one machine: where its move is inconclusive at one load, it is taken to be what it is at most of them.
    """
    if metric in _NOT_OF_MACHINE:
        return {}
    limits: dict[Key, Key] = {
        key: (f"{BASELINE_MODEL}/{Arm.parse(key[0]).transport}", *key[1:])
        for key in keys
        if not Arm.parse(key[0]).is_baseline
    }
    every = {}
    for its in limits.values():
        one, other = (run.cases.get(its, {}).get(metric) for run in (before, now))
        every[its] = _machine(one, other, len(keys), before.thresholds)
    known = {its: machine for its, machine in every.items() if machine}
    usual = statistics.median([machine.moved for machine in known.values()] or [0.0])
    moved = {its: replace(machine, moved=max(machine.moved, usual)) for its, machine in known.items()}
    return {key: moved[its] for key, its in limits.items() if its in moved}


def _machine(one: Figures | None, other: Figures | None, tests: int, thresholds: Thresholds) -> Machine | None:
    """one, other: figures of the limit. None where there are none, or of too few blocks."""
    if not (one and other and one.known and other.known):
        return None
    finite = [[log for log in figures.logs if math.isfinite(log)] for figures in (one, other)]
    found = unpaired(finite[0], finite[1], tests)
    if math.isnan(found.ratio):
        return None
    is_resolved = found.low > 1 or found.high < 1
    moved = math.expm1(abs(math.log(found.ratio))) if is_resolved else 0.0
    return Machine((one, other), found.ratio, moved, thresholds)
