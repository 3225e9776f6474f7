import pytest

from bench.report.tables import Ratio, result_tables
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
    positions = [(row.rank, -row.values["throughput_rps"].median) for row in ranked]
    assert positions == sorted(positions)
    assert next(row.arm.name for row in rows if row.arm.transport == "udp" and not row.rank) == "iterative/udp"
    assert [row.arm.name for row in rows][5::6] == ["asyncio/tcp~control", "asyncio/udp~control"]
    assert rows[4].arm.name == "iterative/tcp"
    assert [row.rank for row in rows[:4]] == [(1, 3), (1, 3), (1, 3), (4, 4)]
    assert rows[5].rank is None


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
