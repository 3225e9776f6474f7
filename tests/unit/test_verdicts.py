import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.experiment.trial_quality import Sides
from bench.experiment.trial_quality import judge as judge_trial
from clients import verdicts
from clients.histogram import SLOTS, slot
from clients.judgement import Facts, Judgement, judge
from clients.settings import Settings
from clients.target import Totals
from clients.verdicts import CODES

CLOSED = Settings("tcp", "127.0.0.1", 7, connections=10)
OPEN = replace(CLOSED, rate_rps=1000.0)


def histogram(*values_us: tuple[float, int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    counts = np.zeros(SLOTS, np.int64)
    for value_us, count in values_us:
        counts[slot(int(value_us * 1000))] += count
    return counts


def totals(**changes: Any) -> Totals:
    """Ten thousand requests in ten seconds, all of them answered after 200 us."""
    tally = changes.pop("tally", {})
    found = Totals(duration_s=10.0, elapsed_s=10.0, cpu_share_s=3.0)
    found.tally |= {
        "scheduled": 10_000,
        "sent": 10_000,
        "ok": 10_000,
        "counted": 10_000,
        "replies": 10_000,
        "watched_ns": 10_000_000_000,
        "in_flight_ns": 2_000_000_000,
        "flights_ns": 2_000_000_000,
    }
    found.tally |= tally
    found.headline = histogram((200, 10_000))
    found.histograms |= {
        "service": histogram((200, 10_000)),
        "own": histogram((200, 10_000)),
        "lateness": histogram((1, 10_000)),
        "turnaround": histogram((3, 9_000)),
    }
    found.histograms |= changes.pop("histograms", {})
    for name, value in changes.items():
        setattr(found, name, value)
    return found


def closed(served: list[int] | None = None, lost: int = 0, **changes: Any) -> Judgement:
    return judge(Facts(CLOSED, totals(**changes), [1000] * 10 if served is None else served, lost))


def opened(lost: int = 0, ceiling_rps: float | None = None, **changes: Any) -> Judgement:
    return judge(Facts(OPEN, totals(**changes), [1000] * 10, lost, ceiling_rps=ceiling_rps))


def test_a_load_without_any_doubt_is_valid_and_has_no_codes() -> None:
    assert closed() == opened() == Judgement("valid", [])


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"cpu_share_s": 7.0}, ("valid", [])),
        ({"cpu_share_s": 8.2}, ("suspect", ["GENERATOR_BUSY=0.82"])),
        ({"cpu_share_s": 9.3}, ("invalid", ["GENERATOR_BUSY=0.93"])),
        ({"stolen_s": 0.3}, ("suspect", ["RUN_DELAY=3.0%"])),
        ({"stolen_s": 0.6}, ("invalid", ["RUN_DELAY=6.0%"])),
        ({"gc_runs": 1}, ("suspect", ["GC=1"])),
        ({"major_faults": 2}, ("suspect", ["PAGING=2"])),
        ({"tally": {"corrupt": 1}}, ("invalid", ["CORRUPT=1"])),
        ({"tally": {"reset": 2, "closed": 1}}, ("suspect", ["ERRORS=3"])),
        ({"tally": {"no_ports": 1}}, ("invalid", ["NO_PORTS=1", "ERRORS=1"])),
        ({"lost": 1}, ("suspect", ["LOSS=0.010%"])),
        ({"lost": 11}, ("invalid", ["LOSS=0.110%"])),
        ({"tally": {"late": 2}}, ("suspect", ["LATE=2"])),
        ({"tally": {"sent": 0, "ok": 0}, "served": [0] * 10}, ("invalid", ["NOTHING_SENT"])),
        ({"tally": {"ok": 0}}, ("invalid", ["NO_REPLIES"])),
        ({"served": [5000, 5000] + [0] * 8}, ("invalid", ["STARVED=8", "UNFAIR=0.2"])),
        ({"served": [1500] * 5 + [500] * 5}, ("suspect", ["UNFAIR=0.801"])),
        ({"tally": {"in_flight_ns": 2_065_000_000}}, ("suspect", ["LITTLE=3.0%"])),
        ({"tally": {"in_flight_ns": 4_005_000_000}}, ("invalid", ["LITTLE=100.0%"])),
        ({"headline": histogram((200, 9_900), (41_000, 100))}, ("suspect", ["NAGLE=1.00%"])),
        ({"histograms": {"connect": histogram((50, 90), (1_010_000, 10))}}, ("suspect", ["BACKLOG=10.00%"])),
    ],
)
def test_each_fact_of_a_closed_loop_raises_its_own_code(facts: dict[str, Any], expected: tuple[str, list[str]]) -> None:
    found = closed(**facts)
    assert (found.verdict, found.codes) == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"lost": 100}, ("suspect", ["LOST=1.000%"])),
        ({"tally": {"unsent": 50}}, ("suspect", ["UNSENT=0.500%"])),
        ({"tally": {"pooled": 200}}, ("suspect", ["POOL=2.0%"])),
        ({"tally": {"replies": 9_800}}, ("suspect", ["OVERLOAD=0.98"])),
        ({"ceiling_rps": 1500.0}, ("suspect", ["CEILING=0.667"])),
        ({"ceiling_rps": 1200.0}, ("invalid", ["CEILING=0.833"])),
        ({"histograms": {"lateness": histogram((1, 9_900), (90, 100))}}, ("suspect", ["ADHERENCE=0.9900"])),
        ({"histograms": {"own": histogram((180, 10_000))}}, ("suspect", ["LATENESS=11.1%"])),
        ({"histograms": {"turnaround": histogram((50, 9_000))}}, ("invalid", ["TURNAROUND=25.0%"])),
    ],
)
def test_each_fact_of_an_open_loop_raises_its_own_code(facts: dict[str, Any], expected: tuple[str, list[str]]) -> None:
    found = opened(**facts)
    assert (found.verdict, found.codes) == expected


