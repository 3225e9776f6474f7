import pytest

from bench.analysis.search_results import summarise_run
from bench.compare.series import Point, RunSummary, Series, collect_series
from bench.schema.load_points import LoadPoint
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from tests.support import synthetic

LOAD_POINT = LoadPoint("capacity", 16, 64)


def make_series(medians: tuple[float, ...], verdicts: tuple[str, ...], arm: str = "select/tcp") -> Series:
    points = [
        Point(position, f"run {position}", median, median, median, verdict)
        for position, (median, verdict) in enumerate(zip(medians, verdicts, strict=True))
    ]
    return Series(arm, LOAD_POINT, "throughput_rps", tuple(points))


def make_summary(label: str, connections: tuple[int, ...] = (16,), scenario: str = "capacity") -> RunSummary:
    arms = ("asyncio/tcp", "asyncio/tcp~control", "select/tcp")
    rates = {arm: dict.fromkeys(connections, 3e4) for arm in arms}
    rows = synthetic.make_run(rates, scenario=scenario, blocks=2, rounds=2)
    return RunSummary(label, summarise_run(rows.trials, rows.slices, None, DEFAULT_THRESHOLDS))


def positions(points: list[Point]) -> list[int]:
    return [point.position for point in points]


def test_series_leaves_invalid_values_out_of_the_search_for_changes() -> None:
    medians = (10.0, 50.0, 10.1, 9.9, 10.0, 20.0, 20.1, 20.2)
    verdicts = ("valid", "invalid", "valid", "valid", "suspect", "valid", "valid", "valid")
    series = make_series(medians, verdicts)
    assert positions(series.sound_points) == [0, 2, 3, 4, 5, 6, 7]
    assert positions(series.changes) == [5]
    assert make_series(medians, ("invalid",) * 8).changes == []


def test_series_reports_changes_of_the_baseline() -> None:
    medians = (10.0, 10.1, 9.9, 10.0, 20.0, 20.1, 20.2, 20.0)
    select = make_series(medians, ("valid",) * 8)
    drifting = make_series(medians, ("valid",) * 8, "native/tcp")
    steady = make_series((10.0, 10.1) * 4, ("valid",) * 8, "native/tcp")
    assert positions(select.changes) == [4]
    assert positions(select.machine_changes([select, drifting])) == [4]
    assert select.machine_changes([select, steady]) == []
    assert drifting.machine_changes([select, drifting]) == []


def test_collect_series_keeps_the_order_of_runs_without_controls() -> None:
    runs = [make_summary("monday"), make_summary("tuesday"), make_summary("friday", connections=(64,))]
    at_16, of_select, at_64, _ = collect_series(runs, "throughput_rps")
    assert [(series.arm, series.load_point.connections) for series in (at_16, of_select, at_64)] == [
        ("asyncio/tcp", 16),
        ("select/tcp", 16),
        ("asyncio/tcp", 64),
    ]
    assert [(point.position, point.run) for point in at_16.points] == [(0, "monday"), (1, "tuesday")]
    assert [(point.position, point.run) for point in at_64.points] == [(2, "friday")]


@pytest.mark.parametrize(("scenario", "count"), [("", 2), ("capacity", 2), ("latency", 0)])
def test_collect_series_is_limited_to_a_scenario(scenario: str, count: int) -> None:
    assert len(collect_series([make_summary("monday")], "throughput_rps", scenario)) == count
    assert collect_series([make_summary("monday")], "max_rate_rps", scenario) == []


def test_rate_of_an_open_loop_is_the_plans_and_no_series() -> None:
    run = make_summary("monday")
    latency = RunSummary("monday", run.summary.assign(scenario_kind="latency"))
    assert collect_series([latency], "throughput_rps") == []
    assert len(collect_series([latency], "cpu_us_per_request")) == 2
