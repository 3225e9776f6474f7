"""Conditions that make a comparison fail, e.g. ``cpu_us_per_request>5%``. Pure."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from bench.compare.changes import Change, Missing
from bench.compare.run_values import COMPARED_METRICS
from bench.plan.suggestions import did_you_mean
from bench.schema.arms import Arm
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

    def has_power(self, change: Change) -> bool:
        """Return whether the comparison would detect a change of the rule's size.

        A rule of 0% asks for any change, so each judged comparison has power.
        """
        if self.share == 0:
            return change.is_judged
        return change.is_judged and math.log1p(change.detectable_share) <= abs(math.log1p(self.share))


@dataclass(frozen=True, slots=True)
class Violations:
    """Everything that violates a rule: changes, and cases that lack a rule's metric."""

    changes: list[Change]
    missing: list[Missing]

    def __bool__(self) -> bool:
        return bool(self.changes or self.missing)


@dataclass(frozen=True, slots=True)
class RulePower:
    """The changes that the comparisons of a rule's metric can detect."""

    rule: Rule
    comparisons: int
    detectable_shares: tuple[float, ...]  # smallest detectable change of each judged comparison, ascending
    without_power: tuple[Change, ...]  # comparisons that would miss a change of the rule's size

    @property
    def is_sufficient(self) -> bool:
        """Return whether every comparison would detect a change of the rule's size."""
        return not self.without_power


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


def find_violations(changes: Sequence[Change], missing: Sequence[Missing], rules: Sequence[Rule]) -> Violations:
    """Return everything that violates a rule.

    A missing metric counts, since no change could be worse.

    Baselines violate no rule, since their changes are those of the machine. Raises RuleError if nothing could violate
    a rule, because such a rule would be no gate.
    """
    metrics = {rule.metric for rule in rules}
    changes = [change for change in changes if not Arm.parse(change.arm).is_baseline]
    lost = [item for item in missing if metrics & {*item.metrics} and not Arm.parse(item.arm).is_baseline]
    for metric in sorted(metrics):
        if not any(metric in item.metrics for item in lost):
            _check_judged(metric, [change for change in changes if change.metric == metric])
    violating = [change for change in changes if any(rule.violated_by(change) for rule in rules)]
    return Violations(violating, lost)


def rule_power(changes: Sequence[Change], rule: Rule) -> RulePower:
    """Return what the comparisons of a rule's metric can detect, without baselines."""
    of_metric = [change for change in changes if change.metric == rule.metric and not Arm.parse(change.arm).is_baseline]
    detectable = sorted(change.detectable_share for change in of_metric if change.is_judged)
    without_power = tuple(change for change in of_metric if not rule.has_power(change))
    return RulePower(rule, len(of_metric), tuple(detectable), without_power)


def _check_judged(metric: str, changes: Sequence[Change]) -> None:
    if not changes:
        raise RuleError(f"on {metric}: the runs have no arm in common with this metric at the same load point")
    if not any(change.is_judged for change in changes):
        raise RuleError(
            f"on {metric}: none of the {len(changes)} comparisons can be judged, because numbers are invalid, "
            "blocks are too few, or the machine drifted too far; measure again, or with more blocks"
        )
