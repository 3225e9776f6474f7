"""The common rate: which arms decide it, and which do not."""

from collections.abc import Callable, Mapping

import pytest

from bench.experiment.common_rate import CommonRate, choose_common_rate, describe_common_rate, round_down
from bench.experiment.rate_trials import RateTrial
from bench.schema.arms import Arm

NATIVE, SELECT, SLOW, BROKEN = (Arm(model, "tcp") for model in ("native", "select", "slow", "broken"))
CAPACITIES = {NATIVE: 300e3, SELECT: 200e3}


def choose(
    capacities_rps: Mapping[Arm, float],
    sustains: Callable[[Arm, float], bool] = lambda _, __: True,
    punctual: Callable[[float], bool] = lambda _: True,
) -> CommonRate:
    """Return the common rate of arms. sustains, punctual: the results of the trials."""
    trial = lambda arm, rate_rps: RateTrial(sustains(arm, rate_rps), punctual(rate_rps))  # noqa: E731 - one expression
    return choose_common_rate(capacities_rps, [NATIVE], trial)


@pytest.mark.parametrize(
    ("rate_rps", "expected"),
    [(13_210.4, 13_000), (99_999, 99_000), (100_000, 100_000), (57.9, 57), (7.34, 7.3), (0.29, 0.29), (0.0456, 0.045)],
)
def test_round_down_keeps_two_digits(rate_rps: float, expected: float) -> None:
    assert round_down(rate_rps) == expected


def test_fast_arms_get_a_small_share_of_what_the_generator_reaches() -> None:
    assert choose(CAPACITIES) == CommonRate(12_000, "4% of what the generator reaches")


def test_slow_arm_that_works_lowers_the_rate_and_is_named() -> None:
    chosen = choose(CAPACITIES | {SLOW: 1_230.0})
    assert chosen == CommonRate(610, "half of what slow/tcp reaches")
    (line,) = describe_common_rate(chosen, [], 16)
    rate = "610 requests/s over 16 connections, a rate that every arm can sustain"
    assert line == f"{rate} (half of what slow/tcp reaches)"


def test_arm_that_sustains_less_than_half_its_capacity_lowers_the_rate() -> None:
    chosen = choose(CAPACITIES, sustains=lambda arm, rate_rps: arm != SELECT or rate_rps < 6_000)
    assert chosen == CommonRate(5_800, "select/tcp sustained no more")


def test_rate_is_lowered_until_the_generator_is_punctual() -> None:
    assert choose(CAPACITIES, punctual=lambda rate_rps: rate_rps < 9_000) == CommonRate(
        8_400, "the generator was late at more"
    )


def test_arm_that_sustains_no_rate_does_not_lower_it() -> None:
    chosen = choose(CAPACITIES | {BROKEN: 50.0}, sustains=lambda arm, _: arm != BROKEN)
    assert chosen == CommonRate(12_000, "4% of what the generator reaches", (BROKEN,))
    rate, left_out = describe_common_rate(chosen, [], 16)
    assert "a rate that every arm but broken/tcp can sustain" in rate
    assert left_out.startswith("broken/tcp answered less than 99% at every rate that was tried")


def test_several_arms_that_sustain_no_rate_do_not_lower_it() -> None:
    chosen = choose(CAPACITIES | {BROKEN: 50.0, SLOW: 70e3}, sustains=lambda arm, _: arm in CAPACITIES)
    assert (chosen.rate_rps, set(chosen.failing)) == (12_000, {BROKEN, SLOW})


def test_arms_that_all_fail_keep_the_lowest_rate_that_was_tried() -> None:
    chosen = choose({SELECT: 200e3, SLOW: 100e3}, sustains=lambda _, __: False)
    assert chosen.rate_rps < 0.2 * 100e3
    assert len(chosen.failing) == 1


def test_trials_of_a_failing_arm_come_first_at_the_next_rate() -> None:
    tried: list[Arm] = []

    def sustains(arm: Arm, _: float) -> bool:
        tried.append(arm)
        return arm != SLOW

    choose(CAPACITIES | {SLOW: 250e3}, sustains)
    assert tried[:4] == [SELECT, SLOW, SLOW, SLOW]


def test_slowest_arm_is_tried_first() -> None:
    tried: list[Arm] = []

    def sustains(arm: Arm, _: float) -> bool:
        tried.append(arm)
        return True

    choose(CAPACITIES | {SLOW: 1e3}, sustains)
    assert tried == [SLOW, SELECT, NATIVE]


def test_trials_end_once_the_generator_was_late_with_most_arms() -> None:
    tried: list[float] = []

    def punctual(rate_rps: float) -> bool:
        tried.append(rate_rps)
        return rate_rps < 12_000

    assert choose(CAPACITIES | {SLOW: 250e3}, punctual=punctual).rate_rps == 8_400
    assert tried == [12_000, 12_000, 8_400, 8_400, 8_400]


def test_arm_without_a_capacity_is_named() -> None:
    _, line = describe_common_rate(choose(CAPACITIES), [Arm("crashes", "udp"), BROKEN], 16)
    assert line == "broken/tcp and crashes/udp had no capacity to measure, so the rate is that of the others"
