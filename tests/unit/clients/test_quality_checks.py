from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from clients.engine.credit import WHOLE_CREDIT
from clients.engine.histogram_slots import SLOTS, slot
from clients.load_context import LoadContext
from clients.load_spec import LoadSpec
from clients.measurement import Totals
from clients.quality_catalogue import CATALOGUE, DEFAULT_THRESHOLDS
from clients.quality_checks import Facts, Judgement, judge
from clients.quality_codes import QUANTILES, Thresholds

CLOSED = LoadSpec("tcp", "127.0.0.1", 7, connections=10)
OPEN = replace(CLOSED, rate_rps=1000.0)


def make_histogram(*values_us: tuple[float, int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    counts = np.zeros(SLOTS, np.int64)
    for value_us, count in values_us:
        counts[slot(int(value_us * 1000))] += count
    return counts


def make_totals(**changes: Any) -> Totals:
    """Ten thousand requests in ten seconds, all of them answered after 200 us."""
    tally = {
        "scheduled": 10_000,
        "sent": 10_000,
        "ok": 10_000,
        "counted": 10_000,
        "replies": 10_000,
        "credit": 10_000 * WHOLE_CREDIT,
        "watched_ns": 10_000_000_000,
        "in_flight_ns": 2_000_000_000,
        "flights_ns": 2_000_000_000,
    }
    histograms = {
        "service": make_histogram((200, 10_000)),
        "without_send_delay": make_histogram((200, 10_000)),
        "lateness": make_histogram((1, 10_000)),
        "turnaround": make_histogram((3, 9_000)),
    }
    empty = Totals()
    defaults: dict[str, Any] = {
        "duration_s": 10.0,
        "elapsed_s": 10.0,
        "busiest_cpu_s": 3.0,
        "primary": make_histogram((200, 10_000)),
    }
    return replace(
        empty,
        tally=empty.tally | tally | changes.pop("tally", {}),
        histograms=empty.histograms | histograms | changes.pop("histograms", {}),
        **(defaults | changes),
    )


def codes(judgement: Judgement) -> list[str]:
    return [str(flag) for flag in judgement.flags]


def judge_closed(served: list[int] | None = None, lost: int = 0, **changes: Any) -> Judgement:
    return judge(Facts(CLOSED, make_totals(**changes), [1000] * 10 if served is None else served, lost))


def judge_open(lost: int = 0, baseline_rps: float | None = None, **changes: Any) -> Judgement:
    return judge(Facts(OPEN, make_totals(**changes), [1000] * 10, lost, LoadContext(baseline_rps=baseline_rps)))


@pytest.mark.parametrize("spec", [CLOSED, OPEN])
@pytest.mark.parametrize(("listens", "verdict"), [(True, "valid"), (None, "valid"), (False, "invalid")])
def test_load_of_a_server_that_is_gone_is_invalid(spec: LoadSpec, listens: bool | None, verdict: str) -> None:
    judgement = judge(Facts(spec, make_totals(), [1000] * 10, 0, LoadContext(server_listens=listens)))
    assert judgement.verdict == verdict
    assert codes(judgement) == ([] if listens is not False else ["SERVER_GONE"])


def test_judge_without_doubt_is_valid_and_raises_no_flag() -> None:
    assert judge_closed() == judge_open() == Judgement("valid", [], dict.fromkeys(QUANTILES, "valid"))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"busiest_cpu_s": 7.0}, ("valid", [])),
        ({"busiest_cpu_s": 8.2}, ("suspect", ["GENERATOR_SATURATED=82.0%"])),
        ({"busiest_cpu_s": 9.3}, ("invalid", ["GENERATOR_SATURATED=93.0%"])),
        ({"run_delay_s": 0.3}, ("suspect", ["RUN_DELAY=3.0%"])),
        ({"run_delay_s": 0.6}, ("invalid", ["RUN_DELAY=6.0%"])),
        ({"gc_runs": 1}, ("suspect", ["GENERATOR_GC=1"])),
        ({"major_faults": 2}, ("suspect", ["MAJOR_FAULTS=2"])),
        ({"tally": {"corrupt": 1}}, ("invalid", ["CORRUPT_REPLIES=1"])),
        ({"tally": {"reset": 2, "closed": 1}}, ("valid", ["CONNECTIONS_CLOSED=1", "CONNECTIONS_RESET=2"])),
        ({"tally": {"connect_refused": 4}}, ("valid", ["CONNECTIONS_REFUSED=4"])),
        ({"tally": {"unreachable": 2, "closed": 1}}, ("valid", ["CONNECTIONS_CLOSED=1", "ERRORS=2"])),
        ({"tally": {"no_ports": 1}}, ("invalid", ["PORTS_EXHAUSTED=1"])),
        ({"tally": {"no_descriptors": 2, "reset": 1}}, ("invalid", ["DESCRIPTORS_EXHAUSTED=2", "CONNECTIONS_RESET=1"])),
        ({"lost": 1}, ("valid", ["LOSS=0.010%"])),
        ({"lost": 50}, ("valid", ["LOSS=0.500%"])),
        ({"lost": 2, "slices": 1}, ("suspect", ["BLOCKED_BY_LOSS=2.0%", "LOSS=0.020%"])),
        ({"lost": 6, "slices": 1}, ("invalid", ["BLOCKED_BY_LOSS=6.0%", "LOSS=0.060%"])),
        ({"lost": 5000, "slices": 1}, ("invalid", ["BLOCKED_BY_LOSS=100.0%", "LOSS=50.000%"])),
        ({"lost": 6, "slices": 100}, ("valid", ["LOSS=0.060%"])),
        ({"tally": {"late": 2}}, ("valid", ["LATE_REPLIES=2"])),
        ({"tally": {"sent": 0, "ok": 0}, "served": [0] * 10}, ("invalid", ["NO_REQUESTS_SENT"])),
        ({"tally": {"ok": 0, "credit": 0}}, ("invalid", ["NO_REPLIES"])),
        ({"tally": {"credit": 0}}, ("invalid", ["NO_REPLIES"])),  # all outside the window
        ({"served": [5000, 5000] + [0] * 8}, ("valid", ["STARVED_CONNECTIONS=8", "UNFAIR_SERVICE=20.0%"])),
        ({"served": [1500] * 5 + [500] * 5}, ("valid", ["UNFAIR_SERVICE=80.1%"])),
        ({"tally": {"in_flight_ns": 2_065_000_000}}, ("suspect", ["LITTLES_LAW_VIOLATED=3.0%"])),
        ({"tally": {"in_flight_ns": 4_005_000_000}}, ("invalid", ["LITTLES_LAW_VIOLATED=100.0%"])),
        ({"primary": make_histogram((200, 9_900), (41_000, 100))}, ("valid", ["DELAYED_ACK=1.00%"])),
        (
            {"histograms": {"connect": make_histogram((50, 90), (1_010_000, 10))}},
            ("valid", ["SYN_RETRANSMITS=10.00%"]),
        ),
    ],
)
def test_judge_closed_loop_raises_one_code_per_fact(facts: dict[str, Any], expected: tuple[str, list[str]]) -> None:
    judgement = judge_closed(**facts)
    assert (judgement.verdict, codes(judgement)) == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"lost": 100}, ("valid", ["OPEN_LOOP_LOSS=1.000%"])),
        ({"tally": {"ok": 0, "credit": 0}}, ("invalid", ["NO_REPLIES", "OVERLOAD=0.0%"])),
        ({"tally": {"credit": 0}}, ("valid", ["OVERLOAD=0.0%"])),  # all after a short phase
        ({"tally": {"unsent": 50}}, ("valid", ["UNSENT=0.500%"])),
        ({"tally": {"pooled": 200}}, ("valid", ["CONNECTION_WAIT=2.0%"])),
        ({"tally": {"credit": 9_800 * WHOLE_CREDIT}}, ("valid", ["OVERLOAD=98.0%"])),
        ({"baseline_rps": 1500.0}, ("suspect", ["NEAR_GENERATOR_LIMIT=66.7%"])),
        ({"baseline_rps": 1200.0}, ("invalid", ["NEAR_GENERATOR_LIMIT=83.3%"])),
    ],
)
def test_judge_open_loop_raises_one_code_per_fact(facts: dict[str, Any], expected: tuple[str, list[str]]) -> None:
    judgement = judge_open(**facts)
    assert (judgement.verdict, codes(judgement)) == expected


