"""Differences between runs: the same arm at the same load, then and now. Pure.

Within a run a ratio is taken inside a round; between runs there is no such pair, and whatever the machine did in the
meantime is in the figure. So these comparisons are called unpaired everywhere, and the machine's own limit stands
beside them: if that has moved, so has the machine, and a difference counts only as far as that does not explain it.
"""

import itertools
import math
import statistics
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench import stats
from bench.analyse import EQUIVALENT, LOAD, TIE, UNRESOLVED, block_values, finished_rounds, key_of
from bench.bounds import objectives, summarise_limits
from bench.doubts import doubts_of
from bench.metrics import LIMIT, METRICS, is_twin, label, load_in_words, transport
from bench.plan import Plan, arms, cases, limit_arms
from clients import verdicts

SEARCHED = "limit_rps"
COMPARED = (
    "throughput_rps",
    SEARCHED,
    "sessions_per_s",
    "latency_p50_us",
    "latency_p99_us",
    "service_p50_us",
    "service_p99_us",
    "cpu_us_per_request",
    "memory_mb",
)
Key = tuple[str, str, int, int]  # arm, scenario, connections, message_bytes
_IN_OPEN_LOOP = {"throughput_rps"}  # it is the plan's there
_NOT_OF_MACHINE = {SEARCHED, "memory_mb"}  # memory does not move with a machine's speed, and the limit is not searched
# How much farther than the compiled server a model may move with the machine, as a share of that (docs/method.md).
FARTHER = 0.5
CASE = ["arm", "scenario", "connections", "message_bytes"]


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
    word: str
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


@dataclass(frozen=True, slots=True)
class _Figures:
    """One metric of one case: a logarithm for each block, or the bounds of a search."""

    median: float
    verdict: str
    of_blocks: dict[int, float] = field(default_factory=dict)
    bounds: tuple[float, float] = (math.nan, math.nan)
    objective: tuple[float, float] = (math.nan, math.nan)  # of a search: time, and share that may be lost

    @property
    def known(self) -> bool:
        """Whether there is something to compare: 0 is nothing served, and infinite what was lost."""
        return 0 < self.median < math.inf

    @property
    def logs(self) -> list[float]:
        """The logarithms of all blocks."""
        return [*self.of_blocks.values()]

    def beside(self, limit: "_Figures") -> list[float]:
        """The logarithms of its ratios to the limit, inside the blocks in which that is known."""
        of_limit = limit.of_blocks
        both = (block for block in self.of_blocks if math.isfinite(of_limit.get(block, math.nan)))
        return [self.of_blocks[block] - of_limit[block] for block in both]


@dataclass(frozen=True, slots=True)
class Run:
    """What is compared of one run."""

    cases: dict[Key, dict[str, _Figures]]
    unmeasured: dict[Key, tuple[str, str]]  # what the plan asks for beside those: status and reason
    objectives: list[str]  # of its searches

    @property
    def keys(self) -> set[Key]:
        """Everything that the plan asks for."""
        return {*self.cases, *self.unmeasured}


def measured(
    trials: pd.DataFrame, slices: pd.DataFrame, limits: pd.DataFrame | None = None, planned: Collection[Key] = ()
) -> Run:
    """What a run's rows hold. planned: what its plan asks for, rows or not.

    The rate of an open loop is left out of the key: a common rate is found anew for each run.
    """
    found: dict[Key, dict[str, _Figures]] = {}
    unmeasured: dict[Key, tuple[str, str]] = {}
    rounds = finished_rounds(slices, trials)
    of_slices = {key_of(key): group for key, group in rounds.groupby(["arm", *LOAD], dropna=False)}
    for key, group in trials.groupby(["arm", *LOAD], dropna=False):
        full = key_of(key)
        if (group["status"] == "ok").any():
            found[_key(full)] = dict(_figures(group, of_slices.get(full, rounds.iloc[:0])))
        else:
            unmeasured[_key(full)] = _why(group)
    for case, figures in _searched(limits):
        if figures.known:
            found.setdefault(case, {})[SEARCHED] = figures
        else:
            unmeasured[case] = ("failed", "no rate of the search met the objective")
    for case in planned:
        if case not in found:
            unmeasured.setdefault(case, ("missing", "no trial of it was finished"))
    return Run(found, unmeasured, objectives(limits))


