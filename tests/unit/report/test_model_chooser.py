import math

import pandas as pd
import pytest

from bench.analysis.summary import summarise
from bench.report.measured_handlers import measured_handlers, offered_values
from bench.report.model_chooser import bar, choices, highest_rates, measured_range
from bench.report.tables import Estimate
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from tests.support import synthetic
from tests.unit.report.work_runs import WAITING, make_mixed, make_waiting

Values = dict[str, tuple[float, float, float, str]]  # median, low, high and verdict, by metric


def make_rows(
    arm: str, values: Values, scenario: str = "capacity", rate_rps: float = math.nan
) -> list[dict[str, object]]:
    """Return summary rows of one case."""
    case = {"arm": arm, "scenario": scenario, "connections": 64, "message_bytes": 1024, "rate_rps": rate_rps}
    case |= {"population": "", "phase": ""}
    return [
        case | {"metric": metric, "median": median, "low": low, "high": high, "verdict": verdict}
        for metric, (median, low, high, verdict) in values.items()
    ]


@pytest.fixture
def summary() -> pd.DataFrame:
    """Summary rows of two measured cases, an unmeasured one, a control and a baseline."""
    rate = {"throughput_rps": (100.0, 90.0, 110.0, "valid")}
    p99 = {"service_p99_us": (9.0, 8.0, 12.0, "invalid"), "memory_mb": (13.0, 13.0, 14.0, "valid")}
    rows = make_rows("select/tcp", rate | p99)
    rows += make_rows("select/tcp", {"sessions_per_s": (5.0, 4.0, 6.0, "suspect")} | rate, "sessions")
    rows += make_rows("iterative/tcp", {"throughput_rps": (math.nan, math.nan, math.nan, "")})
    rows += make_rows("select/tcp~control", rate) + make_rows("native/tcp", rate)
    return pd.DataFrame(rows)


def test_choices_contain_measured_competing_cases(summary: pd.DataFrame) -> None:
    capacity, sessions = choices(summary)
    assert str(capacity.load_point) == "capacity, 64 connections, 1024 bytes"
    assert (capacity.arm.name, capacity.rate_unit, sessions.rate_unit) == ("select/tcp", "requests/s", "sessions/s")
    assert choices(pd.DataFrame()) == []


def test_choice_judges_each_figure_for_itself(summary: pd.DataFrame) -> None:
    capacity, sessions = choices(summary)
    assert [judged.verdict for judged in (capacity.rate, capacity.p99_us)] == ["valid", "invalid"]
    assert (capacity.verdict, sessions.verdict) == ("invalid", "suspect")
    assert capacity.p99_kind == "service time"


def test_verdict_of_a_choice_is_that_of_the_tables(summary: pd.DataFrame) -> None:
    capacity, sessions = choices(summary.assign(scenario_kind=["capacity"] * 3 + ["sessions"] * 2 + ["capacity"] * 3))
    assert (capacity.verdict, sessions.verdict) == ("valid", "suspect")
    assert (capacity.mark(capacity.rate), capacity.mark(capacity.p99_us)) == ("", "!!")
    assert sessions.mark(sessions.rate) == ""


def test_choice_filters_by_pessimistic_ends(summary: pd.DataFrame) -> None:
    values = choices(summary)[0].filter_values
    of_load = {"connections": "64", "bytes": "1024", "wait": "0", "compute": "0", "idle": "0"}
    assert values == {"rate": "90", "p99": "12", "memory": "13"} | of_load
    assert choices(summary)[1].filter_values["p99"] == ""


def test_bars_have_a_scale_for_each_unit(summary: pd.DataFrame) -> None:
    assert highest_rates(choices(summary)) == {"requests/s": 110.0, "sessions/s": 6.0}
    assert bar(Estimate(50.0, 40.0, 120.0), 100.0) == (50.0, 40.0, 100.0)
    assert bar(Estimate(), 100.0) == (0.0, 0.0, 0.0)


def test_measured_range_names_the_largest_load(summary: pd.DataFrame) -> None:
    assert measured_range(choices(summary)) == "up to 64 connections and messages of up to 1024 bytes"
    assert measured_range([]) == ""


def test_choices_have_the_work_of_their_load() -> None:
    rows = synthetic.concat_runs(make_mixed(), make_waiting(5_000.0, WAITING))
    summary = summarise(rows.trials, rows.slices, DEFAULT_THRESHOLDS)
    cases = choices(summary, measured_handlers(rows.trials))
    works = {(choice.load_point.scenario, choice.handlers.wait_ms, choice.handlers.compute_ms) for choice in cases}
    assert works == {("mixed", 0.0, 10.0), ("wait", 5.0, 0.0)}
    assert offered_values(choice.handlers for choice in cases) == {"wait": ["0", "5"], "compute": ["0", "10"]}


def test_idle_connections_are_those_of_silent_clients() -> None:
    rows = make_mixed()
    is_heavy = rows.trials["population"] == "heavy"
    silent = rows.trials.assign(
        behaviour=rows.trials["behaviour"].mask(is_heavy, "silent"),
        population_connections=rows.trials["population_connections"].mask(is_heavy, 1_000),
    )
    (handlers,) = measured_handlers(silent).values()
    assert handlers.filter_values["idle"] == "1000"


def test_run_without_work_offers_no_choice_of_it() -> None:
    rows = synthetic.make_run({"select/tcp": {1: 1e4}}, blocks=1, rounds=1)
    assert offered_values(measured_handlers(rows.trials).values()) == {}
