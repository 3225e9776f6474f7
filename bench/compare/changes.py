"""Differences between runs: the same arm at the same load, then and now. Pure.

Within a run a ratio is taken inside a round; between runs there is no such pair, and whatever the machine did in the
meantime is in the figure. So these comparisons are called unpaired everywhere, and the machine's own limit stands
beside them: if that has moved, so has the machine, and a difference counts only as far as that does not explain it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.analysis import statistics
from bench.analysis.summary import EQUIVALENT, EQUIVALENT_WORD, INCONCLUSIVE
from bench.compare.machine_drift import Machine, machines
from bench.compare.run_values import COMPARED, SEARCHED, Figures, Key, Run
from bench.schema.arms import Arm
from bench.schema.load_points import LoadPoint
from bench.schema.metrics import METRICS
from clients.quality_codes import worst_verdict


@dataclass(frozen=True, slots=True)
class Change:
    """One metric of one arm at one load, in two runs."""

    arm: str
    scenario: str
    connections: int
    message_bytes: int
    metric: str
    before: float
    now: float
    ratio: float
    low: float
    high: float
    conclusion: str
    verdict: str
    machine: float = math.nan  # what became of the machine's limit meanwhile, as a ratio; nan if it is not known
    kind: str = "unpaired"

    @property
    def judged(self) -> bool:
        """Whether these figures could have told a difference, had there been one."""
        return self.verdict != "invalid" and not math.isnan(self.low)


@dataclass(frozen=True, slots=True)
class Missing:
    """What one arm had at one load in the first run, and has no more though the second one's plan asks for it."""

    arm: str
    scenario: str
    connections: int
    message_bytes: int
    metrics: tuple[str, ...]
    status: str  # failed, skipped, ok (where single figures are gone), or missing
    reason: str
    kind: str = "missing"


def changes(before: Run, now: Run) -> list[Change]:
    """Every metric of every case that both runs measured, with intervals that hold together for each metric."""
    common = [key for key in before.cases if key in now.cases and not Arm.parse(key[0]).control]
    found: list[Change] = []
    for metric in COMPARED:
        pairs = [(key, before.cases[key].get(metric), now.cases[key].get(metric)) for key in common]
        known = [(key, one, other) for key, one, other in pairs if one and other and one.known and other.known]
        of_machine = machines(before, now, [key for key, *_ in known], metric)
        found += (_change(key, metric, figures, of_machine.get(key), len(known)) for key, *figures in known)
    return sorted(found, key=lambda one: (one.scenario, one.message_bytes, one.connections, one.arm))


def missing(before: Run, now: Run) -> list[Missing]:
    """What the first run measured and the second one could not, though its plan asks for it."""
    found = []
    for key, figures in before.cases.items():
        had = tuple(metric for metric, one in figures.items() if one.known)
        if Arm.parse(key[0]).control or not had:
            continue
        if key in now.unmeasured:
            found.append(Missing(*key, had, *now.unmeasured[key]))
        elif key in now.cases:
            has = now.cases[key]
            gone = {metric: has.get(metric) for metric in had if metric not in has or not has[metric].known}
            if gone:
                found.append(Missing(*key, tuple(gone), "ok", _why_gone([one for one in gone.values() if one])))
    return sorted(found, key=lambda one: (one.arm, one.scenario, one.message_bytes, one.connections))


def only_in_one(before: Run, now: Run) -> tuple[list[str], list[str]]:
    """What only the first run's plan has, and what only the second one's: arms, and loads of those that both have."""
    return _only(before.keys, now.keys), _only(now.keys, before.keys)


def _only(keys: set[Key], others: set[Key]) -> list[str]:
    their_arms, their_loads = {key[0] for key in others}, {key[1:] for key in others}
    loads = sorted({key[1:] for key in keys} - their_loads)
    return [*sorted({key[0] for key in keys} - their_arms), *(str(LoadPoint.of(*load)) for load in loads)]


def _why_gone(figures: Sequence[Figures]) -> str:
    if any(one.median == 0 for one in figures):
        return "nothing was served"
    return "the median is infinite: requests were lost" if figures else "no block has a figure"


def _change(key: Key, metric: str, figures: Sequence[Figures], machine: Machine | None, tests: int) -> Change:
    one, other = figures
    verdict = worst_verdict([one.verdict, other.verdict, *([machine.verdict] if machine else [])])
    if metric == SEARCHED:
        ratio, low, high, word = _of_bounds(one, other)
    else:
        ratio, low, high, word = _of_blocks(metric, one, other, machine, tests)
    word = INCONCLUSIVE if verdict == "invalid" else word
    limit = machine.ratio if machine else math.nan
    return Change(*key, metric, one.median, other.median, ratio, low, high, word, verdict, limit)


def _of_blocks(
    metric: str, one: Figures, other: Figures, machine: Machine | None, tests: int
) -> tuple[float, float, float, str]:
    found, word = statistics.unpaired(one.logs, other.logs, tests), INCONCLUSIVE
    if found.low > 1 or found.high < 1:
        if machine is None or not machine.explains(one, other, tests, rises=found.low > 1):
            word = METRICS[metric].conclusion(found.ratio)
    elif EQUIVALENT[0] <= found.low90 and found.high90 <= EQUIVALENT[1]:
        word = EQUIVALENT_WORD
    ratio = other.median / one.median if math.isnan(found.ratio) else found.ratio
    return ratio, found.low, found.high, word


def _of_bounds(one: Figures, other: Figures) -> tuple[float, float, float, str]:
    """Two searches. Their bounds are no intervals of confidence, and there is one search to a run.

    So nothing narrower than the bounds may be said: they differ where those of the one lie wholly above those of the
    other. And a looser objective alone raises the limit: where it was not the same in both, only a difference counts
    that it cannot have made.
    """
    low, high = other.bounds[0] / one.bounds[1], other.bounds[1] / one.bounds[0]
    word = INCONCLUSIVE
    if low > 1 and _as_strict(other, one):
        word = METRICS[SEARCHED].conclusion(low)
    elif high < 1 and _as_strict(one, other):
        word = METRICS[SEARCHED].conclusion(high)
    return other.median / one.median, low, high, word


def _as_strict(one: Figures, other: Figures) -> bool:
    """Whether the objective of the one is as hard to meet as that of the other, or harder."""
    return all(mine <= its for mine, its in zip(one.objective, other.objective, strict=True))
