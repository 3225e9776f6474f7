"""Conditions that make a comparison fail, e.g. ``cpu_us_per_request>5%``. Pure."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bench.compare.changes import Change
from bench.compare.missing_cases import Missing
from bench.compare.run_values import COMPARED_METRICS
from bench.plan.suggestions import did_you_mean
from bench.schema.conclusions import Conclusion

_RULE = re.compile(r"^\s*(\w+)\s*([<>])\s*([+-]?\d+(?:\.\d+)?)\s*%\s*$")


class RuleError(ValueError):
    """An invalid condition, or a condition that can never hold."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule on one metric: it must not rise, or fall, by more than a share."""

    metric: str
    rises: bool
    share: float  # negative for a fall

    def __str__(self) -> str:
        """Return the rule as the option has it: ``cpu_us_per_request>5%``."""
        return f"{self.metric}{'>' if self.rises else '<'}{100 * self.share:g}%"

    def violated_by(self, change: Change) -> bool:
        """Return whether a change is significant and larger than the rule allows."""
        if change.metric != self.metric or not Conclusion(change.conclusion).is_difference:
            return False
        ratio = change.judged_ratio
        return ratio > 1 + self.share if self.rises else ratio < 1 + self.share

    def is_excluded_by(self, change: Change) -> bool:
        """Return whether a comparison excludes a change of the rule's size, with 95% confidence.

        All cases of a rule must exclude it, so no correction for their number is needed (intersection-union test:
        Berger, Technometrics 24, 1982). With noise, a change of 0% can never be excluded. A rule of 0% therefore asks
        only for comparisons that can be judged.
        """
        if not change.is_judged or self.share == 0:
            return change.is_judged
        return change.bound_high <= 1 + self.share if self.rises else change.bound_low >= 1 + self.share


class GateOutcome(StrEnum):
    """The outcome of a rule."""

    BROKEN = "broken"  # a significant change is larger than the rule, or a value is missing
    UNDECIDED = "undecided"  # a change of the rule's size may be there, and the comparison could not see it
    PASSED = "passed"  # every comparison excludes a change of the rule's size


@dataclass(frozen=True, slots=True)
class GateResult:
    """A rule with the comparisons that it judges."""

    rule: Rule
    comparisons: tuple[Change, ...]
    broken: tuple[Change, ...]  # significant changes that are larger than the rule
    undecided: tuple[Change, ...]  # comparisons that exclude neither the rule's change nor its absence
    missing: tuple[Missing, ...]  # cases that only the first run could measure

    @property
    def outcome(self) -> GateOutcome:
        """The outcome: a violation counts more than a doubt."""
        if self.broken or self.missing:
            return GateOutcome.BROKEN
        return GateOutcome.UNDECIDED if self.undecided else GateOutcome.PASSED

    @property
    def is_judged(self) -> bool:
        """Return whether any comparison can be judged. Without one, the gate has tested nothing."""
        return any(change.is_judged for change in self.comparisons)

    @property
    def detectable_shares(self) -> list[float]:
        """The smallest detectable change of each judged comparison, ascending."""
        return sorted(change.detectable_share for change in self.comparisons if change.is_judged)


def parse_rule(text: str) -> Rule:
    """Return the rule of a text such as ``throughput_rps<-5%``. Raises RuleError."""
    match = _RULE.match(text)
    if match and match[1] not in COMPARED_METRICS:
        suggestion = did_you_mean(match[1], COMPARED_METRICS) or "."
        raise RuleError(
            f"{text!r}: {match[1]!r} is not a metric{suggestion} The metrics are: {', '.join(COMPARED_METRICS)}"
        )
    if not match:
        raise RuleError(
            f"{text!r} is not a valid condition; expected METRIC>N% or METRIC<-N%, "
            f'e.g. "cpu_us_per_request>5%", with one of these metrics: {", ".join(COMPARED_METRICS)}'
        )
    metric, rises, percent = match[1], match[2] == ">", float(match[3])
    if percent and rises == (percent < 0):
        corrected = f"{metric}{match[2]}{-percent:g}%"
        raise RuleError(
            f'{text!r}: the percentage after > must be 0 or more, the one after < must be 0 or less; use "{corrected}"'
        )
    if percent <= -100:
        raise RuleError(f'{text!r} can never hold: no metric falls by 100% or more; use e.g. "{metric}<-5%"')
    return Rule(metric, rises, percent / 100)


def judge_rule(changes: Sequence[Change], missing: Sequence[Missing], rule: Rule) -> GateResult:
    """Return what becomes of a rule. A missing metric breaks it, since no change could be worse.

    Arms that are the same program in both runs break no rule, since their changes are those of the machine. A rule
    whose comparisons all rest on invalid figures is undecided, since a busy machine is not a mistake of the user.
    Raises RuleError if there is no comparison at all, because such a rule would be no gate.
    """
    of_metric = [change for change in changes if change.metric == rule.metric and not change.same_program]
    lost = [item for item in missing if rule.metric in item.metrics and not item.same_program]
    if not lost and not of_metric:
        raise RuleError(
            f"on {rule.metric}: no server that may have changed has this metric at the same load in both runs"
        )
    broken = [change for change in of_metric if rule.violated_by(change)]
    undecided = [change for change in of_metric if change not in broken and not rule.is_excluded_by(change)]
    return GateResult(rule, tuple(of_metric), tuple(broken), tuple(undecided), tuple(lost))


def blocks_needed(change: Change, rule: Rule) -> float:
    """Return the number of blocks in each run that would make a change of the rule's size detectable.

    nan if it cannot be known. The detectable log change falls with the square root of the number of blocks.
    """
    if not change.is_judged or not change.blocks or not 0 < change.detectable_share < math.inf or rule.share == 0:
        return math.nan
    needed = change.blocks * (math.log1p(change.detectable_share) / abs(math.log1p(rule.share))) ** 2
    return math.ceil(max(needed, change.blocks))
