import os

import pytest

from bench.machine.noise_probe import (
    MAX_STEAL_SHARE,
    SLOW,
    NoiseProbe,
    RoundConditions,
    pressure_us,
    probe_us,
    steal_ticks,
)


@pytest.mark.parametrize(
    ("probe_ratio", "steal_share", "disturbed"),
    [(1.0, 0.0, False), (SLOW, MAX_STEAL_SHARE, False), (SLOW + 0.01, 0.0, True), (1.0, MAX_STEAL_SHARE + 0.01, True)],
)
def test_a_round_is_spoiled_by_a_slow_canary_or_by_steal_time(
    probe_ratio: float, steal_share: float, disturbed: bool
) -> None:
    assert RoundConditions(200.0, probe_ratio, steal_share, None).disturbed is disturbed


def test_a_watch_tries_every_cpu_and_leaves_the_process_where_it_was() -> None:
    cpus = os.sched_getaffinity(0)
    probe = NoiseProbe(sorted(cpus))
    for _ in range(3):
        probe.begin()
        conditions = probe.end()
    assert conditions.probe_us > 0
    assert conditions.probe_ratio == 1.0, "after a few rounds nothing is known to be usual"
    assert 0 <= conditions.steal_share <= 1
    assert os.sched_getaffinity(0) == cpus


def test_the_canary_and_the_counters_are_read_from_this_machine() -> None:
    cpu = min(os.sched_getaffinity(0))
    assert probe_us(cpu) > 0
    steal, total = steal_ticks([cpu])
    assert 0 <= steal <= total
    assert total > 0
    assert pressure_us() >= 0 or pressure_us() < -1e200
