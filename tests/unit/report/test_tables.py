import io

import pandas as pd
import pytest
from rich.console import Console

from bench.analysis.comparisons import COMPARISON_COLUMNS, compare_arms
from bench.analysis.summary import SUMMARY_COLUMNS, summarise
from bench.formatting import compact, on_axis, spread
from bench.report.tables import collect, results
from bench.schema.arms import Arm
from tests.support import synthetic

REFERENCE = {"tcp": "asyncio/tcp", "udp": "asyncio/udp"}


@pytest.fixture(scope="module")
def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    judged = {("iterative/udp", 64): ("invalid", "GENERATOR_SATURATED=0.93")}
    rows = synthetic.make_run(synthetic.TCP | synthetic.UDP, blocks=6, rounds=4, judged=judged)
    return summarise(rows.trials, rows.slices), compare_arms(rows.trials, rows.slices, REFERENCE)


def printed(tables: tuple[pd.DataFrame, pd.DataFrame], width: int = 106) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width)
    for table in results(*tables, width):
        console.print(table)
    return out.getvalue()


def test_nothing_is_cut_off_at_106_columns(tables: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    text = printed(tables)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 106


def test_a_narrow_terminal_cuts_nothing_off_either(tables: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    text = printed(tables, width=80)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_piped_tables_have_no_control_characters(tables: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    assert "\x1b" not in printed(tables)


def test_there_is_a_table_for_every_load(tables: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    assert [one.title for one in collect(*tables)] == [
        "capacity, 1 connection, 64 bytes",
        "capacity, 16 connections, 64 bytes",
        "capacity, 64 connections, 64 bytes",
    ]


def test_the_fastest_of_a_transport_is_on_top_and_the_twin_at_its_end(
    tables: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    lines = collect(*tables)[2].lines
    medians = [
        line.values["throughput_rps"][0]
        for line in lines
        if Arm.parse(line.arm).transport == "udp" and not Arm.parse(line.arm).control
    ]
    assert medians == sorted(medians, reverse=True)
    assert [line.arm for line in lines][5::6] == ["asyncio/tcp~control", "asyncio/udp~control"]
    assert [line.arm for line in lines][4] == "iterative/tcp"
    assert [line.places for line in lines[:4]] == [(1, 3), (1, 3), (1, 3), (4, 4)]
    assert lines[5].places is None


def test_ratio_reasons_and_marks_are_told(tables: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    text = printed(tables)
    assert "iterative/tcp: skipped, serves one connection at a time" in text
    assert "iterative/udp: invalid, GENERATOR_SATURATED=0.93" in text
    assert " ? " in text
    assert "asyncio again" in text
    assert "reference" in text
    ratio = collect(*tables)[1].lines[-2].ratio
    assert ratio is not None
    assert str(ratio).endswith("slower")


def test_a_run_without_results_has_no_tables() -> None:
    assert results(pd.DataFrame(columns=SUMMARY_COLUMNS), pd.DataFrame(columns=COMPARISON_COLUMNS)) == []


def test_names_cannot_colour_the_terminal() -> None:
    rows = synthetic.make_run({"[red]x/tcp": {1: 1e4}}, blocks=1, rounds=1)
    assert "[red]x" in printed((summarise(rows.trials, rows.slices), compare_arms(rows.trials, rows.slices, REFERENCE)))


@pytest.mark.parametrize(
    ("value", "text"),
    [(31_234, "31.2k"), (999.6, "1.00k"), (99.96, "100"), (9.996, "10.0"), (1_240_000, "1.24M"), (0.414, "0.41")],
)
def test_numbers_have_three_figures(value: float, text: str) -> None:
    assert compact(value) == text


def test_what_is_missing_or_lost_is_told() -> None:
    assert compact(float("nan")) == "-"
    assert compact(float("inf")) == "inf"
    assert spread(float("inf"), 1.0, float("inf")) == "inf"


def test_a_spread_shows_the_larger_side() -> None:
    assert spread(100.0, 99.0, 101.5) == "100 ±1.5%"
    assert spread(100.0, 80.0, 101.5) == "100 ±20%"


def test_an_axis_has_round_numbers() -> None:
    assert [on_axis(value) for value in (0.0, 250.0, 20_000.0, 2.5e6)] == ["0", "250", "20k", "2.5M"]


def test_an_arm_tells_its_parts() -> None:
    assert (Arm.parse("asyncio/tcp@pypy3.9~control").transport, Arm.parse("asyncio/tcp@pypy3.9~control").label) == (
        "tcp",
        "asyncio@pypy3.9",
    )
    assert (Arm.parse("php/udp").transport, Arm.parse("php/udp").label) == ("udp", "php")


def test_a_figure_in_more_doubt_than_its_row_is_marked(tables: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    summary, comparisons = tables
    of_p99 = (summary["arm"] == "select/udp") & (summary["metric"] == "service_p99_us")
    codes = {"verdict": "invalid", "codes": "POLL_BATCH_DELAY=31.0%"}
    text = printed((summary.assign(**{k: summary[k].mask(of_p99, value) for k, value in codes.items()}), comparisons))
    (line, *_) = [line for line in text.splitlines() if line.split()[1:2] == ["select"] and " !!" in line]
    assert line.rstrip().endswith("valid")
    assert "!! invalid: the figure alone, not its row; the worst of them: POLL_BATCH_DELAY=31.0%" in text
