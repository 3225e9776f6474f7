import os
import time

import pytest

from bench.canary import SLOW, STOLEN, Watch, Weather, canary_us, cpu_ticks, pressure_us
from bench.processes import pinned


@pytest.mark.parametrize(
    ("canary_share", "stolen_share", "spoiled"),
    [(1.0, 0.0, False), (SLOW, STOLEN, False), (SLOW + 0.01, 0.0, True), (1.0, STOLEN + 0.01, True)],
)
def test_a_round_is_spoiled_by_a_slow_canary_or_by_stolen_time(
    canary_share: float, stolen_share: float, spoiled: bool
) -> None:
    assert Weather(200.0, canary_share, stolen_share, None, busy_s=0.1, capacity_s=0.2).spoiled is spoiled


def test_a_watch_tries_every_cpu_and_leaves_the_process_where_it_was() -> None:
    cpus = os.sched_getaffinity(0)
    watch = Watch(sorted(cpus), sorted(cpus))
    for _ in range(3):
        watch.begin()
        weather = watch.end()
    assert weather.canary_us > 0
    assert weather.canary_share == 1.0, "after a few rounds nothing is known to be usual"
    assert 0 <= weather.stolen_share <= 1
    assert os.sched_getaffinity(0) == cpus


def test_work_on_a_cpu_is_seen_as_busy() -> None:
    cpu = min(os.sched_getaffinity(0))
    with pinned([cpu]):
        watch = Watch([cpu], [cpu])
        watch.begin()
        end_s = time.monotonic() + 0.3
        while time.monotonic() < end_s:
            pass
        weather = watch.end()
    assert weather.capacity_s >= 0.3
    assert 0.1 < weather.busy_s < weather.capacity_s + 0.05  # ticks are coarse


def test_the_canary_and_the_counters_are_read_from_this_machine() -> None:
    cpu = min(os.sched_getaffinity(0))
    assert canary_us(cpu) > 0
    assert len(cpu_ticks()[cpu]) == 8
    assert sum(cpu_ticks()[cpu]) > 0
    assert pressure_us() >= 0 or pressure_us() < -1e200
