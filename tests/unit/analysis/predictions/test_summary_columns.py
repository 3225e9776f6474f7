import math
from typing import Any

import pandas as pd
import pytest

from bench.analysis.cases import to_table
from bench.analysis.predictions.machine_facts import recorded_cpus, recorded_units
from bench.analysis.predictions.summary_columns import add_predictions
from bench.analysis.predictions.units import ComputeUnits
from bench.plan.definition import Plan
from bench.plan.toml import decode
from bench.schema.arms import Arm
from bench.schema.metrics import METRICS
from bench.schema.result_rows import SummaryRow

HEAD = """
name = "plan"
question = "q"
models = ["asyncio"]
transports = ["tcp"]
baseline = "none"
blocks = 6
"""
WAITING = (
    HEAD
    + """
[[scenarios]]
name = "no_wait"
question = "q"
protocol = "work"
connections = [1, 16, 64, 1000]
seconds = 0.3
[[scenarios]]
name = "wait"
question = "q"
protocol = "work"
wait_ms = 5.0
connections = [1, 16, 64, 1000]
seconds = 0.3
[[scenarios]]
name = "compute"
question = "q"
protocol = "work"
compute_units = 1000
connections = [1, 64]
seconds = 0.3
"""
)
MIXED = (
    WAITING
    + """
[[scenarios]]
name = "mixed"
question = "q"
protocol = "work"
rate_rps = 3000
seconds = 1.0
[[scenarios.populations]]
name = "light"
connections = 32
rate_share = 0.99
[[scenarios.populations]]
name = "heavy"
connections = 8
rate_share = 0.01
compute_units = 10000
"""
)
ALONE = (
    MIXED
    + """
[[scenarios]]
name = "light_alone"
question = "q"
protocol = "work"
connections = [32]
rate_rps = 3000
seconds = 1.0
[[scenarios]]
name = "heavy_alone"
question = "q"
protocol = "work"
connections = [8]
compute_units = 10000
rate_rps = 30
seconds = 1.0
"""
)
IDLE = (
    HEAD
    + """
[[scenarios]]
name = "idle"
question = "q"
connections = [0, 100, 1000]
seconds = 0.3
[[scenarios.populations]]
name = "active"
connections = 64
[[scenarios.populations]]
name = "idle"
behaviour = "silent"
"""
)
UNITS = ComputeUnits({("cpython 3.11.7", "lock"): 1.0e-6})
Figures = dict[tuple[str, int], dict[str, float]]  # of a scenario at a number of connections, by metric
IDLE_FIGURES: Figures = {
    ("no_wait", 1): {"service_p50_us": 30.0, "cpu_us_per_request": 20.0},
    ("no_wait", 16): {"cpu_us_per_request": 10.0},
    ("no_wait", 64): {"cpu_us_per_request": 10.0},
}


def make_row(
    arm: str, point: tuple[str, int], metric: str, median: float, part: tuple[str, float | None]
) -> SummaryRow:
    population, rate_rps = part
    return SummaryRow(
        arm=arm,
        model=Arm.parse(arm).model,
        transport="tcp",
        protocol="work",
        python="cpython 3.11.7",
        scenario_kind="capacity",
        scenario=point[0],
        connections=point[1],
        message_bytes=64,
        population=population,
        rate_rps=rate_rps,
        metric=metric,
        unit=METRICS[metric].unit,
        blocks=6,
        median=median,
        low=median,
        high=median,
        verdict="valid",
        codes="",
        findings="",
        status="ok",
        reason="",
    )


def make_summary(arm: str, figures: Figures, part: tuple[str, float | None] = ("", None)) -> pd.DataFrame:
    rows = [
        make_row(arm, point, metric, median, part)
        for point, metrics in figures.items()
        for metric, median in metrics.items()
    ]
    return to_table(rows, SummaryRow)


def predict(
    summary: pd.DataFrame, plan: Plan, server_cpus: str = "1", workers: float = 1.0
) -> dict[tuple[str, int, str, str], dict[Any, Any]]:
    """Return the rows of the summary with their predictions, by scenario, connections, population and metric."""
    arms = summary["arm"].unique()
    trials = pd.DataFrame(
        {"arm": arms, "status": "ok", "python": "cpython 3.11.7", "workers": workers, "server_cpus": server_cpus}
    )
    table = add_predictions(summary, trials, plan, UNITS, machine_cpus=2)
    return {
        (row["scenario"], row["connections"], row["population"], row["metric"]): row for row in table.to_dict("records")
    }


