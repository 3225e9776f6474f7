from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from clients.engine.histogram_slots import SLOTS
from clients.generator_shares import GeneratorShare, SliceStart, describe_shares
from clients.load_division import divide
from clients.load_spec import LoadSpec
from clients.measurement import COUNTER_NAMES
from clients.merged_counts import merge_populations

EMPTY = {"shape": [SLOTS], "at": [], "values": []}


def make_counts(served: Sequence[int], **tally: int) -> dict[str, Any]:
    """Return plain counts of one generator in one population. served: replies of each connection."""
    counts = dict.fromkeys(COUNTER_NAMES, 0) | {"sent": sum(served), "ok": sum(served)} | tally
    totals = {
        "slices": 1, "duration_s": 1.0, "elapsed_s": 1.0, "busiest_cpu_s": 0.5, "run_delay_s": 0.02,
        "involuntary_switches": 0, "major_faults": 0, "gc_runs": 0, "tally": counts, "primary": EMPTY,
        "histograms": {"lateness": EMPTY, "connect": EMPTY},
    }  # fmt: skip
    return {"totals": totals, "served": list(served), "last": None, "phases": [], "goodput": None}


def describe(
    parts: Sequence[Mapping[str, Any]], starts: Sequence[SliceStart] = (), **spec: Any
) -> list[GeneratorShare]:
    connections = sum(len(part["served"]) for part in parts)
    whole = LoadSpec("tcp", "127.0.0.1", 1, connections=connections, timeout_s=1.0, **spec)
    shares = {k: {"": own} for k, own in enumerate(divide(whole, len(parts))) if own is not None}
    return [*describe_shares({"": dict(enumerate(parts))}, shares, starts, 1.0).values()]


def test_generator_that_sends_less_per_connection_is_behind_the_others() -> None:
    fast, slow, other = describe([make_counts([1000, 1010]), make_counts([880, 884]), make_counts([1005, 995])])
    assert slow.load_ratio == pytest.approx(882 / 1002.5)
    assert slow.shortfall_share == pytest.approx(1 - 882 / 1002.5)
    assert fast.shortfall_share == other.shortfall_share == 0


def test_uneven_numbers_of_connections_are_no_shortfall() -> None:
    found = describe([make_counts([1000] * 3), make_counts([1000] * 3), make_counts([1000] * 2)])
    assert [each.load_ratio for each in found] == [1.0, 1.0, 1.0]


def test_unfair_server_is_no_shortfall_of_a_generator() -> None:
    """One connection gets most of the replies, wherever it is."""
    found = describe([make_counts([3000, 20, 10]), make_counts([30, 20, 10])])
    assert found[1].load_ratio is not None
    assert found[1].load_ratio < 0.1
    assert found[1].shortfall_share == 0


def test_chance_is_no_shortfall() -> None:
    assert describe([make_counts([100]), make_counts([85])])[1].shortfall_share == 0
    assert describe([make_counts([10_000]), make_counts([8_500])])[1].shortfall_share == pytest.approx(0.15)


def test_open_loop_compares_requests_of_each_connection() -> None:
    parts = [make_counts([1000], sent=5000, scheduled=5000), make_counts([1000], sent=4500, scheduled=4500)]
    first, second = describe(parts, rate_rps=9000.0)
    assert first.shortfall_share == 0
    assert second.shortfall_share == pytest.approx(0.1)


def test_generator_alone_has_no_share() -> None:
    (only,) = describe([make_counts([10, 10])])
    assert only.load_ratio is None
    assert only.shortfall_share == 0


def test_late_start_counts_beyond_the_warmup() -> None:
    starts = [SliceStart(0.0001, 0.0002, 0.01, {0: 0.0, 1: 0.004}), SliceStart(0.0001, 0.0002, 0.01, {0: 0.0, 1: 0.06})]
    assert starts[1].skew_s == pytest.approx(0.0601)
    first, second = describe([make_counts([10]), make_counts([10])], starts)
    assert (first.missing_share, first.late_start_us) == (0.0, 0.0)
    assert second.missing_share == pytest.approx(0.05)
    assert second.late_start_us == pytest.approx(60_000)


def test_run_delay_of_many_generators_is_that_of_the_worst() -> None:
    """Each has a CPU of its own. A sum would call the load of 64 quiet hosts invalid."""
    spec = LoadSpec("tcp", "127.0.0.1", 1, connections=64, timeout_s=1.0)
    assert merge_populations([make_counts([1])] * 64, spec).totals.run_delay_s == 0.02