def planned(plan: Plan) -> set[Key]:
    """Every case of a plan: of its blocks, and of its searches, which have no twins and none that shows the limit."""
    competing = [arm for arm in arms(plan) if not arm.twin and arm not in limit_arms(plan)]
    searches = [case for one in plan.scenarios if one.searches for case in cases(plan, one)]
    pairs = [*itertools.product(arms(plan), cases(plan)), *itertools.product(competing, searches)]
    return {(arm.name, case.scenario.name, case.connections, case.message_bytes) for arm, case in pairs}


def changes(before: Run, now: Run) -> list[Change]:
    """Every metric of every case that both runs measured, with intervals that hold together for each metric."""
    common = [key for key in before.cases if key in now.cases and not is_twin(key[0])]
    found: list[Change] = []
    for metric in COMPARED:
        pairs = [(key, before.cases[key].get(metric), now.cases[key].get(metric)) for key in common]
        known = [(key, one, other) for key, one, other in pairs if one and other and one.known and other.known]
        machines = _machines(before, now, [key for key, *_ in known], metric)
        found += (_change(key, metric, figures, machines.get(key), len(known)) for key, *figures in known)
    return sorted(found, key=lambda one: (one.scenario, one.message_bytes, one.connections, one.arm))


def missing(before: Run, now: Run) -> list[Missing]:
    """What the first run measured and the second one could not, though its plan asks for it."""
    found = []
    for key, figures in before.cases.items():
        had = tuple(metric for metric, one in figures.items() if one.known)
        if is_twin(key[0]) or not had:
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
    return [*sorted({key[0] for key in keys} - their_arms), *(load_in_words(*load) for load in loads)]


def labels(paths: Sequence[Path]) -> list[str]:
    """What to call folders: of each the shortest tail of its path that no other has."""
    every = [path.absolute().parts for path in paths]
    return [str(Path(*_shortest(parts, [other for other in every if other != parts]))) for parts in every]