def test_of_few_requests_no_tail_is_judged() -> None:
    late = histogram((500, 10))
    assert opened(tally={"counted": 10}, histograms={"lateness": late}).codes == []


def test_lost_requests_are_explained_by_the_kernels_drops() -> None:
    def of(drops: dict[str, int]) -> list[str]:
        return judge(Facts(OPEN, totals(), [1000] * 10, 100, drops=drops)).codes

    assert of({"generator": 0, "server": 100}) == ["LOST=1.000%"]
    assert of({"generator": 0, "server": 40}) == ["LOST=1.000%", "UNEXPLAINED_LOSS=0.600%"]
    assert of({"generator": 1, "server": 99}) == ["CLIENT_DROPS=1", "LOST=1.000%"]


def test_a_server_at_its_limit_clears_a_busy_generator_that_is_not() -> None:
    def of(client: float, server: float, *, closed_loop: bool = True) -> tuple[str, str]:
        told = [f"GENERATOR_BUSY={client}"]
        found = judge_trial(told, Sides(client, server, closed_loop=closed_loop))
        return found.verdict, found.codes

    assert of(0.82, 0.95) == ("valid", "")
    assert of(0.82, 0.5) == ("suspect", "GENERATOR_BUSY=0.82")
    assert of(0.93, 0.5) == ("invalid", "GENERATOR_BUSY=0.93")
    assert of(0.93, 0.79) == ("invalid", "GENERATOR_BUSY=0.93")
    assert of(0.93, 0.96) == ("valid", "")
    assert of(0.82, 0.95, closed_loop=False) == ("suspect", "GENERATOR_BUSY=0.82")


def test_a_server_that_was_nearly_busy_tells_by_how_much_the_rate_is_too_low_at_most() -> None:
    found = judge_trial(["GENERATOR_BUSY=0.96"], Sides(0.96, 0.89))
    assert (found.verdict, found.codes, found.bound) == ("suspect", "SHORTFALL=11.0%", "generator")
    opened = judge_trial(["GENERATOR_BUSY=0.96"], Sides(0.96, 0.89, closed_loop=False))
    assert (opened.verdict, opened.codes) == ("invalid", "GENERATOR_BUSY=0.96")
    unseen = judge_trial(["GENERATOR_BUSY=0.96"], Sides(0.96, float("nan")))
    assert (unseen.verdict, unseen.codes) == ("invalid", "GENERATOR_BUSY=0.96")


def test_shared_cpus_make_a_trial_suspect() -> None:
    found = judge_trial(["LATE=1"], Sides(0.1, 0.1, cpus_disjoint=False))
    assert (found.verdict, found.codes) == ("suspect", "SHARED_CPUS LATE=1")


@pytest.mark.parametrize(
    ("told", "sides", "bound"),
    [
        ([], Sides(0.3, 0.95), "server"),
        ([], Sides(0.95, 0.3), "generator"),
        ([], Sides(0.95, 0.94), "generator"),
        ([], Sides(0.95, 0.96), "server"),
        ([], Sides(math.nan, math.nan), "unknown"),
        ([], Sides(0.3, 0.3, in_flight=1.0, servants=4), "neither (waiting)"),
        ([], Sides(0.3, 0.3, in_flight=16.0, servants=1), "neither (waiting)"),
        ([], Sides(0.3, 0.3, in_flight=16.0, servants=4), "neither (lock)"),
        ([], Sides(0.3, 0.3, in_flight=16.0, servants=4, closed_loop=False), "neither (waiting)"),
        ([], Sides(0.3, 0.3, in_flight=16.0, servants=4, usable_cpus=16), "neither (waiting)"),
        (["BACKLOG=2.00%"], Sides(0.3, 0.3, in_flight=16.0, servants=4), "neither (backlog)"),
    ],
)
def test_the_busy_side_is_what_bounds_the_rate(told: list[str], sides: Sides, bound: str) -> None:
    assert judge_trial(told, sides).bound == bound


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (math.nan, ("valid", "")),
        (0.009, ("valid", "")),
        (0.02, ("suspect", "FOREIGN=2.0%")),
        (0.1, ("invalid", "FOREIGN=10.0%")),
    ],
)
def test_programs_on_the_servers_cpus_make_a_trial_doubtful(share: float, expected: tuple[str, str]) -> None:
    found = judge_trial([], Sides(0.3, 0.95, foreign_share=share))
    assert (found.verdict, found.codes) == expected


