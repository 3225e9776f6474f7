import os

import pytest

from bench.machine.noise_probe import (
    MAX_PROBE_RATIO,
    MAX_STEAL_SHARE,
    NoiseProbe,
    RoundConditions,
    pressure_us,
    probe_us,
)
from clients.kernel_counters import steal_ticks


@pytest.mark.parametrize(
    ("probe_ratio", "steal_share", "disturbed"),
    [
        (1.0, 0.0, False),
        (MAX_PROBE_RATIO, MAX_STEAL_SHARE, False),
        (MAX_PROBE_RATIO + 0.01, 0.0, True),
        (1.0, MAX_STEAL_SHARE + 0.01, True),
    ],
)
def test_round_is_disturbed_by_slow_probe_or_steal(probe_ratio: float, steal_share: float, disturbed: bool) -> None:
    assert RoundConditions(200.0, probe_ratio, steal_share, None).disturbed is disturbed


def test_noise_probe_restores_affinity_of_process() -> None:
    cpus = os.sched_getaffinity(0)
    probe = NoiseProbe(sorted(cpus))
    for _ in range(3):
        probe.begin()
        conditions = probe.end()
    assert conditions.probe_us > 0
    assert conditions.probe_ratio == 1.0, "the usual time is not known after three rounds"
    assert 0 <= conditions.steal_share <= 1
    assert os.sched_getaffinity(0) == cpus


def test_probe_and_counters_read_this_machine() -> None:
    cpu = min(os.sched_getaffinity(0))
    assert probe_us(cpu) > 0
    steal, total = steal_ticks([cpu])
    assert 0 <= steal <= total
    assert total > 0
    assert (pressure_us() or 0.0) >= 0
