"""Differences between runs: the same arm at the same load, then and now. Pure.

Within a run a ratio is taken inside a round; between runs there is no such pair, and whatever the machine did in the
meantime is in the figure. So these comparisons are called unpaired everywhere, and the machine's own limit stands
beside them: if that has moved, so has the machine.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench import stats
from bench.analyse import EQUIVALENT, LOAD, TIE, UNRESOLVED, block_values, finished_rounds, key_of
from bench.metrics import METRICS, is_twin
from clients import verdicts

COMPARED = (
    "throughput_rps",
    "sessions_per_s",
    "latency_p50_us",
    "latency_p99_us",
    "service_p50_us",
    "service_p99_us",
    "cpu_us_per_request",
    "memory_mb",
)
_RULE = re.compile(r"^\s*(\w+)\s*([<>])\s*([+-]?\d+(?:\.\d+)?)\s*%\s*$")
_IN_OPEN_LOOP = {"throughput_rps"}  # it is the plan's there


class RuleError(ValueError):
    """A rule that is none: one line that says what one looks like."""


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
    kind: str = "unpaired"


@dataclass(frozen=True, slots=True)
class Rule:
    """What must not be: a metric that rose (or fell) by more than a share, resolved."""

    metric: str
    rises: bool
    share: float

    def broken_by(self, change: Change) -> bool:
        """Whether a change, with all of its interval, lies on the wrong side of no change, and is as large as that."""
        if change.metric != self.metric or change.word not in ("faster", "slower"):
            return False
        return change.ratio > 1 + self.share if self.rises else change.ratio < 1 + self.share


def rule(text: str) -> Rule:
    """Read ``cpu_us_per_request>5%`` or ``throughput_rps<-5%``. Raises RuleError."""
    found = _RULE.match(text)
    if not found or found[1] not in COMPARED:
        raise RuleError(
            f'{text!r} is no rule; write for example "cpu_us_per_request>5%" or "throughput_rps<-5%", with one of: '
            f"{', '.join(COMPARED)}"
        )
    return Rule(found[1], found[2] == ">", float(found[3]) / 100)


@dataclass(frozen=True, slots=True)
class Tables:
    """The rows of one run that are compared."""

    trials: pd.DataFrame
    slices: pd.DataFrame


def changes(before: Tables, now: Tables) -> list[Change]:
    """Every metric of every case that both runs measured, with intervals that hold together for each metric.

    The rate of an open loop is left out of the key: a common rate is found anew for each run.
    """
    first, second = _cases(before), _cases(now)
    common = [key for key in first if key in second]
    found: list[Change] = []
    for metric in COMPARED:
        pairs = [(key, first[key].get(metric), second[key].get(metric)) for key in common]
        known = [(key, one, other) for key, one, other in pairs if one is not None and other is not None]
        found += (_change(key, metric, one, other, len(known)) for key, one, other in known)
    return sorted(found, key=lambda one: (one.scenario, one.message_bytes, one.connections, one.arm))


def only_in_one(before: Tables, now: Tables) -> tuple[list[str], list[str]]:
    """Arms that only the first run has, and those that only the second one has."""
    one, other = ({str(arm) for arm in run.trials["arm"].unique()} for run in (before, now))
    return sorted(one - other), sorted(other - one)


@dataclass(frozen=True, slots=True)
class _Values:
    logs: list[float]
    median: float
    verdict: str


def _cases(run: Tables) -> dict[tuple[object, ...], dict[str, _Values]]:
    good = run.trials[run.trials["status"] == "ok"]
    rounds = finished_rounds(run.slices, run.trials)
    of_slices = {key_of(key): group for key, group in rounds.groupby(["arm", *LOAD], dropna=False)}
    found: dict[tuple[object, ...], dict[str, _Values]] = {}
    for key, group in good.groupby(["arm", *LOAD], dropna=False):
        full = key_of(key)
        if not is_twin(str(full[0])):
            found[full[:-1]] = dict(_values(group, of_slices.get(full, rounds.iloc[:0])))
    return found


def _values(trials: pd.DataFrame, slices: pd.DataFrame) -> Iterator[tuple[str, _Values]]:
    opened = bool((trials["loop"] == "open").any())
    verdict = verdicts.verdict_of_blocks([codes for codes in trials["codes"] if isinstance(codes, str)])
    of_blocks = block_values(trials, slices)
    for metric in COMPARED:
        values = of_blocks[metric] if metric in of_blocks else pd.Series(dtype=float)
        values = values[np.isfinite(values) & (values > 0)]
        if len(values) and not (opened and metric in _IN_OPEN_LOOP):
            yield metric, _Values([math.log(value) for value in values], float(values.median()), verdict)


def _change(key: tuple[Any, ...], metric: str, one: _Values, other: _Values, tests: int) -> Change:
    arm, scenario, connections, message_bytes = key
    found = stats.unpaired(one.logs, other.logs, tests)
    verdict = verdicts.worst([one.verdict, other.verdict])
    word = UNRESOLVED
    if verdict != "invalid" and not math.isnan(found.ratio):
        if found.low > 1 or found.high < 1:
            word = METRICS[metric].word(found.ratio)
        elif EQUIVALENT[0] <= found.low90 and found.high90 <= EQUIVALENT[1]:
            word = TIE
    ratio = other.median / one.median if math.isnan(found.ratio) else found.ratio
    return Change(
        arm=arm,
        scenario=scenario,
        connections=connections,
        message_bytes=message_bytes,
        metric=metric,
        before=one.median,
        now=other.median,
        ratio=ratio,
        low=found.low,
        high=found.high,
        word=word,
        verdict=verdict,
    )


def broken(found: Sequence[Change], rules: Sequence[Rule]) -> list[Change]:
    """The changes that break a rule. Raises RuleError for a rule that nothing here could break: it would be no gate."""
    for metric in dict.fromkeys(one.metric for one in rules):
        if all(one.metric != metric for one in found):
            raise RuleError(f"on {metric}: these runs have no arm in common that has it at the same load")
    return [one for one in found if any(each.broken_by(one) for each in rules)]