@pytest.mark.parametrize(
    ("ok", "expected"), [(10_000, ("valid", [])), (0, ("invalid", ["NO_REPLIES"]))], ids=["answered later", "never"]
)
def test_phase_with_replies_after_its_end_is_judged_by_its_requests(ok: int, expected: tuple[str, list[str]]) -> None:
    totals = make_totals(tally={"credit": 0, "ok": ok})
    judgement = judge(Facts(CLOSED, totals, [1000] * 10, 0, LoadContext(is_phase=True)))
    assert (judgement.verdict, codes(judgement)) == expected


@pytest.mark.parametrize(("seconds", "expected"), [(1.0, ["DELAYED_ACK=1.00%"]), (0.01, [])])
def test_latencies_of_a_short_burst_show_no_delayed_acknowledgements(seconds: float, expected: list[str]) -> None:
    totals = make_totals(primary=make_histogram((200, 9_900), (41_000, 100)), duration_s=seconds)
    assert codes(judge(Facts(CLOSED, totals, [1000] * 10, 0, LoadContext(is_phase=True)))) == expected


@pytest.mark.parametrize("tally", [{"ok": 0, "credit": 0}, {"ok": 0, "credit": 0, "sent": 0}], ids=["lost", "unsent"])
def test_silence_after_an_answered_phase_is_a_finding(tally: dict[str, int]) -> None:
    totals = make_totals(tally=tally)
    judgement = judge(Facts(CLOSED, totals, [1000] * 10, 0, LoadContext(is_phase=True, answered_before=True)))
    assert (judgement.verdict, codes(judgement)) == ("valid", ["SILENT_PHASE"])
    judgement = judge(Facts(CLOSED, make_totals(), [1000] * 10, 0, LoadContext(is_phase=True, answered_before=True)))
    assert codes(judgement) == []


