"""What must not be when two runs are compared: ``--fail-if "cpu_us_per_request>5%"``. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bench.compare.changes import Change, Missing
from bench.compare.run_values import COMPARED
from bench.schema.arms import Arm

_RULE = re.compile(r"^\s*(\w+)\s*([<>])\s*([+-]?\d+(?:\.\d+)?)\s*%\s*$")


class RuleError(ValueError):
    """A rule that is none: one line that says what one looks like."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What must not be: a metric that rose (or fell) by more than a share, resolved."""

    metric: str
    rises: bool
    share: float

    def broken_by(self, change: Change) -> bool:
        """Whether a change, with all of its interval, lies on the wrong side of no change, and is as large as that."""
        if change.metric != self.metric or change.conclusion not in ("faster", "slower"):
            return False
        return change.ratio > 1 + self.share if self.rises else change.ratio < 1 + self.share


def parse_rule(text: str) -> Rule:
    """Read ``cpu_us_per_request>5%`` or ``throughput_rps<-5%``. Raises RuleError."""
    found = _RULE.match(text)
    if not found or found[1] not in COMPARED:
        raise RuleError(
            f'{text!r} is no rule; write for example "cpu_us_per_request>5%" or "throughput_rps<-5%", with one of: '
            f"{', '.join(COMPARED)}"
        )
    metric, rises, percent = found[1], found[2] == ">", float(found[3])
    if rises == (percent < 0) and percent:
        meant = f"{metric}{found[2]}{-percent:g}%"
        raise RuleError(f'{text!r}: after > stands a rise, 0 or more, after < a fall, 0 or less; write "{meant}"')
    if percent <= -100:
        raise RuleError(f'{text!r} can never be broken: nothing falls by 100 % or more; write "{metric}<-5%"')
    return Rule(metric, rises, percent / 100)


def breaking(
    found: Sequence[Change], gone: Sequence[Missing], rules: Sequence[Rule]
) -> tuple[list[Change], list[Missing]]:
    """What breaks a rule: changes, and what is missing of a rule's metric, since worse than that nothing can get.

    The machine's limit breaks none: if it has changed, so has the machine. Raises RuleError for a rule that nothing
    here could break: it would be no gate.
    """
    metrics = {one.metric for one in rules}
    found = [one for one in found if not Arm.parse(one.arm).is_baseline]
    absent = [one for one in gone if metrics & {*one.metrics} and not Arm.parse(one.arm).is_baseline]
    for metric in dict.fromkeys(one.metric for one in rules):
        if any(metric in one.metrics for one in absent):
            continue
        of_metric = [one for one in found if one.metric == metric]
        if not of_metric:
            raise RuleError(f"on {metric}: these runs have no arm in common that has it at the same load")
        if not any(one.judged for one in of_metric):
            raise RuleError(
                f"on {metric}: every comparison of it rests on figures that are invalid or of too few blocks, or on a "
                f"machine that moved too far ({len(of_metric)} of {len(of_metric)}), so it judges nothing; measure "
                "again, or with more blocks"
            )
    return [one for one in found if any(each.broken_by(one) for each in rules)], absent