def test_waiting_loop_is_predicted_from_other_load_points() -> None:
    figures = IDLE_FIGURES | {
        ("wait", 1): {"service_p50_us": 5200.0, "throughput_rps": 192.0, "cpu_us_per_request": 80.0},
        ("wait", 16): {"cpu_us_per_request": 16.0},
        ("wait", 64): {"throughput_rps": 10_500.0, "service_p50_us": 6100.0, "cpu_us_per_request": 99.0},
        ("wait", 1000): {"throughput_rps": 20_000.0, "cpu_us_per_request": 18.0},
    }
    table = predict(make_summary("asyncio/tcp", figures), decode(WAITING, "plan"))
    row = table["wait", 64, "", "throughput_rps"]
    # c = 17 us, the median of those with 16 and 1,000 connections; w = 5,170 us; r = 13 us
    expected_rps = 64 / (0.00517 + 13e-6 + 64 * 17e-6)
    assert row["predicted"] == pytest.approx(expected_rps)
    assert row["prediction_ratio"] == pytest.approx(10_500 / expected_rps)
    assert (row["prediction"], row["prediction_form"], row["predicted_limit"]) == (
        "as predicted",
        "lockstep",
        "clients",
    )
    assert table["wait", 64, "", "service_p50_us"]["predicted"] == pytest.approx(64e6 / expected_rps)
    saturated = table["wait", 1000, "", "throughput_rps"]
    assert saturated["predicted"] == pytest.approx(1e6 / 57.5)  # c with 16 and with 64: 16 and 99 us
    assert (saturated["prediction"], saturated["predicted_limit"]) == ("not explained by this", "cpu")


def test_one_waiting_connection_is_predicted_from_the_wait_asked_for() -> None:
    figures = IDLE_FIGURES | {("wait", 1): {"service_p50_us": 6200.0, "cpu_us_per_request": 80.0}}
    table = predict(make_summary("asyncio/tcp", figures), decode(WAITING, "plan"))
    row = table["wait", 1, "", "service_p50_us"]
    assert row["predicted"] == pytest.approx(5030)
    assert row["prediction"] == "not explained by this"


@pytest.mark.parametrize(
    ("model", "workers", "cpus", "expected_rps", "form", "limit"),
    [
        ("asyncio_blocking", 1, "1", 1 / 0.00518, "slots", "waiting slots"),
        ("asyncio_to_thread", 1, "1", 6 / 0.00518, "slots", "waiting slots"),
        ("thread_per_client", 1, "1", 64 / 0.0052, "spread", "clients"),
        ("select", 1, "1", 64 / 0.0052, "spread", "clients"),
        ("prefork_asyncio", 2, "1 2", 64 / (0.00519 + 32 * 10e-6), "lockstep", "clients"),
    ],
)
def test_architectures_have_their_own_forms(
    model: str, workers: int, cpus: str, expected_rps: float, form: str, limit: str
) -> None:
    figures = IDLE_FIGURES | {
        ("wait", 1): {"service_p50_us": 5200.0},
        ("wait", 64): {"throughput_rps": 1000.0},
    }
    table = predict(make_summary(f"{model}/tcp", figures), decode(WAITING, "plan"), cpus, workers)
    row = table["wait", 64, "", "throughput_rps"]
    assert row["predicted"] == pytest.approx(expected_rps, rel=1e-3)
    assert (row["prediction_form"], row["predicted_limit"]) == (form, limit)


@pytest.mark.parametrize(("model", "expected_rps"), [("asyncio", 990.1), ("process_per_client", 1980)])
def test_compute_is_predicted_from_units_or_one_connection(model: str, expected_rps: float) -> None:
    figures = IDLE_FIGURES | {
        ("compute", 1): {"throughput_rps": 950.0},
        ("compute", 64): {"throughput_rps": 970.0},
    }
    table = predict(make_summary(f"{model}/tcp", figures), decode(WAITING, "plan"), "1 2")
    assert table["compute", 64, "", "throughput_rps"]["predicted"] == pytest.approx(expected_rps, rel=1e-3)
    assert table["compute", 1, "", "throughput_rps"]["predicted"] == pytest.approx(1 / 1030e-6, rel=1e-3)
    measured = figures | {("compute", 1): {"service_p50_us": 1230.0}}
    table = predict(make_summary("asyncio/tcp", measured), decode(WAITING, "plan"))
    assert table["compute", 64, "", "throughput_rps"]["predicted"] == pytest.approx(1 / 1210e-6)