@pytest.mark.parametrize(
    ("histograms", "verdicts"),
    [
        # 0.5% of the requests was sent 90 us late: half of those beyond p99, five times those beyond p99.9.
        ({"lateness": make_histogram((1, 9_950), (90, 50))}, "valid valid suspect invalid suspect"),
        # The generator's lateness raised every percentile by 11%.
        ({"without_send_delay": make_histogram((180, 10_000))}, "suspect suspect suspect suspect suspect"),
        # It raised none but the highest.
        ({"without_send_delay": make_histogram((200, 9_985), (190, 15))}, "valid valid valid valid valid"),
        # One poll in 50 took 50 us.
        ({"turnaround": make_histogram((3, 8_820), (50, 180))}, "valid valid invalid invalid invalid"),
    ],
)
def test_judge_open_loop_judges_each_percentile_by_itself(
    histograms: dict[str, np.ndarray[tuple[int], np.dtype[np.int64]]], verdicts: str
) -> None:
    judgement = judge_open(histograms=histograms)
    assert judgement.percentile_verdicts == dict(zip(QUANTILES, verdicts.split(), strict=True))
    assert judgement.verdict == "valid", "rate and costs do not depend on single requests"


def test_judge_lateness_beyond_p99_leaves_the_lower_percentiles_valid() -> None:
    primary = make_histogram((200, 9_950), (300, 50))
    without = make_histogram((200, 10_000))
    judgement = judge_open(primary=primary, histograms={"without_send_delay": without})
    assert list(judgement.percentile_verdicts.values()) == ["valid", "valid", "valid", "invalid", "invalid"]


def test_judge_infinite_percentile_is_not_judged_by_lateness() -> None:
    half_answered = make_histogram((200, 9_000))
    judgement = judge_open(primary=half_answered, histograms={"without_send_delay": half_answered})
    assert judgement.flags == []


def test_judge_below_1000_requests_ignores_the_tail() -> None:
    late = make_histogram((500, 10))
    assert judge_open(tally={"counted": 10}, histograms={"lateness": late}).flags == []


def test_judge_lost_datagrams_counts_kernel_drops() -> None:
    def of(drops: dict[str, int]) -> list[str]:
        return codes(judge(Facts(OPEN, make_totals(), [1000] * 10, 100, LoadContext(drops=drops))))

    assert of({"generator": 0, "server": 100}) == ["OPEN_LOOP_LOSS=1.000%"]
    assert of({"generator": 0, "server": 40}) == ["OPEN_LOOP_LOSS=1.000%", "UNEXPLAINED_LOSS=0.600%"]
    assert of({"generator": 1, "server": 99}) == ["GENERATOR_DROPS=1", "OPEN_LOOP_LOSS=0.990%"]
    assert of({"generator": 100, "server": 0}) == ["GENERATOR_DROPS=100"]


def test_judge_uses_the_thresholds_it_is_given() -> None:
    thresholds = Thresholds(CATALOGUE, {"RUN_DELAY": [0.05, 0.2]})

    def verdict(run_delay_s: float, thresholds: Thresholds) -> str:
        facts = Facts(CLOSED, make_totals(run_delay_s=run_delay_s), [1000] * 10, 0, LoadContext(thresholds=thresholds))
        return judge(facts).verdict

    assert [verdict(0.3, thresholds), verdict(0.6, thresholds)] == ["valid", "suspect"]
    assert [verdict(0.3, DEFAULT_THRESHOLDS), verdict(0.6, DEFAULT_THRESHOLDS)] == ["suspect", "invalid"]
