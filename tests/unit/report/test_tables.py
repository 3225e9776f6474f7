import pandas as pd
import pytest

from bench.analysis.comparisons import noise_floor_at
from bench.report import tables
from bench.report.tables import Ratio, result_tables
from bench.schema.load_points import LoadPoint
from tests.support.results import Results, make_run_with_invalid_case, no_results, results_of


@pytest.fixture(scope="module")
def frames() -> Results:
    """Summary and comparisons of a synthetic run with one invalid case."""
    return results_of(make_run_with_invalid_case())


def test_tables_cover_every_load_point(frames: Results) -> None:
    assert [table.title for table in result_tables(*frames)] == [
        "capacity, 1 connection, 64 bytes",
        "capacity, 16 connections, 64 bytes",
        "capacity, 64 connections, 64 bytes",
    ]


def test_tables_put_best_rank_first_and_control_last(frames: Results) -> None:
    rows = result_tables(*frames)[2].rows
    ranked = [row for row in rows if row.arm.transport == "udp" and row.rank]
    assert ranked[0].rank is not None
    assert ranked[0].rank[0] == 1
    assert next(row.arm.name for row in rows if row.arm.transport == "udp" and not row.rank) == "iterative/udp"
    assert [row.arm.name for row in rows][5::6] == ["asyncio/tcp~control", "asyncio/udp~control"]
    assert rows[4].arm.name == "iterative/tcp"
    assert [row.rank for row in rows[:4]] == [(1, 3), (1, 3), (1, 3), (4, 4)]
    assert rows[5].rank is None


def test_no_row_is_above_one_that_is_concluded_to_be_better(frames: Results) -> None:
    summary, comparisons = frames
    counted = comparisons[comparisons["kind"].isin(["reference", "pair"]) & (comparisons["metric"] == "throughput_rps")]
    for table in result_tables(summary, comparisons):
        place = {row.arm.name: number for number, row in enumerate(table.rows) if row.rank}
        here = counted[counted["connections"] == table.load_point.connections]
        pairs = here[here["arm"].isin(place) & here["reference"].isin(place)].to_dict("records")
        decided = [row for row in pairs if row["conclusion"] in ("faster", "slower")]
        assert decided
        for row in decided:
            is_above = place[row["arm"]] < place[row["reference"]]
            assert is_above == (row["conclusion"] == "faster")


def test_ranked_rows_follow_the_printed_ratio_and_not_the_medians(frames: Results) -> None:
    summary, comparisons = frames
    to_reference = (comparisons["kind"] == "reference") & (comparisons["metric"] == "throughput_rps")
    ties = comparisons.assign(conclusion="inconclusive")
    for arm, ratio in (("select/tcp", 1.02), ("multiprocessing/tcp", 1.05), ("thread_per_client/tcp", 0.9)):
        ties["ratio"] = ties["ratio"].mask(to_reference & (ties["arm"] == arm), ratio)
    rows = [row for row in result_tables(summary, ties)[1].rows if row.arm.transport == "tcp" and row.rank]
    labels = [row.arm.label for row in rows]
    assert labels == ["multiprocessing", "select", "asyncio", "thread_per_client"]
    medians = {row.arm.label: row.values["throughput_rps"].median for row in rows}
    assert medians["select"] > medians["multiprocessing"], "the medians alone would give another order"


def test_noise_floor_is_computed_once_for_each_load_point(frames: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[LoadPoint] = []

    def counted(load_point: LoadPoint, metric: str, comparisons: pd.DataFrame) -> float | None:
        assert set(comparisons["kind"]) == {"control"}, "each call reads all rows that it gets"
        asked.append(load_point)
        return noise_floor_at(load_point, metric, comparisons)

    monkeypatch.setattr(tables, "noise_floor_at", counted)
    result_tables(*frames)
    assert len(asked) == len(set(asked)) == 3


def test_ratio_ends_in_conclusion(frames: Results) -> None:
    ratio = result_tables(*frames)[1].rows[-2].ratio
    assert ratio is not None
    assert str(ratio).endswith("slower")


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (Ratio("a/tcp", 0.8, 0.78, 0.81, "slower"), "0.80 [0.78, 0.81] slower"),
        (Ratio("a/tcp", 1.0, 0.98, 1.01, "equivalent"), "1.00 [0.98, 1.01] ="),
        (Ratio("a/tcp", float("nan"), 0.0, 1.0, "inconclusive"), "inconclusive"),
        (Ratio("a/tcp", float("nan"), 0.0, 1.0, "inconclusive", is_measured=False), "-"),
        (Ratio("a/tcp", 2.0, 0.0, float("inf"), "inconclusive"), "2.00 ?"),
    ],
)
def test_ratio_prints_spread_and_sign(ratio: Ratio, text: str) -> None:
    assert str(ratio) == text


def test_figure_worse_than_its_row_is_marked(frames: Results) -> None:
    summary, comparisons = frames
    is_p99 = (summary["arm"] == "select/udp") & (summary["metric"] == "service_p99_us")
    summary = summary.assign(verdict=summary["verdict"].mask(is_p99, "invalid"))
    (row,) = [row for row in result_tables(summary, comparisons)[2].rows if row.arm.name == "select/udp"]
    assert row.verdict == "valid"
    assert row.mark("service_p99_us") == "!!"
    assert row.mark("throughput_rps") == ""


def test_run_without_results_has_no_tables() -> None:
    assert result_tables(*no_results()) == []