def make_mixed(arm: str) -> pd.DataFrame:
    figures: Figures = {("mixed", 0): {"latency_p50_us": 50.0, "latency_p99_us": 16_000.0}}
    tables = [
        make_summary(arm, IDLE_FIGURES),
        make_summary(arm, figures, ("light", 2970.0)),
        make_summary(arm, figures, ("heavy", 30.0)),
    ]
    return pd.concat(tables, ignore_index=True)


def test_mixed_loads_of_a_loop_are_predicted_first_come_first_served() -> None:
    table = predict(make_mixed("select/tcp"), decode(MIXED, "plan"))
    light, heavy = (table["mixed", 0, population, "latency_p99_us"] for population in ("light", "heavy"))
    assert light["prediction_form"] == "first come first served"
    assert 15_000 < light["predicted"] < 25_000
    assert heavy["predicted"] == pytest.approx(light["predicted"] + 10_000, rel=0.01)  # the same wait, its own 10 ms
    assert 0 < table["mixed", 0, "light", "latency_p50_us"]["predicted"] < 100


def test_mixed_loads_of_threads_are_predicted_with_the_lock() -> None:
    threads = predict(make_mixed("thread_per_client/tcp"), decode(MIXED, "plan"), "1 2")
    light = threads["mixed", 0, "light", "latency_p99_us"]
    assert light["prediction_form"] == "interpreter lock"
    assert 5_000 < light["predicted"] < 15_000
    assert math.isnan(threads["mixed", 0, "heavy", "latency_p99_us"]["predicted"])
    short = predict(make_mixed("thread_switch_interval/tcp"), decode(MIXED, "plan"), "1 2")
    assert short["mixed", 0, "light", "latency_p99_us"]["predicted"] < light["predicted"] / 4


def heavy_alone(latency_us: float, cpu_us: float) -> Figures:
    return {("heavy_alone", 8): {"latency_p50_us": latency_us, "cpu_us_per_request": cpu_us}}


@pytest.mark.parametrize("model", ["thread_per_client", "process_per_client"])
def test_short_requests_that_wait_for_a_single_cpu_have_no_prediction(model: str) -> None:
    table = predict(make_mixed(f"{model}/tcp"), decode(MIXED, "plan"))
    assert table["mixed", 0, "light", "latency_p99_us"]["prediction"] == ""
    assert table["mixed", 0, "light", "latency_p50_us"]["prediction"] != ""


def test_median_of_undelayed_requests_is_a_higher_quantile_of_those_alone() -> None:
    """Heavy requests are there for a = 0.3 / (1 - 0.15) of the time: the median is the 77% quantile of the others."""
    figures = {"latency_p50_us": 80.0, "latency_p90_us": 120.0, "cpu_us_per_request": 50.0}
    tables = [
        make_mixed("select/tcp"),
        make_summary("select/tcp", {("light_alone", 32): figures}, ("", 3000.0)),
        make_summary("select/tcp", heavy_alone(10_000.0, 10_000.0), ("", 30.0)),
    ]
    table = predict(pd.concat(tables, ignore_index=True), decode(ALONE, "plan"))
    slower_share = 1 - 0.5 / (1 - 0.3 / (1 - 2970 * 50e-6))
    expected_us = 80 + 40 * math.log(0.5 / slower_share) / math.log(5)
    assert table["mixed", 0, "light", "latency_p50_us"]["predicted"] == pytest.approx(expected_us)


@pytest.mark.parametrize("heavy_us", [9_000.0, 10_000.0])
def test_requests_that_were_measured_alone_decide_the_prediction(heavy_us: float) -> None:
    """A light request takes 80 us alone, 50 us of it CPU time."""
    alone = [
        make_summary(
            "select/tcp", {("light_alone", 32): {"latency_p50_us": 80.0, "cpu_us_per_request": 50.0}}, ("", 3000.0)
        ),
        make_summary(
            "select/tcp", {("heavy_alone", 8): {"latency_p50_us": 9_900.0, "cpu_us_per_request": heavy_us}}, ("", 30.0)
        ),
    ]
    table = predict(pd.concat([make_mixed("select/tcp"), *alone], ignore_index=True), decode(ALONE, "plan"))
    light, heavy = (table["mixed", 0, population, "latency_p99_us"] for population in ("light", "heavy"))
    assert table["mixed", 0, "light", "latency_p50_us"]["predicted"] == pytest.approx(80, abs=10)  # of one grid cell
    assert heavy["predicted"] - light["predicted"] == pytest.approx(heavy_us - 50, rel=0.01)
    assert table["light_alone", 32, "", "latency_p50_us"]["prediction"] == "", "it is a quantity itself"
    assert table["heavy_alone", 8, "", "latency_p50_us"]["prediction"] == ""