@pytest.fixture
def own_thresholds() -> Iterator[None]:
    yield
    verdicts.judge_by({})


@pytest.mark.usefixtures("own_thresholds")
def test_thresholds_can_be_changed_and_are_told() -> None:
    verdicts.judge_by({"RUN_DELAY": [0.05, 0.2], "STEAL": [0.02]})
    assert closed(stolen_s=0.3) == Judgement("valid", [])
    assert closed(stolen_s=0.6) == Judgement("suspect", ["RUN_DELAY=6.0%"])
    assert verdicts.changed_thresholds() == [
        "RUN_DELAY: suspect 0.05, invalid 0.2 (our own: 0.01, 0.05)",
        "STEAL: suspect 0.02, invalid 0.05 (our own: 0.01, 0.05)",
    ]
    verdicts.judge_by({})
    assert verdicts.changed_thresholds() == []
    assert closed(stolen_s=0.6).verdict == "invalid"


@pytest.mark.parametrize(
    ("thresholds", "said"), [({"SPEED": [1.0]}, "SPEED"), ({"LOSS": []}, "LOSS"), ({"LOSS": [1.0, 2.0, 3.0]}, "LOSS")]
)
def test_a_threshold_that_cannot_be_is_refused(thresholds: dict[str, list[float]], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        verdicts.judge_by(thresholds)


def test_codes_of_several_rows_merge_to_the_worst_figure_of_each() -> None:
    cells = ["LOSS=0.010% UNFAIR=0.9", "", "UNFAIR=0.7 LOSS=0.020%", "LOSS=0.015% SHARED_CPUS", "NEW=3"]
    assert verdicts.merge(cells) == "SHARED_CPUS LOSS=0.020% UNFAIR=0.7 NEW=3"


def test_the_worst_verdict_wins() -> None:
    assert verdicts.worst(["valid", "invalid", "suspect"]) == "invalid"
    assert verdicts.worst([""]) == "valid"
    assert verdicts.worst([]) == "valid"


@pytest.mark.parametrize(
    ("cells", "verdict"),
    [
        ([""] * 10, "valid"),
        (["RUN_DELAY=2.0%"] * 4 + [""] * 6, "valid"),
        (["RUN_DELAY=2.0%"] * 5 + [""] * 5, "suspect"),
        (["RUN_DELAY=9.0%"] + [""] * 9, "suspect"),
        (["RUN_DELAY=9.0%"] * 5 + [""] * 5, "invalid"),
        (["RUN_DELAY=9.0%"] * 4 + ["STEAL=9.0%"] * 4 + [""] * 2, "suspect"),
        (["LATE=1"] + [""] * 9, "suspect"),
        (["CORRUPT=1"] + [""] * 9, "invalid"),
    ],
)
def test_a_disturbance_counts_by_the_blocks_that_it_hit_and_all_else_by_its_worst(
    cells: list[str], verdict: str
) -> None:
    assert verdicts.verdict_of_blocks(cells) == verdict


@pytest.mark.parametrize(
    ("code", "verdict"),
    [("LOSS=0.010%", "suspect"), ("LOSS=0.200%", "invalid"), ("SHARED_CPUS", "suspect"), ("NEW=3", "suspect")],
)
def test_a_code_in_a_row_tells_its_verdict(code: str, verdict: str) -> None:
    assert verdicts.verdict_of(code) == verdict


@pytest.mark.parametrize("name", CODES)
def test_every_code_says_what_it_means_and_what_to_do(name: str) -> None:
    meaning, advice = verdicts.explain(f"{name}=1")
    assert meaning
    assert advice


def test_an_unknown_code_has_no_words() -> None:
    assert verdicts.explain("WHAT=1") == ("", "")


def _threshold(code: verdicts.Code, figure: float | None) -> str:
    if figure is None:
        return ""
    if not code.style:
        return "always"
    shown = (code.style if "%" in code.style else "{:g}").format(figure)
    return f"{'below' if code.below else 'above'} {shown}"


@pytest.mark.parametrize("code", CODES.values(), ids=CODES)
def test_the_documents_table_says_what_the_code_does(code: verdicts.Code) -> None:
    limits = f"{_threshold(code, code.suspect)} | {_threshold(code, code.invalid)}"
    row = f"| `{code.name}` | {code.meaning} | {code.advice} | {limits} |"
    assert row in (Path(__file__).parents[2] / "docs" / "method.md").read_text().splitlines()
