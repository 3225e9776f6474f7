"""The common rate of a load point: one that its arms sustain and that the generator sends on time. Pure.

An arm that lowers the rate has to need that. So an arm without a capacity, and one that sustains no rate at all, do
not decide: they are named, and take part at the rate of the others.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from bench.experiment.rate_trials import RateTrial, is_too_late, suits
from bench.formatting import join_words
from bench.schema.arms import Arm

COMMON_SHARE = 0.5  # of the smallest capacity: far from the queue of any arm, and the smallest arm is not idle either
# Of the generator's limit. A request that is due while the generator handles another one leaves late. On two CPUs this
# raised the median latency by 1 to 4% at 8,000 to 11,000 requests/s, by 5 to 8% at 14,000 and by 7 to 17% from 20,000
# on (asyncio and native over TCP, five loads each; the generator's limit was 280,000).
MAX_BASELINE_SHARE = 0.04
_TRIES, _REDUCTION = 6, 0.7
TryRate = Callable[[Arm, float], RateTrial]


@dataclass(frozen=True, slots=True)
class CommonRate:
    """A common rate with its reason, and the arms that do not decide it."""

    rate_rps: float
    reason: str  # what decided it
    failing: tuple[Arm, ...] = ()  # arms that did not sustain the lowest rate that was tried


def choose_common_rate(
    capacities_rps: Mapping[Arm, float], baseline_arms: Iterable[Arm], try_rate: TryRate
) -> CommonRate:
    """Return the common rate of some arms.

    It starts from the capacities, and is lowered until it suits all arms. An arm that sustains none of these rates is
    left out, and the choice starts again. capacities_rps: at least one. try_rate: loads an arm at a rate.
    """
    failing: list[Arm] = []
    while True:
        considered = {arm: rate_rps for arm, rate_rps in capacities_rps.items() if arm not in failing}
        chosen, failed = _lower_until_suitable(considered, baseline_arms, try_rate)
        if failed is None or len(considered) == 1:
            return CommonRate(chosen.rate_rps, chosen.reason, tuple(failing))
        failing.append(failed)


def _lower_until_suitable(
    capacities_rps: Mapping[Arm, float], baseline_arms: Iterable[Arm], try_rate: TryRate
) -> tuple[CommonRate, Arm | None]:
    """Return the first of a few falling rates that suits all arms, or the lowest with the arm that fails there."""
    rate_rps, reason = _first_rate(capacities_rps, baseline_arms)
    arms = sorted(capacities_rps, key=lambda arm: capacities_rps[arm])  # the slowest is the first to fail
    failed: Arm | None = None
    for attempt in range(_TRIES):
        if attempt:
            cause = f"{failed.display_name} sustained no more" if failed else "the generator was late at more"
            rate_rps, reason = round_down(_REDUCTION * rate_rps), cause
        trials: list[RateTrial] = []
        failed = None
        for arm in arms:
            trials.append(try_rate(arm, rate_rps))
            if not trials[-1].is_sustained:
                failed = arm
                break  # the trials of slow servers take seconds
            if attempt < _TRIES - 1 and is_too_late(trials, len(arms)):
                break
        if suits(trials):
            break
        if failed is not None:  # probably the first to fail at the next rate, too
            arms.remove(failed)
            arms.insert(0, failed)
    return CommonRate(rate_rps, reason), failed


def _first_rate(capacities_rps: Mapping[Arm, float], baseline_arms: Iterable[Arm]) -> tuple[float, str]:
    """Return the highest rate that the capacities allow, and which of them decides."""
    slowest = min(capacities_rps, key=lambda arm: capacities_rps[arm])
    share_rps = COMMON_SHARE * capacities_rps[slowest]
    reached_rps = min((capacities_rps[arm] for arm in baseline_arms if arm in capacities_rps), default=math.inf)
    if share_rps <= MAX_BASELINE_SHARE * reached_rps:
        return round_down(share_rps), f"half of what {slowest.display_name} reaches"
    return round_down(MAX_BASELINE_SHARE * reached_rps), f"{MAX_BASELINE_SHARE:.0%} of what the generator reaches"


def round_down(rate_rps: float) -> float:
    """Round a rate down to two digits, so that it is easy to repeat and to quote."""
    decimals = 1 - math.floor(math.log10(rate_rps))
    if decimals <= 0:
        step = 10.0**-decimals
        return math.floor(rate_rps / step) * step
    return math.floor(round(rate_rps * 10.0**decimals, 6)) / 10.0**decimals  # 0.29 * 100 is 28.999999999999996


def describe_common_rate(chosen: CommonRate, without_capacity: Iterable[Arm], connections: int) -> list[str]:
    """Return the rate and its reason as a line, and a line about arms that do not decide it."""
    rate = f"{chosen.rate_rps:,.0f}" if chosen.rate_rps >= 10 else f"{chosen.rate_rps:g}"
    unable = _names(chosen.failing)
    sustained_by = f"every arm but {unable}" if unable else "every arm"
    over = f"{rate} requests/s over {connections} connections"
    lines = [f"{over}, a rate that {sustained_by} can sustain ({chosen.reason})"]
    if unable:
        lines.append(f"{unable} answered less than 99% at every rate that was tried, so the rate is that of the others")
    if unknown := _names(without_capacity):
        lines.append(f"{unknown} had no capacity to measure, so the rate is that of the others")
    return lines


def _names(arms: Iterable[Arm]) -> str:
    names = sorted(arm.display_name for arm in arms)
    return join_words(names) if names else ""