def test_requests_that_queue_alone_are_no_quantity() -> None:
    busy = make_summary("select/tcp", heavy_alone(20_000.0, 9_000.0), ("", 30.0))  # 60% of the time
    with_busy = predict(pd.concat([make_mixed("select/tcp"), busy], ignore_index=True), decode(ALONE, "plan"))
    without = predict(make_mixed("select/tcp"), decode(ALONE, "plan"))
    key = ("mixed", 0, "light", "latency_p99_us")
    assert with_busy[key]["predicted"] == without[key]["predicted"]
    assert with_busy["heavy_alone", 8, "", "latency_p50_us"]["prediction_form"] == "first come first served"


def test_mixed_loads_have_no_prediction_with_fewer_cpus_than_workers() -> None:
    table = predict(make_mixed("multiprocessing/tcp"), decode(MIXED, "plan"), server_cpus="1", workers=2)
    assert table["mixed", 0, "light", "latency_p99_us"]["prediction"] == ""
    table = predict(make_mixed("multiprocessing/tcp"), decode(MIXED, "plan"), server_cpus="1 2", workers=2)
    assert table["mixed", 0, "light", "latency_p99_us"]["prediction"] != ""


def test_memory_of_idle_connections_is_extrapolated() -> None:
    figures: Figures = {("idle", n): {"memory_mb": 20 + n / 50} for n in (0, 100, 1000)}
    table = predict(make_summary("asyncio/tcp", figures, ("idle", None)), decode(IDLE, "plan"))
    row = table["idle", 1000, "idle", "memory_mb"]
    assert (row["predicted"], row["prediction"]) == (pytest.approx(40), "as predicted")
    assert math.isnan(table["idle", 100, "idle", "memory_mb"]["predicted"])


def test_unknown_models_and_idle_handlers_have_no_prediction() -> None:
    figures = IDLE_FIGURES | {("wait", 64): {"throughput_rps": 1000.0}}
    table = predict(make_summary("my_server/tcp", figures), decode(WAITING, "plan"))
    assert all(math.isnan(row["predicted"]) and row["prediction"] == "" for row in table.values())
    table = predict(make_summary("asyncio/tcp", IDLE_FIGURES), decode(WAITING, "plan"))
    assert all(math.isnan(row["predicted"]) for row in table.values())


def test_memory_of_a_few_connections_predicts_nothing() -> None:
    """16 more connections may cost a page or none; the line goes through 0 and 100."""
    memory_mb = {0: 20.0, 16: 20.0, 100: 22.0, 1000: 40.0}
    figures: Figures = {("idle", count): {"memory_mb": value} for count, value in memory_mb.items()}
    plan = decode(IDLE.replace("[0, 100, 1000]", "[0, 16, 100, 1000]"), "plan")
    table = predict(make_summary("asyncio/tcp", figures, ("idle", None)), plan)
    assert table["idle", 1000, "idle", "memory_mb"]["predicted"] == pytest.approx(40)
    assert all(math.isnan(table["idle", count, "idle", "memory_mb"]["predicted"]) for count in (0, 16, 100))


def test_an_invalid_figure_is_no_input() -> None:
    summary = make_summary("asyncio/tcp", IDLE_FIGURES | {("wait", 64): {"throughput_rps": 1000.0}})
    summary.loc[summary["scenario"] == "no_wait", "verdict"] = "invalid"
    assert all(math.isnan(row["predicted"]) for row in predict(summary, decode(WAITING, "plan")).values())


def test_machine_facts_are_read_from_the_environment() -> None:
    entry = {"python": "cpython 3.11.7", "lock": {"best_us": 1.02, "median_us": 2.0}, "release": {"best_us": 0}}
    units = recorded_units({"work_units": {"cpython 3.11.7": entry, "3.12": "damaged"}})
    assert units.unit_s("cpython 3.11.7", "lock") == pytest.approx(1.02e-6)
    assert units.unit_s("cpython 3.11.7", "release") is None
    assert recorded_units({}).unit_s("cpython 3.11.7", "lock") is None
    assert recorded_cpus({"machine": {"cpus": 2}}) == 2
    assert recorded_cpus({}) == 1
