"""Servers that spend less CPU time and are slower, or better in both. Without matplotlib, for the report itself."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.formatting import format_ratio, with_interval
from bench.report.charts.points import Point
from bench.schema.code_words import in_words
from bench.translation import N_, gettext, ngettext
from clients.quality_codes import SEVERITY

TOO_FEW = N_("{transport}: fewer than two servers have two valid figures, so this run compares none.")
TRADE = N_("{transport}: {cheap} spends {cost} times the CPU time of {fast}, and has {wait} times its p99{further}.")
FURTHER = N_(" ({pairs} with such a trade; this one has the largest difference of the p99)")
BEST_IN_BOTH = N_("{transport}: {best} spends less CPU time than each other server, and has a shorter p99.")
BETTER_IN_BOTH = N_(
    "{transport}: no server is cheaper and slower than another; {pairs} in which one is better in both."
)
INCONCLUSIVE = N_(
    "{transport}: no two servers differ in both figures by more than their intervals, so "
    "this run does not show whether cheaper ones are slower."
)


@dataclass(frozen=True, slots=True)
class Trade:
    """The two figures of one server at one load."""

    cpu: Point
    p99: Point

    @property
    def verdict(self) -> str:
        """The worse of both verdicts."""
        return max(self.cpu.verdict, self.p99.verdict, key=lambda verdict: SEVERITY.get(verdict, math.inf))

    @property
    def drawable(self) -> bool:
        """Return whether both figures are positive numbers, and neither is invalid."""
        is_number = all(point.drawable and point.median > 0 for point in (self.cpu, self.p99))
        return is_number and self.verdict in ("valid", "suspect")

    @property
    def description(self) -> str:
        """Both figures in words."""
        cpu = with_interval(self.cpu.median, self.cpu.low, self.cpu.high)
        p99 = with_interval(self.p99.median, self.p99.low, self.p99.high)
        name = f"{self.cpu.arm.display_label} ({self.cpu.arm.transport.upper()})"
        return gettext(
            "{name}: CPU {cpu} µs per request, p99 {p99} µs, {verdict}",
            name=name,
            cpu=cpu,
            p99=p99,
            verdict=in_words(self.verdict),
        )


def describe_trade(trades: Sequence[Trade], transport: str) -> str:
    """Return a line on the servers of a transport. Only servers whose intervals of both figures are apart count."""
    valid = [trade for trade in trades if trade.drawable and trade.verdict == "valid" and trade.cpu.arm.competes]
    valid = [trade for trade in valid if trade.cpu.arm.transport == transport]
    name = transport.upper()
    if len(valid) < 2:
        return gettext(TOO_FEW, transport=name)
    pairs = list(itertools.permutations(valid, 2))
    bought = [(one, other) for one, other in pairs if is_less(one.cpu, other.cpu) and is_less(other.p99, one.p99)]
    if bought:
        cheap, fast = max(bought, key=lambda pair: pair[0].p99.median / pair[1].p99.median)
        return gettext(
            TRADE,
            transport=name,
            cheap=cheap.cpu.label,
            fast=fast.cpu.label,
            cost=format_ratio(cheap.cpu.median / fast.cpu.median),
            wait=format_ratio(cheap.p99.median / fast.p99.median),
            further=gettext(FURTHER, pairs=ngettext("{count} pair", "{count} pairs", len(bought)))
            if len(bought) > 1
            else "",
        )
    better = [(one, other) for one, other in pairs if is_less(one.cpu, other.cpu) and is_less(one.p99, other.p99)]
    if not better:
        return gettext(INCONCLUSIVE, transport=name)
    winners = [winner for winner, _ in better]
    best = max(winners, key=winners.count)
    if winners.count(best) == len(valid) - 1:
        return gettext(BEST_IN_BOTH, transport=name, best=best.cpu.label)
    return gettext(BETTER_IN_BOTH, transport=name, pairs=ngettext("{count} pair", "{count} pairs", len(better)))


def is_less(one: Point, other: Point) -> bool:
    """Return whether an interval ends below the beginning of another."""
    return one.high < other.low
