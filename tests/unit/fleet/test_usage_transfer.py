"""Resources of generators on other machines."""

import json

from bench.fleet.usage_transfer import add_usages, usage_from_plain, usage_to_plain
from bench.machine.process_usage import CLOCKS, TICKS, Usage, switches_between


def make_usage(cpu_ns: int, runs: int, source: str = CLOCKS) -> Usage:
    return Usage(cpu_ns, 10.0, 1, 1, 5, {(7, 7): runs}, source)


def test_usage_survives_the_transfer() -> None:
    usage = make_usage(123_456_789_012, 42, TICKS)
    assert usage_from_plain(json.loads(json.dumps(usage_to_plain(usage)))) == usage


def test_sum_keeps_threads_with_equal_ids_apart() -> None:
    before = add_usages([make_usage(100, 3), make_usage(200, 5)])
    after = add_usages([make_usage(150, 4), make_usage(300, 9, TICKS)])
    assert (before.cpu_ns, before.rss_mb, before.threads) == (300, 20.0, 2)
    assert after.cpu_source == TICKS
    assert switches_between(before, after) == 1 + 4
