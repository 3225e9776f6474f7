import math
from typing import Any

import pandas as pd
import pytest

from bench.analysis.predictions.burst_cases import ServerPace, planned_bursts, predict_burst
from bench.analysis.predictions.summary_columns import add_predictions
from bench.analysis.predictions.units import ComputeUnits
from bench.plan.definition import Plan
from bench.plan.toml import decode
from bench.schema.metrics import METRICS

BACKLOGS = (5, 128, 1024)
PACE = ServerPace(answered_rps=5000, connecting_s=0.03)  # accepts at most 150 while the clients connect


def make_plan(lifecycle: str = "per_request", connections: int = 1000) -> Plan:
    scenarios = [
        f"""
[[scenarios]]
name = "backlog_{backlog}"
backlog = {backlog}
[[scenarios.populations]]
name = "clients"
connections = {connections}
lifecycle = "{lifecycle}"
arrivals = "constant"
[[scenarios.phases]]
name = "burst"
seconds = 0.01
rate_rps = {{ clients = 100000 }}
[[scenarios.phases]]
name = "afterwards"
seconds = 1.0
off = ["clients"]
"""
        for backlog in BACKLOGS
    ]
    head = 'name = "plan"\nmodels = ["asyncio"]\ntransports = ["tcp"]\nbaseline = "none"\n'
    return decode(head + "".join(scenarios), "text")


def predicted(
    plan: Plan, latency_p50_us: float = 100_000.0, verdict: str = "valid", somaxconn: int = 4096
) -> dict[tuple[str, str], dict[Any, Any]]:
    """Return the summary rows with their predictions. latency_p50_us: of the burst that the queue holds."""
    points: list[dict[str, Any]] = [
        {
            "arm": "asyncio/tcp",
            "scenario": f"backlog_{backlog}",
            "connections": 1000,
            "message_bytes": 64,
            "population": "clients",
            "phase": "burst",
            "rate_rps": math.nan,
            "status": "ok",
        }
        for backlog in BACKLOGS
    ]
    trials = pd.DataFrame(points).assign(
        backlog=[min(backlog, somaxconn) for backlog in BACKLOGS],
        lateness_p50_us=10_000.0,
        pooled_latency_p50_us=latency_p50_us,
        verdict=verdict,
        python="cpython 3.11.7",
        workers=1.0,
        server_cpus="1",
    )
    summary = pd.DataFrame(
        [
            point | {"metric": metric, "unit": METRICS[metric].unit, "median": median, "verdict": verdict}
            for point in points
            for metric, median in (
                ("latency_p50_us", latency_p50_us),
                ("connect_p50_us", 1_020_000.0),
                ("connect_p99_us", 2_010_000.0),
            )
        ]
    )
    table = add_predictions(summary, trials, plan, ComputeUnits({}), machine_cpus=2)
    return {(row["scenario"], row["metric"]): row for row in table.to_dict("records")}


def test_connects_beyond_the_queue_return_after_the_first_retransmission() -> None:
    rows = predicted(make_plan())
    median = rows["backlog_5", "connect_p50_us"]
    assert (median["predicted"], median["prediction"], median["prediction_form"]) == (
        1e6,
        "as predicted",
        "retransmitted SYN",
    )
    tail = rows["backlog_128", "connect_p99_us"]
    assert (tail["predicted"], tail["prediction_ratio"], tail["prediction"]) == (1e6, 2.01, "not explained by this")
    assert all(math.isnan(rows["backlog_1024", metric]["predicted"]) for metric in ("connect_p50_us", "connect_p99_us"))


@pytest.mark.parametrize(
    "rows",
    [
        predicted(make_plan(), verdict="invalid"),
        predicted(make_plan(), latency_p50_us=math.inf),
        predicted(make_plan(), somaxconn=512),  # no queue holds the burst
        predicted(make_plan(lifecycle="persistent")),
        predicted(make_plan(connections=500)),  # clients connect twice
    ],
)
def test_bursts_without_their_inputs_have_no_prediction(rows: dict[tuple[str, str], dict[Any, Any]]) -> None:
    assert all(math.isnan(row["predicted"]) and row["prediction"] == "" for row in rows.values())


def test_quantile_that_depends_on_accepts_has_no_prediction() -> None:
    # 400 + 1 of 1,000 are in the queue. With 150 accepted meanwhile, the median connects at once; without, it does not.
    assert set(predict_burst(1000, 400, PACE)) == {"connect_p99_us"}
    assert set(predict_burst(1000, 300, PACE)) == {"connect_p50_us", "connect_p99_us"}
    assert predict_burst(1000, 900, PACE) == {}


def test_queue_that_is_not_empty_in_time_has_no_prediction() -> None:
    # 129 + 3 connects at 125 per second take 1.06 s, and the SYNs are sent again after 1 s.
    assert predict_burst(1000, 128, ServerPace(answered_rps=125, connecting_s=0.03)) == {}


def test_pace_of_a_burst_that_the_queue_holds() -> None:
    burst = next(planned_bursts(make_plan()))
    pace = ServerPace.of_medians(burst, latency_us=100_000, lateness_us=10_000)  # 500 answers in 0.1 s, 10 + 2 x 10 ms
    assert [pace.answered_rps, pace.connecting_s] == pytest.approx([5000, 0.03])


def test_bursts_of_a_plan() -> None:
    bursts = list(planned_bursts(make_plan()))
    assert [(burst.scenario, burst.phase, burst.connects, burst.seconds) for burst in bursts] == [
        (f"backlog_{backlog}", "burst", 1000, 0.01) for backlog in BACKLOGS
    ]