def _shortest(parts: tuple[str, ...], others: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    tails = (parts[-count:] for count in range(1, len(parts)))
    return next((tail for tail in tails if all(other[-len(tail) :] != tail for other in others)), parts)


def _key(case: Sequence[Any]) -> Key:
    arm, scenario, connections, message_bytes = case[:4]
    return str(arm), str(scenario), int(connections), int(message_bytes)


def _why(trials: pd.DataFrame) -> tuple[str, str]:
    """Status and reason of a case without a finished trial; a failure tells more than a skip."""
    failed = trials[trials["status"] == "failed"]
    reasons = (failed if len(failed) else trials)["reason"].fillna("").astype(str)
    return "failed" if len(failed) else "skipped", next((one for one in reasons if one), "no reason given")


def _why_gone(figures: Sequence[_Figures]) -> str:
    if any(one.median == 0 for one in figures):
        return "nothing was served"
    return "the median is infinite: requests were lost" if figures else "no block has a figure"


def _figures(trials: pd.DataFrame, slices: pd.DataFrame) -> Iterator[tuple[str, _Figures]]:
    """The figures of one case. Infinite logarithms stay among them: a block that lost all is none to leave out."""
    good = trials[trials["status"] == "ok"]
    opened = bool((good["loop"] == "open").any())
    table, doubts = block_values(good, slices), doubts_of(trials)
    for metric in COMPARED:
        values = table[metric].dropna() if metric in table else pd.Series(dtype=float)
        if len(values) and not (opened and metric in _IN_OPEN_LOOP):
            with np.errstate(divide="ignore"):
                logs = np.log(values.to_numpy(dtype=float)).tolist()
            of_blocks = dict(zip(values.index, logs, strict=True))
            yield metric, _Figures(float(values.median()), doubts.of(metric)[0], of_blocks)


def _searched(limits: pd.DataFrame | None) -> Iterator[tuple[Key, _Figures]]:
    """The result of each search. An upper bound that was not found is infinite: the limit lies anywhere above."""
    if limits is None:
        return
    columns = ["objective_p99_us", "objective_lost_share"]
    asked = {tuple(row[name] for name in CASE): row for row in limits.drop_duplicates(CASE).to_dict("records")}
    for row in summarise_limits(limits).to_dict("records"):
        key = tuple(row[name] for name in CASE)
        high = math.inf if math.isnan(row["high"]) else float(row["high"])
        objective = tuple(float(asked[key][name]) for name in columns)
        bounds = (float(row["low"]), high)
        yield _key(key), _Figures(float(row["median"]), str(row["verdict"]), {}, bounds, (objective[0], objective[1]))


@dataclass(frozen=True, slots=True)
class _Machine:
    """What became of the machine between two runs: the figures of its limit in both, and their ratio."""

    limits: tuple[_Figures, _Figures]
    ratio: float
    moved: float  # as a share; 0 where no difference is resolved

    @property
    def verdict(self) -> str:
        """What it means for a comparison."""
        return verdicts.CODES["machine_moved"].verdict(self.moved)

    def explains(self, one: _Figures, other: _Figures, tests: int, *, rises: bool) -> bool:
        """Whether a model that moves with the machine, but farther by FARTHER, could have changed as these did."""
        rest = stats.unpaired(one.beside(self.limits[0]), other.beside(self.limits[1]), tests)
        more = FARTHER * math.log1p(self.moved)
        return not (math.log(rest.low) > more if rises else math.log(rest.high) < -more)


def _machines(before: Run, now: Run, keys: Sequence[Key], metric: str) -> dict[Key, _Machine]:
    """Of each case that is to be compared; none where the limit was not measured at its load, and for the limit itself.

    There is but one machine: where its move is not resolved at one load, it is taken to be what it is at most of them.
    """
    if metric in _NOT_OF_MACHINE:
        return {}
    limits = {key: _key((f"{LIMIT}/{transport(key[0])}", *key[1:])) for key in keys if label(key[0]) != LIMIT}
    distinct = set(limits.values())
    every = {
        its: _machine(before.cases.get(its, {}).get(metric), now.cases.get(its, {}).get(metric), len(keys))
        for its in distinct
    }
    known = {its: machine for its, machine in every.items() if machine}
    usual = statistics.median([machine.moved for machine in known.values()] or [0.0])
    moved = {its: replace(machine, moved=max(machine.moved, usual)) for its, machine in known.items()}
    return {key: moved[its] for key, its in limits.items() if its in moved}


def _machine(one: _Figures | None, other: _Figures | None, tests: int) -> _Machine | None:
    """one, other: figures of the limit. None where there are none, or of too few blocks."""
    if not (one and other and one.known and other.known):
        return None
    finite = [[log for log in figures.logs if math.isfinite(log)] for figures in (one, other)]
    found = stats.unpaired(finite[0], finite[1], tests)
    if math.isnan(found.ratio):
        return None
    is_resolved = found.low > 1 or found.high < 1
    return _Machine((one, other), found.ratio, math.expm1(abs(math.log(found.ratio))) if is_resolved else 0.0)


def _change(key: Key, metric: str, figures: Sequence[_Figures], machine: _Machine | None, tests: int) -> Change:
    one, other = figures
    verdict = verdicts.worst([one.verdict, other.verdict, *([machine.verdict] if machine else [])])
    if metric == SEARCHED:
        ratio, low, high, word = _of_bounds(one, other)
    else:
        ratio, low, high, word = _of_blocks(metric, one, other, machine, tests)
    word = UNRESOLVED if verdict == "invalid" else word
    limit = machine.ratio if machine else math.nan
    return Change(*key, metric, one.median, other.median, ratio, low, high, word, verdict, limit)


def _of_blocks(
    metric: str, one: _Figures, other: _Figures, machine: _Machine | None, tests: int
) -> tuple[float, float, float, str]:
    found, word = stats.unpaired(one.logs, other.logs, tests), UNRESOLVED
    if found.low > 1 or found.high < 1:
        if machine is None or not machine.explains(one, other, tests, rises=found.low > 1):
            word = METRICS[metric].word(found.ratio)
    elif EQUIVALENT[0] <= found.low90 and found.high90 <= EQUIVALENT[1]:
        word = TIE
    ratio = other.median / one.median if math.isnan(found.ratio) else found.ratio
    return ratio, found.low, found.high, word


def _of_bounds(one: _Figures, other: _Figures) -> tuple[float, float, float, str]:
    """Two searches. Their bounds are no intervals of confidence, and there is one search to a run.

    So nothing narrower than the bounds may be said: they differ where those of the one lie wholly above those of the
    other. And a looser objective alone raises the limit: where it was not the same in both, only a difference counts
    that it cannot have made.
    """
    low, high = other.bounds[0] / one.bounds[1], other.bounds[1] / one.bounds[0]
    word = UNRESOLVED
    if low > 1 and _as_strict(other, one):
        word = METRICS[SEARCHED].word(low)
    elif high < 1 and _as_strict(one, other):
        word = METRICS[SEARCHED].word(high)
    return other.median / one.median, low, high, word


def _as_strict(one: _Figures, other: _Figures) -> bool:
    """Whether the objective of the one is as hard to meet as that of the other, or harder."""
    return all(mine <= its for mine, its in zip(one.objective, other.objective, strict=True))
