import os

import pytest

from bench.machine.noise_probe import SLOW, STOLEN, Watch, Weather, canary_us, pressure_us, stolen_ticks


@pytest.mark.parametrize(
    ("canary_share", "stolen_share", "spoiled"),
    [(1.0, 0.0, False), (SLOW, STOLEN, False), (SLOW + 0.01, 0.0, True), (1.0, STOLEN + 0.01, True)],
)
def test_a_round_is_spoiled_by_a_slow_canary_or_by_stolen_time(
    canary_share: float, stolen_share: float, spoiled: bool
) -> None:
    assert Weather(200.0, canary_share, stolen_share, None).spoiled is spoiled


def test_a_watch_tries_every_cpu_and_leaves_the_process_where_it_was() -> None:
    cpus = os.sched_getaffinity(0)
    watch = Watch(sorted(cpus))
    for _ in range(3):
        watch.begin()
        weather = watch.end()
    assert weather.canary_us > 0
    assert weather.canary_share == 1.0, "after a few rounds nothing is known to be usual"
    assert 0 <= weather.stolen_share <= 1
    assert os.sched_getaffinity(0) == cpus


def test_the_canary_and_the_counters_are_read_from_this_machine() -> None:
    cpu = min(os.sched_getaffinity(0))
    assert canary_us(cpu) > 0
    stolen, total = stolen_ticks([cpu])
    assert 0 <= stolen <= total
    assert total > 0
    assert pressure_us() >= 0 or pressure_us() < -1e200
